/** Items that a user dislikes: no part of the history, and in no list. */

import { compareHistories } from "./address";

export type Disliked = { id: string; kind: string | null; value: number | null };

/** Return the ids of the disliked items; to add an item to the history ends its dislike. */
export function dislikesOf(disliked: Disliked[], base: string[], history: string[]): string[] {
  if (!disliked.length) return [];
  const added = new Set(compareHistories(base, history).appended);
  return disliked.map(({ id }) => id).filter((id) => !added.has(id));
}

/** The kind and the value of an event, as a short text; "" without both. */
export function markOf({ kind, value }: { kind?: string | null; value?: number | null }): string {
  return [kind, value].filter((part) => part !== null && part !== undefined).join(" ");
}
