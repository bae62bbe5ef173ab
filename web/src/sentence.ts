/** What the sentence on top of the page says: numbers, and the interests by their part of the list. */

import type { Answer, Interest } from "./api";
import { countFrom } from "./weights";

export type Part = { interest: Interest; count: number; amount: "all" | "mostly" | "some" | "little" };

export type Sentence = {
  /** Different items of the history that the catalog holds. */
  items: number;
  interests: number;
  recommendations: number;
  /** The interests that have items in the list, the largest part first. */
  parts: Part[];
};

export function sentenceOf(answer: Answer, history: string[]): Sentence {
  const unknown = new Set(answer.unknown);
  const all = answer.items.length;
  const parts = answer.interests
    .map((interest) => ({ interest, count: countFrom(answer.items, interest.number) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
  return {
    items: new Set(history.filter((id) => !unknown.has(id))).size,
    interests: answer.interests.length,
    recommendations: all,
    parts: parts.map((part, at) => ({ ...part, amount: amountOf(parts.map(({ count }) => count), at, all) })),
  };
}

/**
 * "all" is the whole list, "mostly" at least half of it and more than every other part, "a little"
 * the last part, with at most 15 % and less than every other part.
 */
function amountOf(counts: number[], at: number, all: number): Part["amount"] {
  const count = counts[at] ?? 0;
  if (count === all) return "all";
  if (at === 0 && count >= 0.5 * all && count > (counts[1] ?? 0)) return "mostly";
  const last = at > 0 && at === counts.length - 1;
  return last && count <= 0.15 * all && count < (counts[at - 1] ?? 0) ? "little" : "some";
}
