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
    parts: parts.map((part, at) => ({ ...part, amount: amountOf(part.count / all, at, parts.length) })),
  };
}

/** "all" is the whole list, "mostly" at least half of it, "a little" the last part, with at most 15 %. */
function amountOf(share: number, at: number, parts: number): Part["amount"] {
  if (share === 1) return "all";
  if (at === 0 && share >= 0.5) return "mostly";
  return at > 0 && at === parts - 1 && share <= 0.15 ? "little" : "some";
}
