import { describe, expect, it } from "vitest";
import { STEPS, convert, diversityOf, pointOf, pointsOf, range, requestFields, settingAt, toStep, toValue } from "../src/diversity";

const tradeOff = {
  strength: [0, 0.1, 0.5],
  relevance: [1, 0.98, 0.9],
  diversity: [0.5, 0.7, 0.8],
};
const points = pointsOf(tradeOff);

describe("the diversity setting", () => {
  it("makes the request field of its unit and no other", () => {
    expect(requestFields({ unit: "strength", value: 0.3 })).toEqual({ diversity: 0.3 });
    expect(requestFields({ unit: "target", value: 0.8 })).toEqual({ diversity_target: 0.8 });
    expect(requestFields({ unit: "loss", value: 0.05 })).toEqual({ max_relevance_loss: 0.05 });
  });

  it("of popular items is that of the list", () => {
    const zero = { unit: "strength", value: 0 } as const;
    const target = { unit: "target", value: 0.8 } as const;
    const popular = { source: "popular", strength: 0.1 } as const;
    expect(diversityOf(zero, popular)).toEqual({ unit: "strength", value: 0.1 });
    expect(diversityOf(zero, { ...popular, source: "interests" })).toBe(zero);
    expect(diversityOf(target, popular)).toBe(target);
    expect(diversityOf(zero, null)).toBe(zero);
  });

  it("returns to the same step of the slider in every unit", () => {
    for (const unit of ["strength", "target", "loss"] as const) {
      for (let step = 0; step <= STEPS; step += 10) {
        expect(toStep({ unit, value: toValue(unit, step, points) }, points)).toBe(step);
      }
    }
  });

  it("reaches from the first list to the last", () => {
    expect(range("target", points)).toEqual({ low: 0.5, high: 0.8 });
    expect(range("loss", points).high).toBeCloseTo(0.1);
    expect(toValue("strength", 0, points)).toBe(0);
    expect(toValue("strength", STEPS, points)).toBe(1);
    const last = { strength: 1.68, relevance: 0.3, diversity: 1 };
    expect(toValue("strength", STEPS, [...points, last])).toBe(1.68);
  });

  it("has a range even for a single list", () => {
    const one = pointsOf({ strength: [0], relevance: [1], diversity: [1] });
    for (const unit of ["strength", "target", "loss"] as const) {
      const { low, high } = range(unit, one);
      expect(high).toBeGreaterThan(low);
    }
  });

  it("leaves out points without a diversity", () => {
    expect(pointsOf({ strength: [0], relevance: [1], diversity: [null] })).toEqual([]);
    expect(pointsOf(null)).toEqual([]);
  });

  it("is at the point of the list's diversity, whatever its strength", () => {
    expect(pointOf(points, { strength: 0.14, diversity: 0.7 })?.strength).toBe(0.1);
    expect(pointOf(points, { strength: 9, diversity: 0.8 })?.strength).toBe(0.5);
    expect(pointOf([], { strength: 0, diversity: null })).toBeNull();
  });

  it("keeps the list when the unit changes", () => {
    const answer = { strength: 0.14, diversity: 0.7 };
    const diversity = { unit: "strength", value: 0.14 } as const;
    expect(convert("target", answer, points, diversity)).toEqual({ unit: "target", value: 0.7 });
    expect(convert("loss", answer, points, diversity).value).toBeCloseTo(0.02);
    expect(convert("strength", answer, points, { unit: "loss", value: 0.5 }).value).toBe(0.14);
    // A loss rounded down would make the list before it.
    expect(settingAt("loss", points[1]!).value).toBeGreaterThan(1 - 0.98);
  });
});
