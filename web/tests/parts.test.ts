import { describe, expect, it } from "vitest";
import type { Interest } from "../src/api";
import { changes, counted } from "../src/changes";
import { brought, draws, merged, mixture } from "../src/reading";
import { depth, rows, tradeoff } from "../src/report";
import { scale, ticks } from "../src/scale";
import { fit, labels, moved, toScreen, whole, zoomed } from "../src/view";

const item = (id: string, weight: number) => ({ id, title: id, weight });
const interest = (number: number, items: [string, number][]) =>
  ({ number, items: items.map(([id, weight]) => item(id, weight)) }) as Interest;

describe("what interests read", () => {
  it("gives an event to the interest that draws most on it", () => {
    const found = draws([interest(0, [["a", 0.9], ["b", 0.1]]), interest(1, [["b", 0.6]])]);
    expect(found.get("a")?.[0]?.interest).toBe(0);
    expect(found.get("b")?.map((draw) => draw.interest)).toEqual([1, 0]);
  });

  it("takes an item that a history holds twice once", () => {
    const twice = interest(0, [["a", 0.5], ["b", 0.3], ["a", 0.2]]);
    expect(merged(twice.items).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(merged(twice.items)[0]?.weight).toBeCloseTo(0.7);
    expect(draws([twice]).get("a")?.[0]?.weight).toBeCloseTo(0.35);
  });

  it("finds the list that interests share most evenly", () => {
    const list = (...interests: number[]) => interests.map((interest) => ({ interest }));
    expect(mixture(list(2, 2, 2))).toBe(0);
    expect(mixture([])).toBe(0);
    expect(mixture(list(0, 1, 2))).toBeGreaterThan(mixture(list(0, 1, 1)));
  });

  it("counts what each brought", () => {
    expect(brought([{ interest: 1 }, { interest: 0 }, { interest: 1 }], 1)).toBe(2);
  });
});

describe("changes of a list", () => {
  it("tells new, up, down and same", () => {
    const found = changes(["a", "b", "c"], ["a", "c", "d", "b"]);
    expect(Object.fromEntries(found)).toEqual({ a: "same", c: "up", d: "new", b: "down" });
    expect(counted(["a", "b", "c"], ["a", "c", "d", "b"])).toEqual({ entered: 1, moved: 2 });
  });
});

describe("scales", () => {
  it("maps ends to ends, and a single value somewhere", () => {
    expect(scale([0, 10], [0, 100])(5)).toBe(50);
    expect(scale([3, 3], [0, 100])(3)).toBe(0);
  });

  it("gives round ticks within the range", () => {
    expect(ticks(0, 1, 4)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(ticks(2, 2, 4)).toEqual([2]);
  });
});

describe("the map", () => {
  const frame = fit([-1, 1], [-1, 1], 400, 300);

  it("fits all points, up being up", () => {
    const [, top] = toScreen(frame, whole(frame), 0, 1);
    const [, bottom] = toScreen(frame, whole(frame), 0, -1);
    expect(top).toBeCloseTo(28);
    expect(bottom).toBeCloseTo(272);
  });

  it("keeps what is under the pointer while it zooms", () => {
    const near = zoomed(frame, whole(frame), 3, [100, 90]);
    const unit = frame.unit;
    const point: [number, number] = [frame.x + (100 - 200) / unit, frame.y - (90 - 150) / unit];
    const [x, y] = toScreen(frame, near, ...point);
    expect(x).toBeCloseTo(100);
    expect(y).toBeCloseTo(90);
  });

  it("zooms out to the whole and is not lost by moving", () => {
    expect(zoomed(frame, { x: 1, y: 1, zoom: 2 }, 0.1, [0, 0])).toEqual(whole(frame));
    const far = moved(frame, { x: 0, y: 0, zoom: 4 }, 1e6, -1e6);
    expect(Math.abs(far.x)).toBeLessThan(3);
  });

  it("draws an empty catalog and a single item", () => {
    for (const only of [[], [0.5]]) {
      const [x, y] = toScreen(fit(only, only, 400, 300), whole(fit(only, only, 400, 300)), 0.5, 0.5);
      expect(Number.isFinite(x + y)).toBe(true);
    }
  });

  it("never lays a label on another", () => {
    const spots = [0, 1, 2].map((index) => ({ index, x: 50 + index, y: 50, text: "A title" }));
    expect(labels(spots, frame, 9).map(({ index }) => index)).toEqual([0]);
  });
});

describe("a report", () => {
  it("is drawn where it has what is drawn", () => {
    const report = {
      entries: [{ name: "popularity", baseline: true }, { name: "sa" }],
      depth: { sa: { 50: 0.4, 10: 0.1 }, popularity: { 10: 0.05, 50: 0.2 } },
      tradeoff: { sa: [{ diversity: 0.8, recall: 0.4 }, { diversity: 0.9, recall: 0.38 }] },
    };
    expect(depth(report).map(({ name, own }) => [name, own])).toEqual([["sa", true], ["popularity", false]]);
    expect(depth(report)[0]?.points).toEqual([[10, 0.1], [50, 0.4]]);
    expect(tradeoff(report)[0]?.points).toHaveLength(2);
  });

  it("of another shape is no error", () => {
    for (const odd of [{}, { depth: 3, tradeoff: "x", entries: null }, { depth: { a: [1] } }]) {
      expect(depth(odd)).toEqual([]);
      expect(tradeoff(odd)).toEqual([]);
    }
    expect(rows({ a: 1, b: { c_d: "x", e: [1, 2] }, f: null })).toEqual([["a", 1], ["b c d", "x"], ["b e", "1, 2"]]);
  });
});
