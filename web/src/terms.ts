/** Technical terms, and where a sentence uses one. `terms` in words.ts explains each. */

import type { Words } from "./words";

export type TermName = keyof Words["terms"];
export type Part = { text: string; term?: TermName };

/** How each term is written, in both languages. Of two that match, the first one counts. */
const WRITTEN: [TermName, RegExp][] = [
  ["subtopicRecall", /subtopic_recall@\d+/i],
  ["recall", /recall(?:@\w+)?|召回率/i],
  ["relevance", /relevance|相关性/i],
  ["ndcg", /ndcg@\d+/i],
  ["oneInterest", /K = 1/],
  ["bestBaseline", /best baseline|最佳基线/],
  ["interval", /95 ?% (?:interval|置信区间)|± [\d.,]+/],
  ["median", /median|中位数/],
];

/** Split a sentence at its terms; each term is marked the first time it occurs. */
export function mentions(text: string): Part[] {
  const left = new Set(WRITTEN);
  const parts: Part[] = [];
  let rest = text;
  for (;;) {
    const found = [...left].flatMap(([term, pattern]) => {
      const match = rest.match(pattern);
      return match ? [{ term, pattern, text: match[0], at: match.index ?? 0 }] : [];
    });
    if (!found.length) break;
    const first = found.reduce((a, b) => (b.at < a.at ? b : a));
    if (first.at > 0) parts.push({ text: rest.slice(0, first.at) });
    parts.push({ text: first.text, term: first.term });
    rest = rest.slice(first.at + first.text.length);
    for (const one of left) if (one[1] === first.pattern) left.delete(one);
  }
  return rest ? [...parts, { text: rest }] : parts;
}
