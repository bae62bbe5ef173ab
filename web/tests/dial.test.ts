import { describe, expect, it } from "vitest";
import { STEPS, asked, atPoint, inUnit, points, range, standing, toStep, toValue } from "../src/dial";

const frontier = {
  strength: [0, 0.1, 0.5],
  relevance: [1, 0.98, 0.9],
  diversity: [0.5, 0.7, 0.8],
};
const all = points(frontier);

describe("the dial", () => {
  it("asks in its own unit and in no other", () => {
    expect(asked({ unit: "strength", value: 0.3 })).toEqual({ diversity: 0.3 });
    expect(asked({ unit: "diversity", value: 0.8 })).toEqual({ diversity_target: 0.8 });
    expect(asked({ unit: "lost", value: 0.05 })).toEqual({ relevance_lost: 0.05 });
  });

  it("comes back to the step it was moved to, in every unit", () => {
    for (const unit of ["strength", "diversity", "lost"] as const) {
      for (let step = 0; step <= STEPS; step += 10) {
        expect(toStep({ unit, value: toValue(unit, step, all) }, all)).toBe(step);
      }
    }
  });

  it("reaches from the first list to the last", () => {
    expect(range("diversity", all)).toEqual({ low: 0.5, high: 0.8 });
    expect(range("lost", all).high).toBeCloseTo(0.1);
    expect(toValue("strength", 0, all)).toBe(0);
    expect(toValue("strength", STEPS, all)).toBe(1);
  });

  it("has room even where there is one list only", () => {
    const one = points({ strength: [0], relevance: [1], diversity: [1] });
    for (const unit of ["strength", "diversity", "lost"] as const) {
      const { low, high } = range(unit, one);
      expect(high).toBeGreaterThan(low);
    }
  });

  it("leaves out points without a diversity", () => {
    expect(points({ strength: [0], relevance: [1], diversity: [null] })).toEqual([]);
    expect(points(null)).toEqual([]);
  });

  it("stands where the list's diversity is, whatever strength made it", () => {
    expect(standing(all, { strength: 0.14, diversity: 0.7 })?.strength).toBe(0.1);
    expect(standing(all, { strength: 9, diversity: 0.8 })?.strength).toBe(0.5);
    expect(standing([], { strength: 0, diversity: null })).toBeNull();
  });

  it("keeps the list when the unit changes", () => {
    const answer = { strength: 0.14, diversity: 0.7 } as never;
    const dial = { unit: "strength", value: 0.14 } as const;
    expect(inUnit("diversity", answer, all, dial)).toEqual({ unit: "diversity", value: 0.7 });
    expect(inUnit("lost", answer, all, dial).value).toBeCloseTo(0.02);
    expect(inUnit("strength", answer, all, { unit: "lost", value: 0.5 }).value).toBe(0.14);
    // A share that rounding made a little too small would give the list before it.
    expect(atPoint("lost", all[1]!).value).toBeGreaterThan(1 - 0.98);
  });
});
