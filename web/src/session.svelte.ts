/**
 * What the page shows: a history, the diversity setting, the list for both, and whether the
 * service answers. Views read it; only its methods change it.
 */

import { SvelteMap } from "svelte/reactivity";
import {
  type Answer,
  type Artifacts,
  type Example,
  type Interest,
  type TradeOff,
  ServiceError,
  Unreachable,
  api,
  key,
} from "./api";
import { type Change, changes, countChanges } from "./changes";
import { type Diversity, type Unit, convert, pointsOf, requestFields } from "./diversity";
import { latest } from "./latest";
import { settings } from "./settings.svelte";
import { interestEntropy } from "./weights";

export type HistoryEvent = { key: number; id: string; time: number | null };
export type Owner = { user: string | null; changed: boolean };
export type ServiceState = "ready" | "unreachable" | "busy" | "locked";

export const LENGTH = 20;
/** Events on the time line, the newest: more columns would be too narrow. */
export const MOST_EVENTS = 60;
const DIFFERENT = 60;
/** The first history has at most this many events, so that it can be read at once. */
const SHORT = 45;
/** The first history is chosen from this many users, by their lists. */
const CANDIDATES = 8;
const RETRY_AFTER = [400, 800, 1_600, 3_000];

type Request = { history: HistoryEvent[]; diversity: Diversity; frontier: boolean };
type TimedAnswer = { answer: Answer; milliseconds: number };

let keys = 0;
const newEvent = (id: string, time: number | null = null): HistoryEvent => ({ key: keys++, id, time });

/** Of some users the one whose list is shared most evenly by the most interests. */
async function mostMixed(users: Example[]): Promise<Example | undefined> {
  if (users.length < 2) return users[0];
  const requests = users.map(({ history }) => ({ history, k: LENGTH }));
  const { answers } = await api.batch(requests);
  const entropies = answers.map(({ items }) => interestEntropy(items));
  return users[entropies.indexOf(Math.max(...entropies))];
}

class Session {
  history = $state.raw<HistoryEvent[]>([]);
  owner = $state.raw<Owner>({ user: null, changed: false });
  diversity = $state.raw<Diversity>({ unit: "strength", value: 0 });
  answer = $state.raw<Answer | null>(null);
  interests = $state.raw<Interest[]>([]);
  tradeOff = $state.raw<TradeOff | null>(null);
  changes = $state.raw<Map<string, Change>>(new Map());
  artifact = $state.raw<Artifacts | null>(null);
  /** The one interest to highlight; null for all. */
  selected = $state<number | null>(null);
  service = $state<ServiceState>("ready");
  keyRefused = $state(false);
  /** What a screen reader reads after a change. */
  announcement = $state("");
  problem = $state("");
  milliseconds = $state<number | null>(null);
  points = $derived(pointsOf(this.tradeOff));
  ids = $derived(this.history.map((event) => event.id));

  /** Titles by id, of all items that the service has named. */
  private titles = new SvelteMap<string, string>();
  private requested = new Set<string>();
  /** The history that `interests` and `tradeOff` belong to. */
  private described: HistoryEvent[] | null = null;
  private different = 0;
  private failures = 0;
  /** What to repeat when the service is back, by name: once each, however often it failed. */
  private retries = new Map<string, () => void>();

  private ask = latest<Request, TimedAnswer>(
    async ({ history, diversity, frontier }, signal) => {
      const started = performance.now();
      const ids = history.map(({ id }) => id);
      const answer = await api.recommend(
        { history: ids, k: LENGTH, explain: true, frontier, ...requestFields(diversity) },
        signal,
      );
      return { answer, milliseconds: performance.now() - started };
    },
    (timed, request) => this.accept(timed, request),
    (error) => this.fail(error, "list", () => this.refresh(true)),
  );

  /** Start with a user whose interests differ, or without a history. */
  async start(): Promise<void> {
    await this.attempt("start", async () => {
      const { users } = await api.examples({ order: "different", limit: DIFFERENT });
      const short = users.filter(({ events }) => events <= SHORT).slice(0, CANDIDATES);
      const first = (await mostMixed(short)) ?? users[0];
      if (first) this.showUser(first.user, first.history);
      else this.clear();
      void this.loadArtifact();
    });
  }

  async loadArtifact(): Promise<void> {
    await this.attempt("artifact", async () => {
      this.artifact = await api.artifact();
    });
  }

  clear(): void {
    this.show([], null);
  }

  showUser(user: string, ids: string[], times: number[] = []): void {
    this.show(ids.map((id, at) => newEvent(id, times[at] ?? null)), user);
  }

  async random(): Promise<boolean> {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { users } = await api.examples({ order: "random", seed, limit: 1 });
    if (users[0]) this.showUser(users[0].user, users[0].history);
    return users.length > 0;
  }

  /** Show the next of the users whose interests differ most. */
  async mostDifferent(): Promise<boolean> {
    const { users } = await api.examples({ order: "different", limit: DIFFERENT });
    const next = users[this.different++ % Math.max(users.length, 1)];
    if (next) this.showUser(next.user, next.history);
    return users.length > 0;
  }

  add(id: string, title: string): void {
    this.setTitle(id, title);
    this.owner = { ...this.owner, changed: true };
    this.replaceHistory([...this.history, newEvent(id)], settings.words.added(title));
  }

  remove(event: HistoryEvent): void {
    this.owner = { ...this.owner, changed: true };
    const rest = this.history.filter((one) => one.key !== event.key);
    this.replaceHistory(rest, settings.words.removed(this.title(event.id)));
  }

  setDiversity(diversity: Diversity): void {
    this.diversity = diversity;
    this.ask({ history: this.history, diversity, frontier: this.described !== this.history });
  }

  setUnit(unit: Unit): void {
    this.setDiversity(convert(unit, this.answer, this.points, this.diversity));
  }

  title(id: string): string {
    return this.titles.get(id) ?? id;
  }

  setTitle(id: string, title: string): void {
    if (this.titles.get(id) !== title) this.titles.set(id, title);
  }

  /** Load the titles of ids; an item without a title is shown by its id. */
  async loadTitles(ids: string[]): Promise<void> {
    const missing = [...new Set(ids)].filter(
      (id) => !this.titles.has(id) && !this.requested.has(id),
    );
    if (!missing.length) return;
    missing.forEach((id) => this.requested.add(id));
    try {
      for (const { id, title } of await api.itemsById(missing)) this.setTitle(id, title);
    } catch {
      missing.forEach((id) => this.requested.delete(id));
    }
  }

  unlock(value: string): void {
    key.set(value);
    this.service = "ready";
    if (this.answer) this.refresh(true);
    else void this.start();
  }

  /** Do something that calls the service; if it fails, show the reason and try again. */
  async attempt(name: string, action: () => Promise<void>): Promise<void> {
    try {
      await action();
      this.recovered();
    } catch (error) {
      this.fail(error, name, () => void this.attempt(name, action));
    }
  }

  private pending = "";

  private show(history: HistoryEvent[], user: string | null): void {
    this.owner = { user, changed: false };
    this.selected = null;
    this.replaceHistory(history);
  }

  private replaceHistory(history: HistoryEvent[], announcement = ""): void {
    this.history = history;
    this.pending = announcement;
    this.refresh(true);
    void this.loadTitles(history.slice(-MOST_EVENTS).map(({ id }) => id));
  }

  private refresh(replace: boolean): void {
    this.ask({ history: this.history, diversity: this.diversity, frontier: true }, { replace });
  }

  private accept({ answer, milliseconds }: TimedAnswer, request: Request): void {
    const before = this.answer?.items.map(({ id }) => id) ?? [];
    const after = answer.items.map(({ id }) => id);
    const replaced = this.answer !== null && this.answer.artifact !== answer.artifact;
    for (const { id, title } of answer.items) this.setTitle(id, title);
    this.changes = before.length ? changes(before, after) : new Map();
    this.answer = answer;
    this.milliseconds = milliseconds;
    if (request.frontier) this.describe(answer, request.history);
    void this.loadTitles(answer.displaced);
    const { entered, moved } = countChanges(before, after);
    const changed = before.length ? settings.words.listChanged(entered, moved) : "";
    this.announcement = [this.pending, changed].filter(Boolean).join(" ");
    this.pending = "";
    this.recovered();
    if (replaced) {
      this.announcement = settings.words.newArtifact;
      void this.loadArtifact();
      if (!request.frontier) this.refresh(false);
    }
  }

  private describe({ interests, frontier }: Answer, history: HistoryEvent[]): void {
    this.described = history;
    this.tradeOff = frontier;
    this.interests = interests;
    for (const { items } of interests) for (const { id, title } of items) this.setTitle(id, title);
    if (!interests.some(({ number }) => number === this.selected)) this.selected = null;
  }

  private recovered(): void {
    if (this.service === "unreachable" || this.service === "busy") {
      this.announcement = settings.words.back;
      if (!this.artifact) void this.loadArtifact();
    }
    this.service = "ready";
    this.keyRefused = false;
    this.problem = "";
    this.failures = 0;
  }

  fail(error: unknown, name: string, retry: () => void): void {
    if (error instanceof ServiceError && (error.status === 401 || error.status === 403)) {
      this.keyRefused = key.get() !== "";
      this.service = "locked";
      return;
    }
    const busy = error instanceof ServiceError && [429, 503, 504].includes(error.status);
    if (!busy && !(error instanceof Unreachable)) {
      this.problem = error instanceof ServiceError ? error.message : String(error);
      return;
    }
    this.service = busy ? "busy" : "unreachable";
    this.retries.set(name, retry);
    if (this.retries.size > 1) return;
    const wait = RETRY_AFTER[Math.min(this.failures++, RETRY_AFTER.length - 1)] ?? 3_000;
    setTimeout(
      () => {
        const all = [...this.retries.values()];
        this.retries.clear();
        for (const one of all) one();
      },
      busy ? Math.max(wait, 1_000 * error.retryAfter) : wait,
    );
  }
}

export const session = new Session();
