/** The reason of one item: what the service says about this item, and never more. */

import type { Interest, Item } from "./api";

type ReasonText = { kind: "because" | "follows"; title: string; id: string } | { kind: "added"; title: string };

/**
 * Return the reasons to show, the main one first. Items of an interest that the visitor added are
 * there for that; of the others, the reasons are those of the rules where these count most.
 */
export function reasonsOf(item: Item, interests: readonly Interest[]): ReasonText[] {
  const own = interests.find(({ number }) => number === item.interest);
  if (own?.added) return [{ kind: "added", title: own.name }];
  const byRules = item.from_rules > 0.5 && item.goes_with.length > 0;
  const [kind, reasons] = byRules ? (["follows", item.goes_with] as const) : (["because", item.because] as const);
  return reasons.map(({ title, id }) => ({ kind, title, id }));
}

/** Return the ids of the events that are the reasons of an item. */
export function eventsOf(item: Item, interests: readonly Interest[]): string[] {
  return reasonsOf(item, interests).flatMap((one) => (one.kind === "added" ? [] : [one.id]));
}

/** Return the main reason, or null if the service gives none. */
export function reasonOf(item: Item, interests: readonly Interest[]): ReasonText | null {
  return reasonsOf(item, interests)[0] ?? null;
}
