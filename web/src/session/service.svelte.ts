/** Whether the service answers and which artifact it has, and what calls it again after a failure. */

import { SvelteMap } from "svelte/reactivity";
import { type Artifacts, ServiceError, Unreachable, api, key } from "../api";
import { settings } from "../settings.svelte";
import { messages } from "./messages.svelte";

/** Waits before the first attempts to reach the service again, in milliseconds, and before all others. */
const RETRY_AFTER = [400, 800, 1_600];
const LAST_RETRY_AFTER = 3_000;

export type IsNewest = () => boolean;

class Service {
  state = $state<"ready" | "unreachable" | "busy" | "locked">("ready");
  hasKey = $state(key.get() !== "");
  artifact = $state.raw<Artifacts | null>(null);
  /** By part of the page: why it has no new value, and how to try again. */
  problems = new SvelteMap<string, { error: unknown; retry: () => void }>();
  #failures = 0;
  /** What to repeat when the service is back, or has a key, by name: once each, however often it failed. */
  #retries = new Map<string, () => void>();
  #timer = 0;

  /**
   * Do something that calls the service; if it fails, its part shows the reason and a retry. Nothing
   * is said or tried again once something newer has begun.
   */
  async attempt(name: string, action: () => Promise<void>, isNewest: IsNewest = () => true): Promise<void> {
    if (!isNewest()) return;
    try {
      await action();
      if (!isNewest()) return;
      this.problems.delete(name);
      this.recover();
    } catch (error) {
      if (isNewest()) this.fail(error, name, () => void this.attempt(name, action, isNewest));
    }
  }

  /** The service has answered. */
  recover(): void {
    if (this.state === "unreachable" || this.state === "busy") {
      messages.announcement = settings.words.back;
      if (!this.artifact) void this.loadArtifact();
    }
    this.state = "ready";
    this.#failures = 0;
  }

  /** Show why a part has no value, and call `retry` later where that can help. */
  fail(error: unknown, name: string, retry: () => void): void {
    const status = error instanceof ServiceError ? error.status : 0;
    // A key that may only read is still good for the rest of the page.
    if (status === 401 || (status === 403 && name !== "hide")) {
      this.state = "locked";
      this.#retries.set(name, retry);
      return;
    }
    const busy = error instanceof ServiceError && [429, 503, 504].includes(status);
    if (!busy && !(error instanceof Unreachable)) {
      const again = () => {
        this.problems.delete(name);
        retry();
      };
      this.problems.set(name, { error, retry: again });
      return;
    }
    this.state = busy ? "busy" : "unreachable";
    this.#retries.set(name, retry);
    if (this.#timer) return;
    const wait = RETRY_AFTER[this.#failures++] ?? LAST_RETRY_AFTER;
    this.#timer = window.setTimeout(() => this.#retryAll(), busy ? Math.max(wait, 1_000 * error.retryAfter) : wait);
  }

  #retryAll(): void {
    clearTimeout(this.#timer);
    this.#timer = 0;
    const all = [...this.#retries.values()];
    this.#retries.clear();
    for (const one of all) one();
  }

  async loadArtifact(): Promise<void> {
    await this.attempt("artifact", async () => {
      this.artifact = await api.artifact();
    });
  }

  /** Use a key, and repeat what was refused without it; `askForList` unless the list was. */
  unlock(value: string, askForList: () => void): void {
    key.set(value);
    this.hasKey = true;
    this.state = "ready";
    if (!this.#retries.has("list")) this.#retries.set("list", askForList);
    this.#retryAll();
  }

  /** Forget the key and ask for another one. */
  forgetKey(): void {
    key.forget();
    messages.dismiss();
    this.hasKey = false;
    this.state = "locked";
  }
}

export const service = new Service();
