/** What the interests read in a history. */

import type { Interest, Reason } from "./api";

export type Draw = { interest: number; weight: number };

/** Each item once: a history that holds one twice gives it two weights. */
export function merged(items: Reason[]): Reason[] {
  const found = new Map<string, Reason>();
  for (const item of items) {
    const before = found.get(item.id);
    found.set(item.id, before ? { ...item, weight: before.weight + item.weight } : item);
  }
  return [...found.values()].sort((a, b) => b.weight - a.weight);
}

/**
 * By item: how much each interest draws on an event of it, the one that draws most first. Which
 * weight belongs to which of several events of one item is not told; each gets their mean.
 */
export function draws(interests: Interest[]): Map<string, Draw[]> {
  const found = new Map<string, Draw[]>();
  for (const { number, items } of interests) {
    const times = new Map<string, number>();
    for (const { id } of items) times.set(id, (times.get(id) ?? 0) + 1);
    for (const { id, weight } of merged(items)) {
      const own = found.get(id) ?? [];
      own.push({ interest: number, weight: weight / (times.get(id) ?? 1) });
      found.set(id, own);
    }
  }
  for (const own of found.values()) own.sort((a, b) => b.weight - a.weight);
  return found;
}

/** How many items of a list each interest brought. */
export function brought(items: { interest: number }[], interest: number): number {
  return items.filter((item) => item.interest === interest).length;
}

/** How evenly interests share a list: 0 if one brought all of it, log K at most. */
export function mixture(items: { interest: number }[]): number {
  const counts = new Map<number, number>();
  for (const { interest } of items) counts.set(interest, (counts.get(interest) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / items.length);
  return -shares.reduce((sum, share) => sum + share * Math.log(share), 0) || 0;
}
