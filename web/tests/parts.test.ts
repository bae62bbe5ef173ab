import { describe, expect, it } from "vitest";
import type { Interest } from "../src/api";
import { changes, countChanges } from "../src/changes";
import { label, translate } from "../src/fields";
import { matching } from "../src/matches";
import { recallByDiversity, recallByLength, rows } from "../src/report";
import { scale, ticks } from "../src/scale";
import { type Position, fit, labels, moveBy, nearest, sorted, toScreen, wholePlane, zoomBy } from "../src/view";
import { countFrom, mergeRepeats, timesOf, weightsByItem } from "../src/weights";

const item = (id: string, weight: number) => ({ id, title: id, weight });
const interest = (number: number, items: [string, number][]) =>
  ({ number, items: items.map(([id, weight]) => item(id, weight)) }) as Interest;

describe("weights of interests", () => {
  it("sorts the interests of an item by weight", () => {
    const weights = weightsByItem([interest(0, [["a", 0.9], ["b", 0.1]]), interest(1, [["b", 0.6]])]);
    expect(weights.get("a")?.[0]?.interest).toBe(0);
    expect(weights.get("b")?.map((one) => one.interest)).toEqual([1, 0]);
  });

  it("merges an item that occurs twice in a history", () => {
    const twice = interest(0, [["a", 0.5], ["b", 0.3], ["a", 0.2]]);
    expect(mergeRepeats(twice.items).map(({ id }) => id)).toEqual(["a", "b"]);
    expect(mergeRepeats(twice.items)[0]?.weight).toBeCloseTo(0.7);
    expect(weightsByItem([twice]).get("a")?.[0]?.weight).toBeCloseTo(0.35);
  });

  it("counts how often an item occurs", () => {
    expect([...timesOf(["a", "b", "a"])]).toEqual([["a", 2], ["b", 1]]);
  });

  it("counts the items of an interest", () => {
    expect(countFrom([{ interest: 1 }, { interest: 0 }, { interest: 1 }], 1)).toBe(2);
  });
});

describe("names", () => {
  const names = ["The film 1", "Film 10", "Film 9", "Film 1", "War"];

  it("are found with the text itself first, then those that begin with it", () => {
    expect(matching(names, "FILM 1")).toEqual(["Film 1", "Film 10", "The film 1"]);
    expect(matching(names, "")).toEqual(names);
  });

  it("are sorted with their numbers as numbers, and keep their places", () => {
    expect(sorted(names).map(({ name }) => name)).toEqual(["Film 1", "Film 9", "Film 10", "The film 1", "War"]);
    expect(sorted(names)[0]?.place).toBe(3);
  });
});

describe("changes of a list", () => {
  it("finds new items, moves up, moves down and unchanged places", () => {
    const all = changes(["a", "b", "c"], ["a", "c", "d", "b"]);
    expect(Object.fromEntries(all)).toEqual({ a: "same", c: "up", d: "new", b: "down" });
    expect(countChanges(["a", "b", "c"], ["a", "c", "d", "b"])).toEqual({ entered: 1, moved: 2 });
  });
});

describe("scales", () => {
  it("maps ends to ends, and a single value somewhere", () => {
    expect(scale([0, 10], [0, 100])(5)).toBe(50);
    expect(scale([3, 3], [0, 100])(3)).toBe(0);
  });

  it("makes round ticks within the range", () => {
    expect(ticks(0, 1, 4)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(ticks(2, 2, 4)).toEqual([2]);
  });
});

describe("the map", () => {
  const frame = fit([-1, 1], [-1, 1], 400, 300);

  it("fits all points, with y upwards", () => {
    const [, top] = toScreen(frame, wholePlane(frame), 0, 1);
    const [, bottom] = toScreen(frame, wholePlane(frame), 0, -1);
    expect(top).toBeCloseTo(28);
    expect(bottom).toBeCloseTo(272);
  });

  it("keeps the point below the pointer while it zooms", () => {
    const near = zoomBy(frame, wholePlane(frame), 3, [100, 90]);
    const unit = frame.unit;
    const point: [number, number] = [frame.x + (100 - 200) / unit, frame.y - (90 - 150) / unit];
    const [x, y] = toScreen(frame, near, ...point);
    expect(x).toBeCloseTo(100);
    expect(y).toBeCloseTo(90);
  });

  it("zooms out to the whole plane and cannot be moved off the screen", () => {
    expect(zoomBy(frame, { x: 1, y: 1, zoom: 2 }, 0.1, [0, 0])).toEqual(wholePlane(frame));
    const far = moveBy(frame, { x: 0, y: 0, zoom: 4 }, 1e6, -1e6);
    expect(Math.abs(far.x)).toBeLessThan(3);
  });

  it("draws an empty catalog and a single item", () => {
    for (const only of [[], [0.5]]) {
      const [x, y] = toScreen(fit(only, only, 400, 300), wholePlane(fit(only, only, 400, 300)), 0.5, 0.5);
      expect(Number.isFinite(x + y)).toBe(true);
    }
  });

  it("finds the item nearest to the pointer, if it is near", () => {
    const places: Position[] = [[10, 10], [40, 40], [43, 40]];
    const at = (x: number, y: number) => nearest(places.length, (index) => places[index] ?? [0, 0], [x, y], 16);
    expect(at(42, 41)).toBe(2);
    expect(at(12, 10)).toBe(0);
    expect(at(10, 26)).toBeNull();
  });

  it("never lays a label on another", () => {
    const spots = [0, 1, 2].map((index) => ({ index, x: 50 + index, y: 50, text: "A title" }));
    expect(labels(spots, frame, 9).map(({ index }) => index)).toEqual([0]);
  });
});

describe("a report", () => {
  it("becomes lines for its charts", () => {
    const report = {
      entries: [{ name: "popularity", baseline: true }, { name: "sa" }],
      depth: { sa: { 50: 0.4, 10: 0.1 }, popularity: { 10: 0.05, 50: 0.2 } },
      tradeoff: { sa: [{ diversity: 0.8, recall: 0.4 }, { diversity: 0.9, recall: 0.38 }] },
    };
    expect(recallByLength(report).map(({ name, model }) => [name, model])).toEqual([["sa", true], ["popularity", false]]);
    expect(recallByLength(report)[0]?.points).toEqual([[10, 0.1], [50, 0.4]]);
    expect(recallByDiversity(report)[0]?.points).toHaveLength(2);
  });

  it("with another shape is no error", () => {
    for (const odd of [{}, { depth: 3, tradeoff: "x", entries: null }, { depth: { a: [1] } }]) {
      expect(recallByLength(odd)).toEqual([]);
      expect(recallByDiversity(odd)).toEqual([]);
    }
    const text = { label: (key: string) => key.toUpperCase(), sentence: (one: string) => (one.startsWith("!") ? one : `${one}.`) };
    expect(rows({ a: 1, b: { c: "x", d: ["y", "z"], e: ["y", "!z"] }, f: null }, text)).toEqual([
      ["A", 1],
      ["B · C", "x."],
      ["B · D", "y. z."],
      ["B · E", "y., !z"],
    ]);
  });
});

describe("texts of the service", () => {
  it("are translated where a translation exists", () => {
    const note = "1,682 items are few enough for exact search";
    expect(translate(note, "zh")).toBe("1,682 个物品，数量较少，可用精确检索");
    expect(translate(`prism: ${note}`, "zh")).toBe("prism：1,682 个物品，数量较少，可用精确检索");
    expect(translate(note, "en")).toBe(note);
    expect(translate("time: unknown", "zh")).toBe("time: unknown");
  });

  it("name fields in words", () => {
    expect(label("best_step", "en")).toBe("best step");
    expect(label("best_step", "zh")).toBe("最佳步");
    expect(label("a_new_field", "zh")).toBe("a new field");
  });
});
