/** How much weight each interest has on the items of a history and of a list. */

import type { Interest, Reason } from "./api";

export type Weight = { interest: number; weight: number };

/** Each item once: if a history has an item twice, its weights are added. */
export function mergeRepeats(items: Reason[]): Reason[] {
  const merged = new Map<string, Reason>();
  for (const item of items) {
    const before = merged.get(item.id);
    merged.set(item.id, before ? { ...item, weight: before.weight + item.weight } : item);
  }
  return [...merged.values()].sort((a, b) => b.weight - a.weight);
}

/** How often each id occurs. */
export function timesOf(ids: string[]): Map<string, number> {
  const times = new Map<string, number>();
  for (const id of ids) times.set(id, (times.get(id) ?? 0) + 1);
  return times;
}

/**
 * By item: the weight of one of its events in each interest, the largest first. The service does
 * not say which weight belongs to which event of the same item, so each event has their mean.
 */
export function weightsByItem(interests: Interest[]): Map<string, Weight[]> {
  const all = new Map<string, Weight[]>();
  for (const { number, items } of interests) {
    const times = timesOf(items.map(({ id }) => id));
    for (const { id, weight } of mergeRepeats(items)) {
      if (weight <= 0) continue; // the interest does not use the item
      const weights = all.get(id) ?? [];
      weights.push({ interest: number, weight: weight / (times.get(id) ?? 1) });
      all.set(id, weights);
    }
  }
  for (const weights of all.values()) weights.sort((a, b) => b.weight - a.weight);
  return all;
}

/** The number of items of a list that come from an interest. */
export function countFrom(items: { interest: number }[], interest: number): number {
  return items.filter((item) => item.interest === interest).length;
}
