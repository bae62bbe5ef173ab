/** Two lists side by side: what they have in common, and what each is made of. */

import { type Options, NEUTRAL } from "./address";
import type { Answer, Item } from "./api";
import type { Disliked } from "./dislikes";
import type { HistoryEvent } from "./session/history";
import { VARIETY, stepOf } from "./variety";
import { countFrom } from "./weights";
import type { Words } from "./words";

/** The names of the two lists. */
export const LETTERS = ["A", "B"] as const;

/** What a list is made from. */
export type State = {
  user: string | null;
  /** The history of the user without the visitor's changes. */
  base: HistoryEvent[];
  history: HistoryEvent[];
  disliked: Disliked[];
  options: Options;
  /** The beginning of the name of the artifact that the weights are for; null if not known. */
  artifact: string | null;
};

/** What A is compared with. */
export type Choice =
  | { kind: "current" }
  | { kind: "artifact" }
  | { kind: "variety"; step: number }
  | { kind: "user"; user: string; history: HistoryEvent[]; disliked: Disliked[] }
  | { kind: "history"; history: HistoryEvent[] };

/** Return the first choice of a kind. */
export function firstChoice(kind: Choice["kind"], a: State): Choice {
  switch (kind) {
    case "variety":
      return { kind, step: stepOf(a.options.diversity) === 2 ? VARIETY.length - 1 : 2 };
    case "user":
      return { kind, user: "", history: [], disliked: [] };
    case "history":
      return { kind, history: a.history };
    default:
      return { kind };
  }
}

/** Return what B is made from; `null` for the user that is not chosen yet. */
export function stateOf(choice: Choice, a: State, current: State): State {
  // The numbers of interests mean something else in another history or artifact.
  const options = { ...a.options, weights: NEUTRAL.weights };
  switch (choice.kind) {
    case "current":
      return current;
    case "artifact":
      return { ...a, options };
    case "variety":
      return { ...a, options: { ...a.options, diversity: { unit: "strength", value: VARIETY[choice.step] ?? 0 } } };
    case "user": {
      const { user, history, disliked } = choice;
      return { ...a, user, base: history, history, disliked, options: { ...options, added: [], blocked: [] } };
    }
    case "history":
      return { ...a, history: choice.history, options };
  }
}

/** Where an item of one list is in the other: its rank from 1, or null. */
export type Row = { item: Item; rank: number; other: number | null };

export function rowsOf(items: Item[], others: Item[]): Row[] {
  const ranks = new Map(others.map(({ id }, at) => [id, at + 1]));
  return items.map((item, at) => ({ item, rank: at + 1, other: ranks.get(item.id) ?? null }));
}

type Difference = { common: number; same: number; onlyA: number; onlyB: number };

export function differenceOf(a: Item[], b: Item[]): Difference {
  const rows = rowsOf(a, b);
  const common = rows.filter(({ other }) => other !== null).length;
  const same = rows.filter(({ rank, other }) => rank === other).length;
  return { common, same, onlyA: a.length - common, onlyB: b.length - common };
}

export type CategoryCount = { name: string; counts: [number, number] };

/** The items of each list by category, the most frequent categories first. */
export function categoryCounts(a: Item[], b: Item[]): CategoryCount[] {
  const all = new Map<string, [number, number]>();
  [a, b].forEach((items, side) => {
    for (const { categories } of items) {
      for (const name of new Set(categories)) {
        const counts = all.get(name) ?? [0, 0];
        counts[side as 0 | 1]++;
        all.set(name, counts);
      }
    }
  });
  const rows = [...all].map(([name, counts]) => ({ name, counts }));
  return rows.sort((one, two) => two.counts[0] + two.counts[1] - one.counts[0] - one.counts[1]);
}

/** The share of the list that its largest interest has; null if it is not made from interests. */
export function largestShare({ items, source }: Answer): number | null {
  if (source !== "interests" || !items.length) return null;
  return Math.max(...items.map(({ interest }) => countFrom(items, interest))) / items.length;
}

/** What differs between two lists, in sentences. `percent` writes a share. */
export function effects(
  [a, b]: [Answer, Answer],
  sameHistory: boolean,
  { comparison: w }: Words,
  percent: (share: number, digits?: number) => string,
): string[] {
  const { common, same, onlyA, onlyB } = differenceOf(a.items, b.items);
  const most = Math.max(a.items.length, b.items.length);
  if (common === most && same === most) return [w.equal];
  const sentences = [w.common(common, most, same)];
  if (onlyA || onlyB) sentences.push(w.only(onlyA, onlyB));
  const [mine, yours] = [a.effect?.categories, b.effect?.categories];
  if (mine && yours) sentences.push(w.categories(mine, yours));
  const [largest, others] = [largestShare(a), largestShare(b)];
  if (largest !== null && others !== null) sentences.push(w.largest(percent(largest), percent(others)));
  // The relevance is a share of that of the most relevant list, which must be the same for both.
  const [before, after] = [a.effect?.relevance, b.effect?.relevance];
  if (sameHistory && a.artifact === b.artifact && typeof before === "number" && typeof after === "number") {
    sentences.push(w.relevance(percent(before, 1), percent(after, 1)));
  }
  return sentences;
}

/** Where an item of one of the lists is in the other, in words. */
export function placeOf({ rank, other }: Row, side: number, { comparison: w }: Words): string {
  const letter = LETTERS[1 - side] ?? "";
  if (other === null) return w.onlyIn(LETTERS[side] ?? "");
  if (other === rank) return w.samePlace(letter);
  return side === 0 ? w.placeIn(other, letter) : rank < other ? w.up(other, letter) : w.down(other, letter);
}
