/**
 * What the visitor is looking at: a history, the dial, the list that answers both, and whether
 * the service is there. Views read it; only its methods change it.
 */

import { SvelteMap } from "svelte/reactivity";
import { type Answer, type Artifact, type Example, type Frontier, type Interest, Away, Refused, api, key } from "./api";
import { type Change, changes, counted } from "./changes";
import { type Dial, type Unit, asked, inUnit, points } from "./dial";
import { latest } from "./latest";
import { mixture } from "./reading";
import { settings } from "./settings.svelte";

export type Seen = { key: number; id: string; time: number | null };
export type Whose = { user: string | null; changed: boolean };
export type Service = "there" | "away" | "busy" | "locked";

export const LENGTH = 20;
/** Events on the time line, the newest: more would be too narrow to see. */
export const SHOWN = 60;
const DIFFERENT = 60;
/** A first visitor sees a history that can be taken in at once. */
const READABLE = 45;
/** Of how many of them the first list is looked at. */
const TRIED = 8;
const PATIENCE = [400, 800, 1_600, 3_000];

type Wish = { history: Seen[]; dial: Dial; frontier: boolean };
type Kept = { answer: Answer; milliseconds: number };

let keys = 0;
const fresh = (id: string, time: number | null = null): Seen => ({ key: keys++, id, time });

/** Of some users the one to whose list the most interests contribute, and most evenly. */
async function mostMixed(users: Example[]): Promise<Example | undefined> {
  if (users.length < 2) return users[0];
  const wishes = users.map(({ history }) => ({ history, k: LENGTH }));
  const { answers } = await api.batch(wishes);
  const mixed = answers.map(({ items }) => mixture(items));
  return users[mixed.indexOf(Math.max(...mixed))];
}

class Session {
  history = $state.raw<Seen[]>([]);
  whose = $state.raw<Whose>({ user: null, changed: false });
  dial = $state.raw<Dial>({ unit: "strength", value: 0 });
  answer = $state.raw<Answer | null>(null);
  interests = $state.raw<Interest[]>([]);
  frontier = $state.raw<Frontier | null>(null);
  changes = $state.raw<Map<string, Change>>(new Map());
  artifact = $state.raw<(Artifact & { beside: Artifact | null }) | null>(null);
  /** The one interest to look at; null for all. */
  lit = $state<number | null>(null);
  service = $state<Service>("there");
  refusedKey = $state(false);
  said = $state("");
  problem = $state("");
  milliseconds = $state<number | null>(null);
  points = $derived(points(this.frontier));
  ids = $derived(this.history.map((event) => event.id));

  /** Titles by id, of everything the service ever named. */
  private titles = new SvelteMap<string, string>();
  private asking = new Set<string>();
  private read: Seen[] | null = null;
  private different = 0;
  private failures = 0;
  /** What to do again when the service is back, by name: each once, however often it failed. */
  private again = new Map<string, () => void>();

  private ask = latest<Wish, Kept>(
    async ({ history, dial, frontier }, signal) => {
      const began = performance.now();
      const answer = await api.recommend(
        { history: history.map(({ id }) => id), k: LENGTH, explain: true, frontier, ...asked(dial) },
        signal,
      );
      return { answer, milliseconds: performance.now() - began };
    },
    (kept, wish) => this.take(kept, wish),
    (error) => this.fail(error, "list", () => this.refresh(true)),
  );

  /** Begin with somebody whose interests differ, or with nobody. */
  async start(): Promise<void> {
    await this.attempt("start", async () => {
      const { users } = await api.examples({ order: "different", limit: DIFFERENT });
      const readable = users.filter(({ events }) => events <= READABLE).slice(0, TRIED);
      const shown = (await mostMixed(readable)) ?? users[0];
      if (shown) this.show(shown.history.map((id) => fresh(id)), shown.user);
      else this.show([], null);
      void this.look();
    });
  }

  /** Ask what answers. */
  async look(): Promise<void> {
    await this.attempt("artifact", async () => {
      this.artifact = await api.artifact();
    });
  }

  show(history: Seen[], user: string | null): void {
    this.whose = { user, changed: false };
    this.lit = null;
    this.become(history);
  }

  showUser(user: string, ids: string[], times: number[] = []): void {
    this.show(ids.map((id, at) => fresh(id, times[at] ?? null)), user);
  }

  async random(): Promise<boolean> {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { users } = await api.examples({ order: "random", seed, limit: 1 });
    if (users[0]) this.showUser(users[0].user, users[0].history);
    return users.length > 0;
  }

  /** The next of those whose interests are furthest apart. */
  async mostDifferent(): Promise<boolean> {
    const { users } = await api.examples({ order: "different", limit: DIFFERENT });
    const next = users[this.different++ % Math.max(users.length, 1)];
    if (next) this.showUser(next.user, next.history);
    return users.length > 0;
  }

  add(id: string, title: string): void {
    this.name(id, title);
    this.whose = { ...this.whose, changed: true };
    this.become([...this.history, fresh(id)], settings.words.added(title));
  }

  remove(event: Seen): void {
    this.whose = { ...this.whose, changed: true };
    const kept = this.history.filter((one) => one.key !== event.key);
    this.become(kept, settings.words.removed(this.title(event.id)));
  }

  turn(dial: Dial): void {
    this.dial = dial;
    this.ask({ history: this.history, dial, frontier: this.read !== this.history });
  }

  inUnit(unit: Unit): void {
    this.turn(inUnit(unit, this.answer, this.points, this.dial));
  }

  title(id: string): string {
    return this.titles.get(id) ?? id;
  }

  name(id: string, title: string): void {
    if (this.titles.get(id) !== title) this.titles.set(id, title);
  }

  /** See that these ids have titles; a title that never comes leaves the id. */
  async titled(ids: string[]): Promise<void> {
    const missing = [...new Set(ids)].filter(
      (id) => !this.titles.has(id) && !this.asking.has(id),
    );
    if (!missing.length) return;
    missing.forEach((id) => this.asking.add(id));
    try {
      for (const { id, title } of await api.described(missing)) this.name(id, title);
    } catch {
      missing.forEach((id) => this.asking.delete(id));
    }
  }

  unlock(value: string): void {
    key.set(value);
    this.service = "there";
    if (this.answer) this.refresh(true);
    else void this.start();
  }

  /** Do something that asks the service; where it fails, say so and try again. */
  async attempt(name: string, what: () => Promise<void>): Promise<void> {
    try {
      await what();
      this.recovered();
    } catch (error) {
      this.fail(error, name, () => void this.attempt(name, what));
    }
  }

  private pending = "";

  private become(history: Seen[], said = ""): void {
    this.history = history;
    this.pending = said;
    this.refresh(true);
    void this.titled(history.slice(-SHOWN).map(({ id }) => id));
  }

  private refresh(replace: boolean): void {
    this.ask({ history: this.history, dial: this.dial, frontier: true }, { replace });
  }

  private take({ answer, milliseconds }: Kept, wish: Wish): void {
    const before = this.answer?.items.map(({ id }) => id) ?? [];
    const after = answer.items.map(({ id }) => id);
    const other = this.answer !== null && this.answer.artifact !== answer.artifact;
    for (const { id, title } of answer.items) this.name(id, title);
    this.changes = before.length ? changes(before, after) : new Map();
    this.answer = answer;
    this.milliseconds = milliseconds;
    if (wish.frontier) {
      this.read = wish.history;
      this.frontier = answer.frontier;
      this.interests = answer.interests;
      for (const { items } of answer.interests) for (const { id, title } of items) this.name(id, title);
      if (this.lit !== null && this.lit >= answer.interests.length) this.lit = null;
    }
    void this.titled(answer.displaced);
    const { entered, moved } = counted(before, after);
    const changed = before.length ? settings.words.listChanged(entered, moved) : "";
    this.said = [this.pending, changed].filter(Boolean).join(" ");
    this.pending = "";
    this.recovered();
    if (other) {
      this.said = settings.words.newArtifact;
      void this.look();
      if (!wish.frontier) this.refresh(false);
    }
  }

  private recovered(): void {
    if (this.service === "away" || this.service === "busy") {
      this.said = settings.words.back;
      if (!this.artifact) void this.look();
    }
    this.service = "there";
    this.refusedKey = false;
    this.problem = "";
    this.failures = 0;
  }

  fail(error: unknown, name: string, again: () => void): void {
    if (error instanceof Refused && (error.status === 401 || error.status === 403)) {
      this.refusedKey = key.get() !== "";
      this.service = "locked";
      return;
    }
    const busy = error instanceof Refused && [429, 503, 504].includes(error.status);
    if (!busy && !(error instanceof Away)) {
      this.problem = error instanceof Refused ? error.message : String(error);
      return;
    }
    this.service = busy ? "busy" : "away";
    this.again.set(name, again);
    if (this.again.size > 1) return;
    const wait = PATIENCE[Math.min(this.failures++, PATIENCE.length - 1)] ?? 3_000;
    setTimeout(
      () => {
        const all = [...this.again.values()];
        this.again.clear();
        for (const one of all) one();
      },
      busy ? Math.max(wait, 1_000 * error.after) : wait,
    );
  }
}

export const session = new Session();
