import { describe, expect, it } from "vitest";
import {
  type Address,
  NEUTRAL,
  changeHistory,
  compareHistories,
  fromQuery,
  steer,
  toQuery,
} from "../src/address";
import { type Answer, type Interest, type Item, fitsPath } from "../src/api";
import { toCsv, toCurl } from "../src/export";
import { BAR, type Box, bands, groupEvents, pathOf } from "../src/flow";
import { reasonOf, eventsOf } from "../src/reason";
import { sentenceOf } from "../src/sentence";
import { VARIETY, stepOf } from "../src/variety";
import { weightsByItem } from "../src/weights";

const reason = (id: string) => ({ id, title: `Title ${id}`, contribution: 1, share: 0.5 });
const item = (id: string, interest: number, because: string[] = []) =>
  ({ id, title: `Title ${id}`, score: 1.5, interest, because: because.map(reason), from_rules: 0, goes_with: [], categories: ["A", "B"] }) as unknown as Item;
const interest = (number: number, name: string, items: [string, number][] = []) =>
  ({ number, name, items: items.map(([id, weight]) => ({ id, title: id, weight })), added: false }) as unknown as Interest;
const answer = (items: Item[], interests: Interest[], unknown: string[] = []) =>
  ({ items, interests, unknown, source: "interests" }) as unknown as Answer;

describe("the address", () => {
  const nothing: Address = { user: null, history: null, removed: [], appended: [], options: NEUTRAL, artifact: null, events: 0 };

  it("is empty without a choice, and keeps an empty history apart from none", () => {
    expect(toQuery(nothing)).toBe("");
    expect(toQuery({ ...nothing, history: [] })).toBe("?history=");
    expect(fromQuery("").history).toBe(null);
    expect(fromQuery("?history=").history).toEqual([]);
    expect(fromQuery("?user=368").user).toBe("368");
  });

  it("restores all that it was made from", () => {
    const full: Address = {
      user: "ann/ä &=,", history: null, artifact: "0123456789ab", events: 5, removed: ["a,b", "c\\d"], appended: ["é", "1:2"],
      options: {
        diversity: { unit: "loss", value: 0.05 }, mix: "shares", weights: new Map([[1, 2], [3, 0]]), grouped: false,
        added: [{ kind: "category", value: "Film, noir: 2*x", weight: 0.5 }, { kind: "item", value: "B00A", weight: 1 }],
        blocked: ["x,y"],
      },
    };
    expect(fromQuery(toQuery(full))).toEqual(full);
    // A budget is slightly more than the loss of its list; a rounded one would make another list.
    const exact: Address = { ...full, options: { ...full.options, diversity: { unit: "loss", value: 1 - 0.9876543 + 1e-9 } } };
    expect(fromQuery(toQuery(exact))).toEqual(exact);
    // The last lists of a trade-off curve have a λ above 1.
    const varied: Address = { ...full, options: { ...full.options, diversity: { unit: "strength", value: 1.68 } } };
    expect(fromQuery(toQuery(varied))).toEqual(varied);
    expect(fromQuery("?diversity=1e7&diversity_target=2").options.diversity).toEqual(NEUTRAL.diversity);
    const own: Address = { ...nothing, history: ["a", "b,c", "a"] };
    expect(fromQuery(toQuery(own))).toEqual(own);
  });

  it("can be read, and bad parts of it get their defaults", () => {
    const two = { ...NEUTRAL, weights: new Map([[1, 2], [3, 0]]) };
    expect(toQuery({ ...nothing, user: "368", options: two })).toBe("?user=368&weights=1:2,3:0");
    const odd = fromQuery("?user=&diversity=-7&mix=x&weights=a:b,5:-1&added=z:1,category:&list=x");
    expect(odd).toEqual(nothing);
    expect(fromQuery("?weights=1:99&added=99*item:x").options).toMatchObject({ weights: new Map([[1, 16]]), added: [{ weight: 16 }] });
  });

  it("describes changes of a user's history, also of items that occur twice", () => {
    const base = ["a", "b", "a", "c"];
    for (const now of [["a", "a", "c", "d"], ["b", "a", "c"], [], ["a", "b", "a", "c", "a"], ["c", "x"]]) {
      const { removed, appended } = compareHistories(base, now);
      expect(changeHistory(base, (id) => id, removed, appended), now.join()).toEqual(now);
    }
    expect(compareHistories(base, ["a", "b", "c"]), "the page removes the newest").toEqual({ removed: ["a"], appended: [] });
    expect(compareHistories(["a", "b"], ["b"])).toEqual({ removed: ["a"], appended: [] });
  });
});

describe("steering", () => {
  it("doubles, halves, mutes and ends the muting", () => {
    expect(steer(1, "more")).toBe(2);
    expect(steer(2, "less")).toBe(1);
    expect(steer(1, "less")).toBe(0.5);
    expect(steer(4, "mute")).toBe(0);
    expect([steer(0, "mute"), steer(0, "more"), steer(0, "less")]).toEqual([1, 1, 0]);
    expect([steer(16, "more"), steer(1 / 16, "less"), steer(0.01, "less")]).toEqual([16, 1 / 16, 0.01]);
  });

  it("knows the five steps of variety", () => {
    expect(VARIETY.map((value) => stepOf({ unit: "strength", value }))).toEqual([0, 1, 2, 3, 4]);
    expect(stepOf({ unit: "strength", value: 0.2 })).toBe(null);
    expect(stepOf({ unit: "loss", value: 0 })).toBe(null);
  });
});

describe("the sentence", () => {
  const list = (...interests: number[]) => interests.map((number, at) => item(String(at), number));
  const three = [interest(1, "noir"), interest(2, "romance"), interest(7, "animation")];

  it("counts items once, leaves out unknown ones, and sorts interests by their part", () => {
    const said = sentenceOf(answer(list(2, 2, 2, 2, 2, 1, 1, 1, 7), three, ["u"]), ["a", "a", "b", "u"]);
    expect([said.items, said.interests, said.recommendations]).toEqual([2, 3, 9]);
    expect(said.parts.map((part) => [part.interest.name, part.count, part.amount])).toEqual([
      ["romance", 5, "mostly"], ["noir", 3, "some"], ["animation", 1, "little"],
    ]);
  });

  it("says mostly only for half of the list, and leaves out interests without items", () => {
    const said = sentenceOf(answer(list(1, 1, 2, 2, 7), three), ["a"]);
    expect(said.parts.map(({ amount }) => amount)).toEqual(["some", "some", "some"]);
    expect(sentenceOf(answer(list(1), three), ["a"]).parts.map(({ amount }) => amount)).toEqual(["all"]);
    // Equal parts get equal words.
    const amounts = (...counts: number[]) => {
      const all = counts.flatMap((count, at) => Array<number>(count).fill([1, 2, 7][at] ?? 0));
      return sentenceOf(answer(list(...all), three), ["a"]).parts.map(({ amount }) => amount);
    };
    expect(amounts(10, 10)).toEqual(["some", "some"]);
    expect(amounts(16, 2, 2)).toEqual(["mostly", "some", "some"]);
  });
});

describe("reasons", () => {
  it("name the first event of the item, or what it follows if rules weigh more, or nothing", () => {
    const one = item("x", 1, ["a", "b"]);
    const shown = [interest(1, "noir")];
    expect(reasonOf(one, shown)).toEqual({ kind: "because", title: "Title a", id: "a" });
    const follows = [{ id: "z", title: "Z", weight: 1 }];
    expect(reasonOf({ ...one, from_rules: 0.6, goes_with: follows }, shown)?.kind).toBe("follows");
    expect(reasonOf({ ...one, from_rules: 0.4, goes_with: follows }, shown)?.kind).toBe("because");
    expect(reasonOf({ ...one, from_rules: 0.6 }, shown)?.kind).toBe("because");
    expect(reasonOf(item("x", 1), shown)).toBe(null);
    // What a row names is what is highlighted and exported.
    const by = { ...one, from_rules: 0.6, goes_with: follows };
    expect(eventsOf(by, shown)).toEqual(["z"]);
    const focused = pathOf({ kind: "item", id: "x" }, answer([by], [interest(1, "noir")]), new Map());
    expect([...focused.events]).toEqual(["z"]);
    expect(toCsv(answer([by], [interest(1, "noir")]))).toContain(',"Z"\r\n');
    // What the visitor added is the reason for its items, whatever the events add to their score.
    const added = [{ ...interest(1, "noir"), added: true }];
    expect(reasonOf(one, added)).toEqual({ kind: "added", title: "noir" });
    expect(eventsOf(one, added)).toEqual([]);
  });
});

describe("the flow", () => {
  const interests = [interest(1, "noir", [["a", 0.7], ["b", 0.3], ["c", 0]]), interest(2, "romance", [["c", 1], ["b", 0.1]])];
  const weights = weightsByItem(interests);
  const items = [item("x", 1, ["a"]), item("y", 1, ["a", "b"]), item("z", 2, ["c"])];

  it("leads from an event, an item and an interest to what belongs to them", () => {
    const of = (focus: Parameters<typeof pathOf>[0]) => {
      const { events, interests: numbers, items: ids } = pathOf(focus, answer(items, interests), weights);
      return [[...events], [...numbers], [...ids]];
    };
    expect(of({ kind: "event", id: "b" })).toEqual([["b"], [1], ["y"]]);
    expect(of({ kind: "item", id: "y" })).toEqual([["a", "b"], [1], ["y"]]);
    expect(of({ kind: "interest", number: 2 })).toEqual([["c"], [2], ["z"]]);
  });

  it("groups events by their main interest and leaves out the lightest", () => {
    expect(groupEvents(["c", "a", "b", "a", "u"], interests, 20)).toEqual([
      { interest: 1, ids: ["a", "b"], more: 0 },
      { interest: 2, ids: ["c"], more: 0 },
      { interest: null, ids: ["u"], more: 0 },
    ]);
    const many = Array.from({ length: 30 }, (_, at) => `e${at}`);
    const big = [interest(1, "big", many.map((id, at) => [id, 1 / (at + 1)]))];
    const [group] = groupEvents(many, big, 10);
    expect([group?.ids.length, group?.ids[0], group?.more]).toEqual([10, "e0", 20]);
  });

  it("draws bars as high as the shares of the list, and one band per event and item", () => {
    const box = (left: number, top: number, height: number): Box => ({ left, right: left + 100, top, height });
    const boxes = {
      events: new Map([["a", box(0, 0, 20)], ["b", box(0, 20, 20)], ["c", box(0, 40, 20)]]),
      interests: new Map([[1, box(200, 0, 90)], [2, box(200, 100, 90)]]),
      items: new Map([["x", box(400, 0, 30)], ["y", box(400, 30, 30)], ["z", box(400, 60, 30)]]),
    };
    const drawn = bands(boxes, items, weights);
    expect(drawn.bands).toHaveLength(6);
    const [first, second] = drawn.bars;
    expect((first?.height ?? 0) / (second?.height ?? 1)).toBe(2);
    const band = drawn.bands.find(({ to }) => to === "z");
    expect(band?.d).toBe(`M${300 + BAR} 145C${350 + BAR / 2} 145 ${350 + BAR / 2} 75 400 75`);
  });
});

it("knows the ids that a browser would take out of a path", () => {
  expect([".", "..", "...", "a/.", "%2e"].map(fitsPath)).toEqual([false, false, true, true, true]);
});

describe("files and commands", () => {
  it("write CSV that a spreadsheet reads as text", () => {
    const odd = { ...item("1,2", 4, ["a"]), title: '=cmd("x")\nnew' };
    const lines = toCsv(answer([odd], [interest(4, "noir")]));
    expect(lines).toBe(
      'rank,id,title,score,interest,name,categories,because\r\n1,"1,2","\'=cmd(""x"")\nnew",1.5,4,"noir","A; B","Title a"\r\n',
    );
  });

  it("write no interest for popular items, which have none", () => {
    const lines = toCsv({ ...answer([item("x", 0)], []), source: "popular" });
    expect(lines).toContain('1,"x","Title x",1.5,"","",');
  });

  it("write a command that a shell reads as one request", () => {
    const command = toCurl("http://h:1/app/?user=3#map", { history: ["it's"], k: 2 }, true);
    expect(command).toContain("curl -sS 'http://h:1/app/v1/recommend'");
    expect(command).toContain(`-d '{"history":["it'\\''s"],"k":2}'`);
    expect(command).toContain('"Authorization: Bearer $PRISMREC_KEY"');
    expect(toCurl("http://h/", {}, false)).not.toContain("Authorization");
  });
});
