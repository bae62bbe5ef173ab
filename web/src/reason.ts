/** The reason of one item: what the service says about this item, and never more. */

import type { Item } from "./api";

export type ReasonText = { kind: "because" | "follows"; title: string; id: string };

/** Return the main reason, or null if the service gives none. */
export function reasonOf(item: Item): ReasonText | null {
  const follows = item.goes_with[0];
  if (item.from_rules > 0.5 && follows) return { kind: "follows", title: follows.title, id: follows.id };
  const because = item.because[0];
  return because ? { kind: "because", title: because.title, id: because.id } : null;
}
