import { describe, expect, it } from "vitest";
import { NEUTRAL } from "../src/address";
import type { Answer, CatalogMap, HealthReport, Item } from "../src/api";
import {
  type State,
  categoryCounts,
  differenceOf,
  effects,
  firstChoice,
  largestShare,
  placeOf,
  rowsOf,
  stateOf,
} from "../src/comparison";
import { againstBest, comparisons, results } from "../src/report";
import { mentions } from "../src/terms";
import { VARIETY } from "../src/variety";
import { verdict } from "../src/verdict";
import { boxOf, fit, labels, mergeMaps, shorten } from "../src/view";
import { english } from "../src/words";
import { chinese } from "../src/words.zh";

const metrics = (recall: number) => ({ metrics: { "recall@20": recall, "mrr@20": 1 }, interval: { "recall@20": 0.01 }, users: 95 });
const entry = (name: string, baseline: boolean, filtered: number, keep: number) =>
  ({ name, baseline, filtered: metrics(filtered), keep: metrics(keep) });
const report = {
  entries: [entry("ease", true, 0.3, 0.1), entry("rules", true, 0.2, 0.2), entry("prism", false, 0.4, 0.3)],
  comparisons: [
    { model: "prism", other: "ease", metric: "recall@20", verdict: "better", mean: 0.1, interval: 0.02, users: 95 },
    { model: "prism", other: "prism-k1", metric: "recall@20", verdict: "level", mean: -0.0033, interval: 0.0183 },
    { model: "prism", other: "rules", metric: "recall@20", verdict: "soon", mean: 1, interval: 1 },
    { model: "prism", other: "rules", metric: "recall@20", verdict: "level", mean: "1", interval: 1 },
    "something else",
  ],
};

describe("the results of a report", () => {
  it("have intervals and the best baseline of each table", () => {
    const table = results(report, "filtered");
    expect(table?.metrics).toEqual(["recall@20"]);
    expect(table?.entries.map(({ best }) => best)).toEqual([true, false, false]);
    expect(table?.entries[2]?.numbers).toEqual([{ value: 0.4, half: 0.01 }]);
    expect(results(report, "keep")?.entries.map(({ best }) => best)).toEqual([false, true, false]);
  });

  it("are compared as the report says", () => {
    expect(comparisons(report)).toHaveLength(2);
    expect(againstBest(report, "prism")).toMatchObject({ other: "ease", outcome: "better", mean: 0.1, half: 0.02 });
    expect(againstBest(report, "sa")).toBeNull();
  });

  it("of another shape are no error", () => {
    for (const odd of [{}, { entries: 3, comparisons: 4 }, { entries: [null, { name: "a", filtered: 1 }] }]) {
      expect(results(odd, "filtered")).toBeNull();
      expect(comparisons(odd)).toEqual([]);
      expect(againstBest(odd, "prism")).toBeNull();
    }
  });
});

describe("the verdict", () => {
  const numbers = { percent: (n: number) => `${100 * n} %`, count: String, signed: String, plain: String };
  const found = { model: "prism", metric: "recall@20", recall: 0.4, recall_single: 0.4, difference: -0.0033, interval: 0.0183, level: true };
  const health = (change: object) =>
    ({ verdict: { ...found, interests_used_median: 3, largest_share_median: 0.6, ...change }, diagnostics: { k: 50 }, report }) as unknown as HealthReport;

  it("says what is in the report", () => {
    const [interests, single, best] = verdict(health({}), english, numbers);
    expect(interests).toContain("uses 3 interests; the largest interest has 60 % of the first 20 items");
    expect(single).toBe("recall@20 is level with that of one interest (K = 1), -0.0033 ± 0.0183.");
    expect(best).toContain("prism: recall@20 is better than that of the best baseline, ease, by 0.1 ± 0.02");
    expect(verdict(health({ largest_share_median: 1, interests_used_median: 1 }), english, numbers)[0]).toContain("uses one interest");
    expect(verdict(health({ level: false }), english, numbers)[1]).toContain("is worse than that of one interest");
  });

  it("is about the entry of the served artifact only", () => {
    const alone = { metric: null, difference: null, interval: null };
    expect(verdict(health({ ...alone, model: "other" }), english, numbers)).toHaveLength(1);
    expect(verdict(health({ ...alone, model: null }), english, numbers)).toHaveLength(1);
    expect(verdict(health({ ...alone }), english, numbers)[1]).toContain("prism: recall@20 is better");
  });

  it("counts no more items than the catalog has", () => {
    const one = health({ largest_share_median: 1, interests_used_median: 1 });
    expect(verdict(one, english, numbers, 3)[0]).toContain("all of the first 3 items");
    expect(verdict(one, english, numbers, 3_000)[0]).toContain("all of the first 20 items");
  });

  it("says nothing about what was not measured", () => {
    const nothing = { verdict: null, diagnostics: null, report: null } as unknown as HealthReport;
    expect(verdict(nothing, english, numbers)).toEqual([]);
    const few = { largest_share_median: null, metric: null };
    expect(verdict({ ...health(few), report: null }, english, numbers)).toEqual([]);
  });

  it("marks its terms in both languages", () => {
    for (const words of [english, chinese]) {
      const terms = verdict(health({}), words, numbers).flatMap((one) => mentions(one).flatMap(({ term }) => term ?? []));
      expect(new Set(terms)).toEqual(new Set(["median", "recall", "oneInterest", "interval", "bestBaseline"]));
    }
    const text = "recall@20 and recall@20 ± 0.1";
    expect(mentions(text).map((part) => part.text).join("")).toBe(text);
    expect(mentions(text).filter(({ term }) => term === "recall")).toHaveLength(1);
  });
});

describe("two lists", () => {
  const item = (id: string, interest = 1, ...categories: string[]) => ({ id, interest, categories }) as unknown as Item;
  const a = [item("x", 1, "Drama"), item("y", 1, "Drama", "War"), item("z", 2)];
  const b = [item("x", 1, "Drama"), item("w", 1), item("y", 2, "War")];

  it("have common items, some at the same place", () => {
    expect(differenceOf(a, b)).toEqual({ common: 2, same: 1, onlyA: 1, onlyB: 1 });
    expect(rowsOf(b, a).map(({ rank, other }) => [rank, other])).toEqual([[1, 1], [2, null], [3, 2]]);
  });

  it("have shares of categories and interests", () => {
    expect(categoryCounts(a, b)).toEqual([{ name: "Drama", counts: [2, 1] }, { name: "War", counts: [1, 1] }]);
    expect(largestShare({ items: a, source: "interests" } as Answer)).toBeCloseTo(2 / 3);
    expect(largestShare({ items: a, source: "popular" } as Answer)).toBeNull();
  });

  it("are described in words", () => {
    const percent = (share: number) => `${Math.round(100 * share)} %`;
    const answer = (items: Item[], more: object = {}) =>
      ({ items, source: "interests", artifact: "m", effect: { categories: 2, relevance: items === a ? 1 : 0.9 }, ...more }) as unknown as Answer;
    expect(effects([answer(a), answer([...a])], true, english, percent)).toEqual(["Both lists are the same."]);
    const said = effects([answer(a), answer(b)], true, english, percent);
    expect(said[0]).toBe("2 of 3 items are in both lists, 1 of them at the same place.");
    expect(said).toContain("Only in A: 1. Only in B: 1.");
    const relevance = "B keeps 90 % of the relevance of the most relevant list, A keeps 100 %.";
    expect(said).toContain(relevance);
    // Another history or artifact has another most relevant list.
    expect(effects([answer(a), answer(b)], false, english, percent)).not.toContain(relevance);
    expect(effects([answer(a), answer(b, { artifact: "n" })], true, english, percent)).not.toContain(relevance);
  });

  it("name the place of an item in the other list", () => {
    const places = (one: Item[], other: Item[], side: number) => rowsOf(one, other).map((row) => placeOf(row, side, english));
    expect(places(a, b, 0)).toEqual(["same place in B", "no. 3 in B", "only in A"]);
    expect(places(b, a, 1)).toEqual(["same place in A", "only in B", "↓ no. 2 in A"]);
    expect(places([item("y")], a, 1)).toEqual(["↑ no. 2 in A"]);
  });

  it("are made from what was chosen", () => {
    const events = (...ids: string[]) => ids.map((id) => ({ id, mark: "" }));
    const options = { ...NEUTRAL, weights: new Map([[1, 2]]), blocked: ["q"] };
    const from: State = { user: "u", base: events("x", "y"), history: events("x"), disliked: [], options, artifact: null };
    const current: State = { ...from, history: [] };
    const unlike = (value: number) => firstChoice("variety", { ...from, options: { ...options, diversity: { unit: "strength", value } } });
    expect(unlike(0)).toEqual({ kind: "variety", step: 2 });
    expect(unlike(VARIETY[2] ?? 0)).toEqual({ kind: "variety", step: 4 });
    expect(firstChoice("history", from)).toEqual({ kind: "history", history: from.history });
    const made = (choice: Parameters<typeof stateOf>[0]) => stateOf(choice, from, current);
    expect(made({ kind: "current" })).toBe(current);
    expect(made({ kind: "variety", step: 4 }).options).toMatchObject({ diversity: { unit: "strength", value: 1 }, blocked: ["q"] });
    expect(made({ kind: "variety", step: 4 }).options.weights.size).toBe(1);
    // The numbers of interests mean something else in another artifact or history.
    expect(made({ kind: "artifact" }).options.weights.size).toBe(0);
    expect(made({ kind: "history", history: events("y") })).toMatchObject({ user: "u", base: events("x", "y"), history: events("y") });
    const other = { user: "v", history: events("z"), disliked: [] };
    expect(made({ kind: "user", ...other })).toMatchObject({ user: "v", base: events("z"), options: { blocked: [] }, disliked: [] });
    const disliked = [{ id: "d", kind: null, value: null }];
    expect(made({ kind: "user", ...other, disliked }).disliked).toBe(disliked);
  });
});

describe("the map", () => {
  const map = (...ids: string[]): CatalogMap => ({
    ids, titles: ids, x: ids.map(() => 0), y: ids.map(() => 1), category: ids.map(() => -1),
    categories: [], total: 9, sampled: ids.length, labels: [],
  });

  it("takes items from several answers, each once", () => {
    const all = mergeMaps([map("a", "b"), map("b", "c")]);
    expect(all.ids).toEqual(["a", "b", "c"]);
    expect(all.x).toHaveLength(3);
    expect(all.sampled).toBe(2);
  });

  it("lays no title on the name of a region", () => {
    const frame = fit([-1, 1], [-1, 1], 400, 300);
    const region = labels([{ index: 0, x: 100, y: 50, text: "Drama", middle: true }], frame, 9);
    const titles = labels([{ index: 5, x: 90, y: 52, text: "A title" }], frame, 9, region.map(boxOf));
    expect([region.length, titles.length]).toEqual([1, 0]);
  });

  it("shortens a title by letters, not by halves of them", () => {
    expect(shorten("𝒜𝒜𝒜𝒜", 3)).toBe("𝒜𝒜…");
    expect(shorten("abc", 3)).toBe("abc");
  });
});
