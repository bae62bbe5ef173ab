/**
 * What the page shows: a history and the options of the list, which the address holds as well, and
 * the list made from them. Views read it; the other files of this folder change it.
 */

import { type Address, type Options, NEUTRAL, compareHistories } from "../address";
import type { Answer, Interest, TradeOff } from "../api";
import type { Change } from "../changes";
import type { State } from "../comparison";
import { type Disliked, dislikesOf } from "../dislikes";
import { diversityOf, pointsOf } from "../diversity";
import { type HistoryEvent, haveSameItems, idsOf } from "./history";
import { type IsNewest, service } from "./service.svelte";
import { loadTitles } from "./titles";

/** Events whose titles are loaded, the newest. */
const MOST_EVENTS = 60;
/** Characters of an artifact's name that an address with weights keeps. */
const ARTIFACT_LENGTH = 12;

/** What the address describes, besides the view. */
export type Shown = Omit<State, "artifact">;

class Session {
  user = $state<string | null>(null);
  /** The history of the user without the visitor's changes. */
  base = $state.raw<HistoryEvent[]>([]);
  history = $state.raw<HistoryEvent[]>([]);
  /** The items that the user dislikes, and those of them that the list is made with. */
  disliked = $state.raw<Disliked[]>([]);
  dislikes = $state.raw<string[]>([]);
  options = $state.raw<Options>(NEUTRAL);
  ids = $derived(idsOf(this.history));
  /** Whether the visitor has changed the history of the user. */
  changed = $derived(this.user !== null && !haveSameItems(this.base, this.history));

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
  /** What is new in the list, compared with the one before. */
  changes = $state.raw<Map<string, Change>>(new Map());
  milliseconds = $state<number | null>(null);
  /** Whether the list is for an older history or older options. */
  waiting = $state(true);
  /** The list that is shown; null if it is for an older history or older options. */
  current = $derived(this.waiting ? null : this.answer);
  points = $derived(pointsOf(this.tradeOff));
  /** The diversity setting; once the list is there, that of the list. */
  diversity = $derived(diversityOf(this.options.diversity, this.current));
  /** Whether the interests of the list are steered, besides its variety. */
  steered = $derived.by(() => {
    const { mix, weights, added } = this.answeredWith;
    return mix !== "mixture" || weights.size > 0 || added.length > 0;
  });

  /** The one interest to highlight; null for all. */
  selected = $state<number | null>(null);
  /** The item whose panel is open. */
  opened = $state.raw<{ id: string; title: string } | null>(null);

  /** The beginning of the name of the artifact that the weights of an address are for; null if not known. */
  weightsFor: string | null = null;
  #navigation = 0;

  /** Begin to show something else; return whether nothing newer has begun meanwhile. */
  navigate(): IsNewest {
    this.#navigation++;
    service.problems.delete("someone"); // nobody is looked up any more
    return this.isNewest;
  }

  /** Return whether nothing has begun since now. */
  get isNewest(): IsNewest {
    const one = this.#navigation;
    return () => one === this.#navigation;
  }

  get shown(): Shown {
    const { user, base, history, disliked, options } = this;
    return { user, base, history, disliked, options };
  }

  show({ user, base, history, disliked, options }: Shown): void {
    if (user !== this.user || !haveSameItems(history, this.history)) this.selected = null;
    this.user = user;
    this.base = base;
    this.history = history;
    this.disliked = disliked;
    this.dislikes = dislikesOf(disliked, idsOf(base), idsOf(history));
    this.options = options;
    void loadTitles([...idsOf(history.slice(-MOST_EVENTS)), ...options.blocked]);
  }

  /** What the list is made from, to compare it with another one. */
  get state(): State {
    const artifact = this.weightsFor ?? this.answer?.artifact.slice(0, ARTIFACT_LENGTH) ?? null;
    return { ...this.shown, artifact };
  }

  get address(): Address {
    const { user, options, artifact } = this.state;
    const changed = compareHistories(idsOf(this.base), this.ids);
    const common = { user, options, artifact, events: this.history.length };
    if (user !== null) return { ...common, history: null, ...changed };
    return { ...common, history: this.ids, removed: [], appended: [] };
  }

  /** Numbers of interests mean something else in another history, so their weights end. */
  get optionsWithoutWeights(): Options {
    return { ...this.options, weights: new Map() };
  }
}

export const session = new Session();
