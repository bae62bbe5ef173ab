/** The diversity dial in its three units, and where it stands on the frontier. */

import type { Answer, Ask, Frontier } from "./api";

export const UNITS = ["strength", "diversity", "lost"] as const;
export type Unit = (typeof UNITS)[number];
export type Dial = { unit: Unit; value: number };
export type Point = { strength: number; relevance: number; diversity: number };

/** The fields of a request that say what the dial says. */
export function asked({ unit, value }: Dial): Pick<
  Ask,
  "diversity" | "diversity_target" | "relevance_lost"
> {
  if (unit === "strength") return { diversity: value };
  if (unit === "diversity") return { diversity_target: value };
  return { relevance_lost: value };
}

/** The frontier as points, without those whose diversity is not defined. */
export function points(frontier: Frontier | null): Point[] {
  if (!frontier) return [];
  return frontier.strength.flatMap((strength, at) => {
    const relevance = frontier.relevance[at];
    const diversity = frontier.diversity[at];
    return relevance === undefined || diversity === null || diversity === undefined
      ? []
      : [{ strength, relevance, diversity }];
  });
}

/** What is known of a list: enough to find it on the frontier. */
export type Made = { strength: number; diversity: number | null };

/**
 * The point of the frontier that a list is. A point's strength is one of many that give its list,
 * while diversity rises from each to the next; so that is what tells.
 */
export function standing(all: Point[], made: Made | null): Point | null {
  if (!made) return all[0] ?? null;
  const far = (point: Point) =>
    made.diversity === null
      ? Math.abs(point.strength - made.strength)
      : Math.abs(point.diversity - made.diversity);
  return all.reduce<Point | null>(
    (best, point) => (best === null || far(point) < far(best) ? point : best),
    null,
  );
}

/**
 * From where to where the slider goes. λ on scores brought to 0…1 has nothing more to trade
 * above 1; a target outside what the candidates can reach would do nothing.
 */
export function range(unit: Unit, all: Point[]): { low: number; high: number } {
  const first = all[0];
  const last = all.at(-1);
  if (unit === "strength" || !first || !last) return { low: 0, high: 1 };
  if (unit === "diversity") return spread(first.diversity, last.diversity, 0.01);
  return spread(0, 1 - last.relevance, 0.001);
}

function spread(low: number, high: number, unit: number): { low: number; high: number } {
  const from = Math.floor(low / unit + 1e-9) * unit;
  const to = Math.ceil(high / unit - 1e-9) * unit;
  return { low: from, high: Math.max(to, from + unit) };
}

/** λ acts on a scale of ratios: most of the way is for its small values. */
const BEND = 2;
export const STEPS = 200;

export function toValue(unit: Unit, step: number, all: Point[]): number {
  const { low, high } = range(unit, all);
  const share = Math.min(Math.max(step / STEPS, 0), 1);
  return low + (unit === "strength" ? share ** BEND : share) * (high - low);
}

export function toStep({ unit, value }: Dial, all: Point[]): number {
  const { low, high } = range(unit, all);
  const share = Math.min(Math.max((value - low) / (high - low), 0), 1);
  return Math.round(STEPS * (unit === "strength" ? share ** (1 / BEND) : share));
}

/** The same list, said in another unit. */
export function inUnit(unit: Unit, answer: Answer | null, all: Point[], dial: Dial): Dial {
  if (unit === dial.unit) return dial;
  const here = standing(all, answer);
  if (unit === "strength") return { unit, value: answer?.strength ?? 0 };
  return here ? atPoint(unit, here) : { unit, value: 0 };
}

/** The dial at a point of the frontier. */
export function atPoint(unit: Unit, point: Point): Dial {
  if (unit === "strength") return { unit, value: point.strength };
  if (unit === "diversity") return { unit, value: point.diversity };
  // Just above, or rounding would give the point before it.
  return { unit, value: Math.min(1, 1 - point.relevance + 1e-9) };
}
