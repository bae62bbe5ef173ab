/** The reason of one item: what the service says about this item, and never more. */

import type { Item } from "./api";

export type ReasonText = { kind: "because" | "follows"; title: string; id: string };

/** Return the reasons to show, the main one first: those of the rules where these count most. */
export function reasonsOf(item: Item): ReasonText[] {
  const byRules = item.from_rules > 0.5 && item.goes_with.length > 0;
  const [kind, reasons] = byRules ? (["follows", item.goes_with] as const) : (["because", item.because] as const);
  return reasons.map(({ title, id }) => ({ kind, title, id }));
}

/** Return the main reason, or null if the service gives none. */
export function reasonOf(item: Item): ReasonText | null {
  return reasonsOf(item)[0] ?? null;
}
