/** What one part of the page asks for: its value, its own error, and how to try again. */

import { ServiceError, Unreachable } from "./api";
import { session } from "./session.svelte";
import { settings } from "./settings.svelte";

export class Loader<T> {
  /** The newest value; it stays while another one is on its way, and after an error. */
  value = $state.raw<T | null>(null);
  private error = $state.raw<unknown>(null);
  private newest = 0;

  /** `name` must differ from part to part; `ask` is called again for a retry. */
  constructor(
    private name: string,
    private ask: () => Promise<T>,
  ) {}

  /** Why there is no new value, as a sentence; "" without an error. */
  get problem(): string {
    const w = settings.words;
    if (!this.error) return "";
    if (this.error instanceof Unreachable) return w.unreachable;
    if (!(this.error instanceof ServiceError)) return String(this.error);
    return [429, 503, 504].includes(this.error.status) ? w.busy : w.refused(this.error.message);
  }

  load = async (): Promise<void> => {
    const request = ++this.newest;
    // The session asks for a key, or tries again by itself. Another error is shown by the part
    // alone, so that the success of another part does not clear it.
    await session.attempt(this.name, async () => {
      const isNewest = () => request === this.newest; // or another request has replaced this one
      try {
        const value = await this.ask();
        if (isNewest()) [this.value, this.error] = [value, null];
      } catch (error) {
        if (isNewest()) this.error = error;
        if (isNewest() && isTemporary(error)) throw error;
      }
    });
  };
}

/** Whether the service needs a key, is busy or does not answer. */
function isTemporary(error: unknown): boolean {
  const statuses = [401, 403, 429, 503, 504];
  return error instanceof Unreachable || (error instanceof ServiceError && statuses.includes(error.status));
}
