/**
 * What the page shows: a history, the options of the list, the list for both, and whether the
 * service answers. Views read it; only its methods change it. The address holds the same state.
 */

import { SvelteMap } from "svelte/reactivity";
import {
  type Added,
  type Address,
  type Options,
  NEUTRAL,
  type Steer,
  changeHistory,
  compareHistories,
  fromQuery,
  steer,
  toQuery,
} from "./address";
import {
  type Answer,
  type Artifacts,
  type HistoryItem,
  type Interest,
  type RecommendRequest,
  type TradeOff,
  ServiceError,
  Unreachable,
  api,
  key,
} from "./api";
import { type Change, changes, countChanges } from "./changes";
import type { State } from "./comparison";
import { type Disliked, dislikesOf, markOf } from "./dislikes";
import { type Diversity, diversityOf, pointsOf, requestFields } from "./diversity";
import { latest } from "./latest";
import { settings } from "./settings.svelte";
import { stepOf } from "./variety";

export type HistoryEvent = { id: string; mark: string };
type ServiceState = "ready" | "unreachable" | "busy" | "locked";

export const LENGTH = 20;
/** Events whose titles are loaded, the newest. */
const MOST_EVENTS = 60;
const DIFFERENT = 60;
/** Longest query of the address that is sent on, in characters. */
const LONGEST_QUERY = 4_000;
/** Characters of an artifact's name that an address with weights keeps. */
const ARTIFACT_LENGTH = 12;
const RETRY_AFTER = [400, 800, 1_600];
const LAST_RETRY_AFTER = 3_000;

/** What the address describes, besides the view. */
type Shown = {
  user: string | null;
  /** The history of the user without the visitor's changes. */
  base: HistoryEvent[];
  history: HistoryEvent[];
  disliked: Disliked[];
  options: Options;
};
type Stored = Pick<Shown, "base" | "disliked">;
const NOTHING: Stored = { base: [], disliked: [] };
type ListInput = { history: HistoryEvent[]; dislikes: string[]; options: Options };
type Request = ListInput & { frontier: boolean };
export type IsNewest = () => boolean;
type TimedAnswer = { answer: Answer; milliseconds: number };
/**
 * Kept by the browser per entry of its history: how many changes lead to it, how many entries ago
 * the last of them was made, and what this page hides for everyone.
 */
type Entry = { depth: number; back: number; hidden: string[] };

export const newEvent = (id: string, mark = ""): HistoryEvent => ({ id, mark });
export const idsOf = (all: { id: string }[]) => all.map(({ id }) => id);
const haveSameItems = (one: HistoryEvent[], other: HistoryEvent[]) => String(idsOf(one)) === String(idsOf(other));

/** The fields of a request for options; those with their default are left out. */
export function optionFields({ diversity, mix, weights, added, blocked }: Options): RecommendRequest {
  const neutral = mix === "mixture" && !weights.size && !added.length;
  const interests = {
    mix,
    weights: Object.fromEntries(weights),
    minimum: {},
    added: added.map(({ kind, value, weight }) => ({ [kind]: value, weight })),
  };
  return {
    ...(diversity.unit === "strength" && diversity.value === 0 ? {} : requestFields(diversity)),
    ...(neutral ? {} : { interests }),
    ...(blocked.length ? { blocked: [...blocked] } : {}),
  };
}

class Session {
  history = $state.raw<HistoryEvent[]>([]);
  user = $state<string | null>(null);
  /** The history of the user without the visitor's changes. */
  base = $state.raw<HistoryEvent[]>([]);
  options = $state.raw<Options>(NEUTRAL);
  /** The items that the user dislikes, and those of them that the list is made with. */
  disliked = $state.raw<Disliked[]>([]);
  dislikes = $state.raw<string[]>([]);
  answer = $state.raw<Answer | null>(null);
  /** The history and the options that `answer` belongs to; others until the service answers. */
  answered = $state.raw<HistoryEvent[]>([]);
  answeredWith = $state.raw<Options>(NEUTRAL);
  /**
   * The interests of the answer, also muted ones: the largest part of the list first, in the order of
   * the first answer to this history, so that none moves away from the pointer.
   */
  interests = $state.raw<Interest[]>([]);
  /** The share of each interest when it was first shown: it keeps the place that this gave it. */
  firstShares = $state.raw<ReadonlyMap<number, number>>(new Map());
  tradeOff = $state.raw<TradeOff | null>(null);
  changes = $state.raw<Map<string, Change>>(new Map());
  artifact = $state.raw<Artifacts | null>(null);
  /** The one interest to highlight; null for all. */
  selected = $state<number | null>(null);
  /** The item whose panel is open. */
  opened = $state.raw<{ id: string; title: string } | null>(null);
  service = $state<ServiceState>("ready");
  hasKey = $state(key.get() !== "");
  /** A message, and whether it is about a change of the visitor, which Undo takes back. */
  notice = $state.raw<{ text: string; byVisitor: boolean } | null>(null);
  /** What a screen reader reads after a change. */
  announcement = $state("");
  /** By part of the page: why it has no new value, and how to try again. */
  problems = new SvelteMap<string, { error: unknown; retry: () => void }>();
  milliseconds = $state<number | null>(null);
  points = $derived(pointsOf(this.tradeOff));
  ids = $derived(idsOf(this.history));
  /** Whether the visitor has changed the history of the user. */
  changed = $derived(this.user !== null && !haveSameItems(this.base, this.history));
  /** Whether the interests of the list are steered, besides its variety. */
  steered = $derived.by(() => {
    const { mix, weights, added } = this.answeredWith;
    return mix !== "mixture" || weights.size > 0 || added.length > 0;
  });
  /** Whether the list is for an older history or older options. */
  waiting = $state(true);
  /** The list that is shown; null if it is for an older history or older options. */
  current = $derived(this.waiting ? null : this.answer);
  /** The diversity setting; once the list is there, that of the list. */
  diversity = $derived(diversityOf(this.options.diversity, this.current));

  /** Titles by id, of all items that the service has named. */
  #titles = new SvelteMap<string, string>();
  #requested = new Set<string>();
  /** What `tradeOff` belongs to. */
  #described: Request | null = null;
  #different = 0;
  #failures = 0;
  /** What to repeat when the service is back, or has a key, by name: once each, however often it failed. */
  #retries = new Map<string, () => void>();
  #timer = 0;
  #navigation = 0;
  #entry = $state.raw<Entry>({ depth: 0, back: 1, hidden: [] });
  /** What the service hides for this page. */
  #hidden = new Set<string>();
  #hiding: Promise<void> | null = null;
  #pending = "";
  /** The beginning of the name of the artifact that the weights of an address are for; null if not known. */
  #weightsFor: string | null = null;

  #ask = latest<Request, TimedAnswer>(
    async (request, signal) => {
      const started = performance.now();
      const answer = await api.recommend(
        { ...this.requestFor(request), explain: true, frontier: request.frontier },
        signal,
      );
      return { answer, milliseconds: performance.now() - started };
    },
    (timed, request) => this.#accept(timed, request),
    (error, { options }) => {
      if (this.isRefused(error, options)) this.#leaveOut();
      else this.fail(error, "list", () => this.#refresh(true));
    },
  );

  constructor() {
    window.addEventListener("popstate", () => this.#move());
  }

  /** The request of the list, as a client would send it. */
  requestFor({ history, dislikes, options }: ListInput): RecommendRequest {
    return {
      history: idsOf(history), k: LENGTH, ...(dislikes.length ? { dislikes } : {}), ...optionFields(options),
    };
  }

  // Start, and the address

  /** Show what the address describes; without it, a user whose interests differ. */
  async start(): Promise<void> {
    this.#entry = { ...this.#entry, ...window.history.state };
    this.#hidden = new Set(this.#entry.hidden);
    const isNewest = this.navigate();
    const address = fromQuery(location.search);
    // An address with a very long history does not fit into the address of another request.
    if (location.search.length > LONGEST_QUERY) {
      await this.#restore(address, isNewest);
      void this.loadArtifact();
    } else await this.attempt("list", () => this.#startWithFallback(address, isNewest), isNewest);
  }

  /** Begin to show something else; return whether nothing newer has begun meanwhile. */
  navigate(): IsNewest {
    this.#navigation++;
    this.problems.delete("someone"); // nobody is looked up any more
    return this.isNewest;
  }

  /** Return whether nothing has begun since now. */
  get isNewest(): IsNewest {
    const one = this.#navigation;
    return () => one === this.#navigation;
  }

  /** Show an address without the interests that it adds, if the service refuses it with them. */
  async #startWithFallback(address: Address, isNewest: IsNewest): Promise<void> {
    try {
      await this.#startWith(address, isNewest);
    } catch (error) {
      if (!this.isRefused(error, address.options)) throw error;
      this.#tell(settings.words.addedDropped);
      await this.#startWith({ ...address, options: { ...address.options, added: [] } }, isNewest);
    }
  }

  /** Whether there may be a list without the added interests. A link must never break the page. */
  isRefused(error: unknown, { added }: Options): boolean {
    const statuses = this.answer ? [404] : [400, 404, 422];
    return added.length > 0 && error instanceof ServiceError && statuses.includes(error.status);
  }

  /** Repeat the list without the added interests, which the service refuses. */
  #leaveOut(): void {
    this.#set({ ...this.#shown(), options: { ...this.options, added: [] } });
    this.#writeAddress("replace");
    this.renew(settings.words.addedDropped);
  }

  /** Ask for everything at once, and show it; without a user, the service chooses one. */
  async #startWith(address: Address, isNewest: IsNewest): Promise<void> {
    const { user, history, removed, appended, options } = address;
    const started = performance.now();
    const fields = { k: LENGTH, frontier: true, ...optionFields(options) };
    const start = await api.start({
      options: JSON.stringify(fields),
      ...(user !== null ? { user, removed, appended } : history !== null ? { history: history.length ? history : [""] } : {}),
    });
    this.artifact = start.artifact;
    if (!isNewest()) return;
    const stored = start.user === null ? NOTHING : this.#toStored(start);
    const { base } = stored;
    const now = start.user === null ? this.#toEvents(start.history) : this.#changed(base, removed, appended);
    if (user !== null) this.#tellIfEmpty(user, stored);
    this.#set({ user: start.user, ...stored, history: now, options });
    this.#weighFor(address);
    const milliseconds = performance.now() - started;
    const { dislikes } = this;
    this.#accept({ answer: start.answer, milliseconds }, { history: now, dislikes, options, frontier: true });
    this.#writeAddress("replace");
  }

  #toEvents(items: HistoryItem[]): HistoryEvent[] {
    return items.map((item) => {
      this.setTitle(item.id, item.title);
      return newEvent(item.id, markOf(item));
    });
  }

  /** Read what is stored of a user. */
  #toStored({ base, disliked }: { base: HistoryItem[]; disliked: HistoryItem[] }): Stored {
    this.#toEvents(disliked);
    return { base: this.#toEvents(base), disliked };
  }

  #changed(base: HistoryEvent[], removed: string[], appended: string[]): HistoryEvent[] {
    return changeHistory(base, ({ id }) => id, removed, appended.map((id) => newEvent(id)));
  }

  /** Show the state of an address; a user's history is loaded unless it is the one shown. */
  async #restore(address: Address, isNewest: IsNewest): Promise<void> {
    const { user, history, removed, appended, options } = address;
    const load = async () => {
      let stored = NOTHING;
      if (user !== null && user === this.user) stored = this.#shown();
      else if (user !== null) {
        stored = await this.historyOf(user);
        if (!isNewest()) return;
        this.#tellIfEmpty(user, stored);
      }
      const { base, disliked } = stored;
      const now = this.#changed(base, removed, user === null ? (history ?? []) : appended);
      this.#set({ user, base, history: now, disliked, options });
      this.#weighFor(address);
      this.#refresh(true);
    };
    await this.attempt("list", load, isNewest);
  }

  /** The visitor went back or forward, or a link has changed the view. */
  #move(): void {
    this.#lastKind = ""; // the next step of a slider must not replace the entry that is shown now
    const entry = window.history.state as Entry | null;
    this.notice = null;
    if (entry === null) {
      // The browser has added the entry of a new view; it continues the ones before it.
      this.#entry = { ...this.#entry, back: this.#entry.back + 1 };
      window.history.replaceState(this.#entry, "");
      return;
    }
    const text = entry.depth < this.#entry.depth ? settings.words.undone : "";
    this.#entry = entry;
    const isNewest = this.navigate();
    void this.attempt("hide", async () => {
      try {
        await this.#matchHidden();
        if (isNewest()) this.#note((this.#pending = text), true);
      } finally {
        if (isNewest()) await this.#restore(fromQuery(location.search), isNewest);
        else this.#refresh(true);
      }
    });
  }

  /** Let the service hide for everyone what the current entry hides, and nothing more; one call at a time. */
  #matchHidden(): Promise<void> {
    return (this.#hiding ??= this.#hideAndShow().finally(() => (this.#hiding = null)));
  }

  async #hideAndShow(): Promise<void> {
    for (;;) {
      const entry = this.#entry;
      const missing = entry.hidden.find((one) => !this.#hidden.has(one));
      const id = missing ?? [...this.#hidden].find((one) => !entry.hidden.includes(one));
      if (id === undefined) return;
      if (missing === undefined) {
        await api.setHidden(id, false);
        this.#hidden.delete(id);
      } else if (await this.#hide(id)) this.#hidden.add(id);
      else if (entry === this.#entry) {
        // Somebody else hides it now, so it is not for this entry to show it again.
        this.#entry = { ...entry, hidden: entry.hidden.filter((one) => one !== id) };
        window.history.replaceState(this.#entry, "");
      }
    }
  }

  /** Return whether an item was not hidden before. */
  async #hide(id: string): Promise<boolean> {
    return (await api.setHidden(id, true)).changed.length > 0;
  }

  undo(): void {
    window.history.go(-this.#entry.back);
  }

  /** Whether there is a change of this page to undo; else Back would leave the page. */
  get undoable(): boolean {
    return this.#entry.depth > 0;
  }

  #address(): Address {
    const { user } = this;
    const changed = compareHistories(idsOf(this.base), this.ids);
    const common = { options: this.options, artifact: this.#weighted, events: this.history.length };
    if (user !== null) return { user, history: null, ...changed, ...common };
    return { user, history: this.ids, removed: [], appended: [], ...common };
  }

  /** The beginning of the name of the artifact that the weights are for; null if not known. */
  get #weighted(): string | null {
    return this.#weightsFor ?? this.answer?.artifact.slice(0, ARTIFACT_LENGTH) ?? null;
  }

  /** Expect the artifact of an address; none has the name "-", if the user's history has changed since. */
  #weighFor({ artifact, events }: Address): void {
    this.#weightsFor = events && events !== this.history.length ? "-" : artifact;
  }

  #writeAddress(way: "push" | "replace"): void {
    const url = location.pathname + toQuery(this.#address()) + location.hash;
    if (way === "push") {
      this.#entry = { ...this.#entry, depth: this.#entry.depth + 1, back: 1 };
      window.history.pushState(this.#entry, "", url);
    } else window.history.replaceState(this.#entry, "", url);
  }

  // What a visitor can change

  #lastKind = "";

  /**
   * Change what is shown, and make it one step that Undo and Back take back. Steps of one kind, as
   * a slider makes them, become one step.
   */
  #change(next: Partial<Shown>, text: string, { kind = "", ask = true } = {}): void {
    this.navigate();
    this.#set({ ...this.#shown(), ...next });
    this.#writeAddress(kind !== "" && kind === this.#lastKind ? "replace" : "push");
    this.#lastKind = kind;
    this.#note(text, true);
    this.#pending = text;
    if (ask) this.#refresh(next.history !== undefined);
    else this.announcement = text;
  }

  #changeOptions(options: Partial<Options>, text: string, how?: { kind?: string; ask?: boolean }): void {
    this.#change({ options: { ...this.options, ...options } }, text, how);
  }

  #shown(): Shown {
    const { user, base, history, disliked, options } = this;
    return { user, base, history, disliked, options };
  }

  #set({ user, base, history, disliked, options }: Shown): void {
    if (user !== this.user || !haveSameItems(history, this.history)) this.selected = null;
    this.user = user;
    this.base = base;
    this.history = history;
    this.disliked = disliked;
    this.dislikes = dislikesOf(disliked, idsOf(base), idsOf(history));
    this.options = options;
    void this.loadTitles([...idsOf(history.slice(-MOST_EVENTS)), ...options.blocked]);
  }

  /** Numbers of interests mean something else in another history, so their weights end. */
  #otherHistory(): Options {
    return { ...this.options, weights: new Map() };
  }

  clear(): void {
    this.#change({ user: null, ...NOTHING, history: [], options: this.#otherHistory() }, settings.words.started);
  }

  showUser(user: string, ids: string[]): void {
    this.#showHistory(user, { base: ids.map((id) => newEvent(id)), disliked: [] });
  }

  #showHistory(user: string, { base, disliked }: Stored): void {
    const options = { ...this.#otherHistory(), blocked: [], added: [] };
    this.#change({ user, base, history: base, disliked, options }, settings.words.showsUser(user));
  }

  /** Show a user of the data set or of the store; return whether there is one. */
  async openUser(user: string, isNewest: IsNewest): Promise<boolean> {
    const stored = await this.historyOf(user);
    const known = stored.base.length + stored.disliked.length > 0;
    if (known && isNewest()) this.#showHistory(user, stored);
    return known;
  }

  /** The history that the service makes the list of a user from. */
  async historyOf(user: string): Promise<Stored> {
    return this.#toStored(await api.start({ user, options: '{"k":1,"explain":false}' }));
  }

  async random(isNewest: IsNewest): Promise<boolean> {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const { users } = await api.examples({ order: "random", seed, limit: 1 });
    if (users[0] && isNewest()) this.showUser(users[0].user, users[0].history);
    return users.length > 0;
  }

  /** Show the next of the users whose interests differ most. */
  async mostDifferent(isNewest: IsNewest): Promise<boolean> {
    const { users } = await api.examples({ order: "different", limit: DIFFERENT });
    if (!isNewest()) return true;
    const others = users.filter(({ user }) => user !== this.user);
    const next = others[this.#different++ % others.length];
    if (next) this.showUser(next.user, next.history);
    return users.length > 0;
  }

  add(id: string, title: string): void {
    this.setTitle(id, title);
    this.#changeEvents([...this.history, newEvent(id)], settings.words.added(title));
  }

  /** Remove an item from the history, however often it is in it. */
  remove(id: string): void {
    const rest = this.history.filter((one) => one.id !== id);
    this.#changeEvents(rest, settings.words.removed(this.title(id)));
  }

  #changeEvents(history: HistoryEvent[], text: string): void {
    this.#change({ history, options: this.#otherHistory() }, text);
  }

  /** `kind` joins the steps of one slider, and keeps them apart from clicks. */
  setDiversity(diversity: Diversity, kind = "diversity"): void {
    this.#changeOptions({ diversity }, settings.words.varietyChanged, { kind });
  }

  /** The name of the variety of a list, or of the setting before there is a list. */
  nameOfVariety(setting: Diversity, list: Answer | null): string {
    const w = settings.words;
    const made = diversityOf(setting, list);
    const name = w.varieties[stepOf(made) ?? -1];
    return name ?? (made.value === setting.value ? w.varietyCustom : w.popularLeast(settings.number(made.value, 2)));
  }

  setMix(mix: Options["mix"]): void {
    this.#changeOptions({ mix }, settings.words.mixes[mix]);
  }

  setGrouped(grouped: boolean): void {
    this.#changeOptions({ grouped }, "", { ask: false });
  }

  /** Give an interest more or less of the list, or none. */
  steer(interest: Interest, way: Steer): void {
    const w = settings.words;
    const before = this.weightOf(interest);
    const weight = steer(before, way);
    if (weight === before) return; // it is at its limit
    const text = w.steered[weight === 0 ? "muted" : way === "mute" ? "unmuted" : way](this.nameOf(interest));
    const at = this.#addedIndex(interest);
    if (interest.added && at < 0) return;
    if (at >= 0) {
      const added = this.options.added.map((one, place) => (place === at ? { ...one, weight } : one));
      this.#changeOptions({ added }, text);
      return;
    }
    const weights = new Map(this.options.weights).set(interest.number, weight);
    if (weight === 1) weights.delete(interest.number);
    this.#changeOptions({ weights }, text);
  }

  weightOf(interest: Interest): number {
    const added = this.options.added[this.#addedIndex(interest)];
    return added ? added.weight : (this.options.weights.get(interest.number) ?? 1);
  }

  /**
   * The place among the added interests, or -1. The service numbers them in the order of its
   * request, and meanwhile one of them may have been removed.
   */
  #addedIndex(interest: Interest): number {
    if (!interest.added) return -1;
    const numbers = this.interests.filter(({ added }) => added).map(({ number }) => number);
    const one = this.answeredWith.added[numbers.sort((a, b) => a - b).indexOf(interest.number)];
    return this.options.added.findIndex(({ kind, value }) => kind === one?.kind && value === one.value);
  }

  addInterest(added: Omit<Added, "weight">, name: string): void {
    const same = this.options.added.some(({ kind, value }) => kind === added.kind && value === added.value);
    if (same) return;
    const all = [...this.options.added, { ...added, weight: 1 }];
    this.#changeOptions({ added: all }, settings.words.interestAdded(name));
  }

  removeInterest(interest: Interest): void {
    const at = this.#addedIndex(interest);
    if (at < 0) return; // the second click of a double click
    const added = this.options.added.filter((_, place) => place !== at);
    this.#changeOptions({ added }, settings.words.removed(this.nameOf(interest)));
  }

  /** The owner of a history; null is the visitor. */
  userName(user: string | null): string {
    return user === null ? settings.words.ofYou : settings.words.ofUser(user);
  }

  nameOf({ name, number }: Pick<Interest, "name" | "number">): string {
    return name || settings.words.interest(number);
  }

  /** The name of the interest with a number. */
  nameOfNumber(number: number, interests: readonly Interest[] = this.interests): string {
    return this.nameOf(interests.find((one) => one.number === number) ?? { number, name: "" });
  }

  /** Hide an item from this list only. */
  block(id: string, title: string): void {
    const blocked = [...this.options.blocked, id];
    this.#changeOptions({ blocked }, settings.words.blocked(title));
  }

  /** Let an item be in this list again. */
  unblock(id: string): void {
    const blocked = this.options.blocked.filter((one) => one !== id);
    this.#changeOptions({ blocked }, settings.words.unblocked(this.title(id)));
  }

  /** Hide an item from everyone's lists; the service may refuse it, and the caller says so. */
  async never(id: string, title: string): Promise<void> {
    await this.#matchHidden();
    const text = settings.words.hiddenForAll(title);
    if (await this.#hide(id)) {
      this.#hidden.add(id);
      this.#entry = { ...this.#entry, hidden: [...this.#entry.hidden, id] };
      this.#change({}, text);
    } else this.renew(text); // there is nothing to undo
  }

  dismiss(): void {
    this.notice = null;
  }

  #note(text: string, byVisitor = false): void {
    this.notice = text ? { text, byVisitor } : null;
  }

  /** Show a message about no change of the visitor; a screen reader reads it with the next list. */
  #tell(text: string): void {
    const earlier = this.notice?.byVisitor ? "" : this.#pending;
    this.#pending = earlier.includes(text) ? earlier : [earlier, text].filter(Boolean).join(settings.gap);
    this.#note(this.#pending);
  }

  /** Show a message, and ask for the list again: it tells which artifact answers. */
  renew(text = ""): void {
    if (text) this.#tell(text);
    this.#refresh(true);
  }

  #tellIfEmpty(user: string, { base, disliked }: Stored): void {
    if (!base.length && !disliked.length) this.#tell(settings.words.noStored(user));
  }

  // A comparison

  /** What the list is made from, to compare it with another one. */
  get state(): State {
    return { ...this.#shown(), artifact: this.#weighted };
  }

  /** Show A or B of a comparison; it can be undone like every change. */
  apply({ artifact, ...shown }: State, letter: string): void {
    this.#weightsFor = artifact;
    this.#change(shown, settings.words.comparison.applied(letter));
  }

  // Titles

  title(id: string): string {
    return this.#titles.get(id) ?? id;
  }

  setTitle(id: string, title: string): void {
    if (this.#titles.get(id) !== title) this.#titles.set(id, title);
  }

  /** Load the titles of ids; an item without a title is shown by its id. */
  async loadTitles(ids: string[]): Promise<void> {
    const missing = [...new Set(ids)].filter(
      (id) => !this.#titles.has(id) && !this.#requested.has(id),
    );
    if (!missing.length) return;
    missing.forEach((id) => this.#requested.add(id));
    try {
      for (const { id, title } of await api.itemsById(missing)) this.setTitle(id, title);
    } catch {
      missing.forEach((id) => this.#requested.delete(id));
    }
  }

  async loadArtifact(): Promise<void> {
    await this.attempt("artifact", async () => {
      this.artifact = await api.artifact();
    });
  }

  // The key, and errors

  unlock(value: string): void {
    key.set(value);
    this.hasKey = true;
    this.service = "ready";
    if (!this.#retries.has("list")) {
      this.#retries.set("list", () => (this.answer ? this.#refresh(true) : void this.start()));
    }
    this.#retryAll();
  }

  /** Forget the key and ask for another one. */
  forgetKey(): void {
    key.forget();
    this.dismiss();
    this.hasKey = false;
    this.service = "locked";
  }

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
      this.#recovered();
    } catch (error) {
      if (isNewest()) this.fail(error, name, () => void this.attempt(name, action, isNewest));
    }
  }

  #refresh(replace: boolean): void {
    this.waiting = true;
    const request = { history: this.history, dislikes: this.dislikes, options: this.options };
    // A list with another diversity has the same trade-off curve.
    const before = this.#described;
    const same = before?.history === this.history && optionsBesides(before.options) === optionsBesides(this.options);
    this.#ask({ ...request, frontier: !same }, { replace });
  }

  #accept({ answer, milliseconds }: TimedAnswer, request: Request): void {
    const before = idsOf(this.answer?.items ?? []);
    const after = idsOf(answer.items);
    const replaced = this.answer !== null && this.answer.artifact !== answer.artifact;
    const foreign = replaced || (this.#weightsFor !== null && !answer.artifact.startsWith(this.#weightsFor));
    this.#weightsFor = null;
    for (const { items } of [answer, ...answer.interests]) for (const { id, title } of items) this.setTitle(id, title);
    this.changes = before.length ? changes(before, after) : new Map();
    this.answer = answer;
    const same = !replaced && haveSameItems(request.history, this.answered);
    const earlier = same ? this.firstShares : new Map<number, number>();
    this.interests = inOrder(answer.interests, [...earlier.keys()]);
    this.firstShares = new Map(this.interests.map(({ number, share }) => [number, earlier.get(number) ?? share]));
    this.answered = request.history;
    this.answeredWith = request.options;
    this.milliseconds = milliseconds;
    this.waiting = !this.#isFor(request);
    if (request.frontier) {
      this.#described = request;
      this.tradeOff = answer.frontier;
    }
    if (!this.interests.some(({ number }) => number === this.selected)) this.selected = null;
    void this.loadTitles(answer.displaced);
    this.problems.delete("list");
    this.announcement = "";
    this.#recovered();
    if (replaced) {
      this.#tell(settings.words.newArtifact);
      void this.loadArtifact();
    }
    // Numbers of interests mean something else in another artifact.
    const without = foreign && this.options.weights.size > 0;
    if (without) {
      this.#tell(settings.words.weightsDropped);
      this.#set({ ...this.#shown(), options: this.#otherHistory() });
      this.#writeAddress("replace");
    }
    if (without || (replaced && !request.frontier)) {
      this.#refresh(without); // the messages are read with its answer
      return;
    }
    const { entered, moved } = countChanges(before, after);
    const changed = before.length ? settings.words.listChanged(entered, moved) : "";
    this.announcement = [this.announcement, this.#pending, changed].filter(Boolean).join(" ");
    this.#pending = "";
  }

  /** Whether a request is for what is shown now; the order of the list needs no request. */
  #isFor({ history, options }: Request): boolean {
    const fields = (one: Options) => JSON.stringify(optionFields(one));
    return history === this.history && fields(options) === fields(this.options);
  }

  #recovered(): void {
    if (this.service === "unreachable" || this.service === "busy") {
      this.announcement = settings.words.back;
      if (!this.artifact) void this.loadArtifact();
    }
    this.service = "ready";
    this.#failures = 0;
  }

  fail(error: unknown, name: string, retry: () => void): void {
    const status = error instanceof ServiceError ? error.status : 0;
    // A key that may only read is still good for the rest of the page.
    if (status === 401 || (status === 403 && name !== "hide")) {
      this.service = "locked";
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
    this.service = busy ? "busy" : "unreachable";
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
}

/** Return interests in the order of earlier numbers, and then those with the largest part of the list first. */
function inOrder(interests: Interest[], earlier: number[]): Interest[] {
  const at = ({ number }: Interest) => (earlier.includes(number) ? earlier.indexOf(number) : earlier.length);
  return interests.toSorted((a, b) => at(a) - at(b) || b.share - a.share || a.number - b.number);
}

/** Options without those that change no score, as a text to compare. */
function optionsBesides({ mix, weights, added, blocked }: Options): string {
  return JSON.stringify([mix, [...weights], added, blocked]);
}

export const session = new Session();
