/** What the health report says about the model, in sentences, and only what is in the report. */

import type { HealthReport } from "./api";
import { type Comparison, type Outcome, againstBest } from "./report";
import type { Words } from "./words";

export type Numbers = {
  percent: (share: number) => string;
  /** At most one digit after the point: a median can be a half. */
  count: (value: number) => string;
  /** A difference of a metric, with its sign. */
  signed: (value: number) => string;
  plain: (value: number) => string;
};

/** Return how many items at the top of a list the interests are counted in, as in the library. */
export function itemsCounted({ diagnostics }: HealthReport, catalog = Infinity): number {
  return Math.min(20, diagnostics?.k ?? 20, catalog);
}

/** Return the verdict on a model; `catalog` is the number of items of its catalog. */
export function verdict(health: HealthReport, w: Words, numbers: Numbers, catalog?: number): string[] {
  const { verdict: found } = health;
  const report = health.report ?? {};
  const sentences: string[] = [];
  if (!found) return sentences;
  const { largest_share_median: largest, interests_used_median: used, metric, difference: mean, interval: half } = found;
  if (largest !== null && used !== null) {
    const first = itemsCounted(health, catalog);
    sentences.push(
      largest === 1
        ? w.health.oneInterest(first)
        : w.health.severalInterests(numbers.count(used), first, numbers.percent(largest)),
    );
  }
  if (metric !== null && mean !== null && half !== null) {
    const outcome: Outcome = found.level ? "level" : mean > 0 ? "better" : "worse";
    sentences.push(w.health.againstOne[outcome](metric, differenceText({ outcome, mean, half }, numbers)));
  }
  const best = againstBest(report, found.model);
  if (best) sentences.push(w.health.againstBest[best.outcome](best.model, best.other, best.metric, differenceText(best, numbers)));
  return sentences;
}

/** The difference with its interval: signed where the words do not say the direction. */
export function differenceText(
  { outcome, mean, half }: Pick<Comparison, "outcome" | "mean" | "half">,
  { signed, plain }: Pick<Numbers, "signed" | "plain">,
): string {
  return `${outcome === "level" ? signed(mean) : plain(Math.abs(mean))} ± ${plain(half)}`;
}
