/** What the interests read in a history. */

import type { Interest } from "./api";

export type Draw = { interest: number; weight: number };

/** By item: how much each interest draws on it, the one that draws most first. */
export function draws(interests: Interest[]): Map<string, Draw[]> {
  const found = new Map<string, Draw[]>();
  for (const { number, items } of interests) {
    for (const { id, weight } of items) {
      const own = found.get(id) ?? [];
      own.push({ interest: number, weight });
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
