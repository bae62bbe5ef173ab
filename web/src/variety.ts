/** Variety: five named steps of the diversity setting. */

import type { Diversity } from "./diversity";

/** λ of each step. Scores are scaled to 0…1, so small values change the list most. */
export const VARIETY = [0, 0.05, 0.15, 0.35, 1] as const;

/** Return the step of a setting, or null if it is between steps or in another unit. */
export function stepOf({ unit, value }: Diversity): number | null {
  const step = unit === "strength" ? VARIETY.findIndex((strength) => Math.abs(strength - value) < 1e-9) : -1;
  return step < 0 ? null : step;
}
