import { describe, expect, it } from "vitest";
import type { StoredEvent } from "../src/api";
import { dislikesOf, markOf, stillDisliked } from "../src/dislikes";

const event = (item: string, disliked: boolean, kind: string | null = null, value: number | null = null) =>
  ({ item, disliked, kind, value }) as StoredEvent;

describe("dislikes", () => {
  it("are the items whose last event is one, in the order of these events", () => {
    const events = [event("a", true), event("b", true, "return"), event("a", false), event("c", true, null, 1), event("b", true)];
    expect(stillDisliked(events)).toEqual([
      { id: "c", kind: null, value: 1 },
      { id: "b", kind: null, value: null },
    ]);
    expect(stillDisliked([])).toEqual([]);
  });

  it("end when the visitor adds the item to the history", () => {
    const disliked = ["a", "b"].map((id) => ({ id, kind: null, value: null }));
    expect(dislikesOf(disliked, ["x", "a"], ["x", "a"])).toEqual(["a", "b"]);
    expect(dislikesOf(disliked, ["x", "a"], ["a", "b"])).toEqual(["a"]);
    expect(dislikesOf([], ["x"], ["y"])).toEqual([]);
  });

  it("are marked with kind and value", () => {
    expect(markOf({ kind: "rating", value: 0 })).toBe("rating 0");
    expect(markOf({ kind: null, value: 1.5 })).toBe("1.5");
    expect(markOf({})).toBe("");
  });
});
