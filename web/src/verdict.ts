/** What the health report says about the model, in sentences, and only what is in the report. */

import type { Diagnostics } from "./api";
import { type Comparison, againstBest, withOneInterest } from "./report";
import type { Words } from "./words";

export type Numbers = {
  percent: (share: number) => string;
  /** At most one digit after the point: a median can be a half. */
  count: (value: number) => string;
  /** A difference of a metric, with its sign. */
  signed: (value: number) => string;
  plain: (value: number) => string;
};

/** Items at the top of a list in which the interests are counted, as in the library. */
const FIRST = 20;

export function verdict(
  measured: Partial<Diagnostics> | null,
  report: Record<string, unknown>,
  w: Words,
  numbers: Numbers,
): string[] {
  const sentences: string[] = [];
  const { largest_share: largest, interests_used: used } = measured ?? {};
  if (typeof largest === "number" && typeof used === "number") {
    const first = Math.min(FIRST, measured?.k ?? FIRST);
    sentences.push(
      largest === 1
        ? w.health.oneInterest(first)
        : w.health.severalInterests(numbers.count(used), first, numbers.percent(largest)),
    );
  }
  const single = withOneInterest(report);
  if (single) sentences.push(w.health.againstOne[single.outcome](single.model, single.metric, difference(single, numbers)));
  const best = againstBest(report, single?.model);
  if (best) sentences.push(w.health.againstBest[best.outcome](best.model, best.other, best.metric, difference(best, numbers)));
  return sentences;
}

/** The difference with its interval: signed where the words do not say the direction. */
export function difference(
  { outcome, mean, half }: Comparison,
  { signed, plain }: Pick<Numbers, "signed" | "plain">,
): string {
  return `${outcome === "level" ? signed(mean) : plain(Math.abs(mean))} ± ${plain(half)}`;
}
