/** The diversity setting in its three units, and the list's point on the trade-off curve. */

import type { Answer, RecommendRequest, TradeOff } from "./api";

export const UNITS = ["strength", "target", "loss"] as const;
export type Unit = (typeof UNITS)[number];
export type Diversity = { unit: Unit; value: number };
export type Point = { strength: number; relevance: number; diversity: number };

/** The fields of a request for a diversity setting. */
export function requestFields({ unit, value }: Diversity): Pick<
  RecommendRequest,
  "diversity" | "diversity_target" | "max_relevance_loss"
> {
  if (unit === "strength") return { diversity: value };
  if (unit === "target") return { diversity_target: value };
  return { max_relevance_loss: value };
}

/** The setting that a list was made with: a list of popular items has at least a λ of its own. */
export function diversityOf(setting: Diversity, list: Pick<Answer, "source" | "strength"> | null): Diversity {
  return setting.unit === "strength" && list?.source === "popular" ? { ...setting, value: list.strength } : setting;
}

/** The points of a trade-off curve, without those whose diversity is not defined. */
export function pointsOf(tradeOff: TradeOff | null): Point[] {
  if (!tradeOff) return [];
  return tradeOff.strength.flatMap((strength, at) => {
    const relevance = tradeOff.relevance[at];
    const diversity = tradeOff.diversity[at];
    return relevance === undefined || diversity === null || diversity === undefined
      ? []
      : [{ strength, relevance, diversity }];
  });
}

/** What is needed to find a list on the curve. */
export type Measured = Pick<Answer, "strength" | "diversity">;

/**
 * The point of a list on the curve. Many strengths make the same list, but diversity rises from
 * point to point; so the diversity identifies the point.
 */
export function pointOf(points: Point[], list: Measured | null): Point | null {
  if (!list) return points[0] ?? null;
  const distance = (point: Point) =>
    list.diversity === null
      ? Math.abs(point.strength - list.strength)
      : Math.abs(point.diversity - list.diversity);
  return points.reduce<Point | null>(
    (best, point) => (best === null || distance(point) < distance(best) ? point : best),
    null,
  );
}

/**
 * The range of the slider. A λ above 1 matters only up to the last list of the curve; a target that
 * the candidates cannot reach would have no effect.
 */
export function range(unit: Unit, points: Point[]): { low: number; high: number } {
  const first = points[0];
  const last = points.at(-1);
  if (!first || !last) return { low: 0, high: 1 };
  if (unit === "strength") return { low: 0, high: Math.max(1, last.strength) };
  if (unit === "target") return rounded(first.diversity, last.diversity, 0.01);
  return rounded(0, 1 - last.relevance, 0.001);
}

function rounded(low: number, high: number, unit: number): { low: number; high: number } {
  const from = Math.floor(low / unit + 1e-9) * unit;
  const to = Math.ceil(high / unit - 1e-9) * unit;
  return { low: from, high: Math.max(to, from + unit) };
}

/** Small values of λ change the list most, so most of the slider is for them. */
const EXPONENT = 2;
export const STEPS = 200;

export function toValue(unit: Unit, step: number, points: Point[]): number {
  const { low, high } = range(unit, points);
  const share = Math.min(Math.max(step / STEPS, 0), 1);
  return low + (unit === "strength" ? share ** EXPONENT : share) * (high - low);
}

export function toStep({ unit, value }: Diversity, points: Point[]): number {
  const { low, high } = range(unit, points);
  const share = Math.min(Math.max((value - low) / (high - low), 0), 1);
  return Math.round(STEPS * (unit === "strength" ? share ** (1 / EXPONENT) : share));
}

/** The setting in another unit that makes the same list. */
export function convert(
  unit: Unit,
  list: Measured | null,
  points: Point[],
  diversity: Diversity,
): Diversity {
  if (unit === diversity.unit) return diversity;
  if (unit === "strength") return { unit, value: list?.strength ?? 0 };
  const point = pointOf(points, list);
  return point ? settingAt(unit, point) : { unit, value: 0 };
}

/** The setting that makes the list of a point. */
export function settingAt(unit: Unit, point: Point): Diversity {
  if (unit === "strength") return { unit, value: point.strength };
  if (unit === "target") return { unit, value: point.diversity };
  // Slightly more than the loss, because a rounded value would make the list before it.
  return { unit, value: Math.min(1, 1 - point.relevance + 1e-9) };
}
