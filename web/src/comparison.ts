/** Two lists side by side: what they have in common, and what each is made of. */

import { type Options, NEUTRAL } from "./address";
import type { Answer, Item } from "./api";
import type { Disliked } from "./dislikes";
import type { HistoryEvent } from "./session/history";
import { VARIETY } from "./variety";
import { countFrom } from "./weights";

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
