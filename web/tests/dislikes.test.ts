import { describe, expect, it } from "vitest";
import { dislikesOf, markOf } from "../src/dislikes";

describe("dislikes", () => {
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
