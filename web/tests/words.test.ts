import { expect, it } from "vitest";
import { english } from "../src/words";
import { chinese } from "../src/words.zh";

type Tree = { [key: string]: unknown };

function walk(tree: Tree, visit: (name: string, value: unknown) => void, at = ""): void {
  for (const [key, value] of Object.entries(tree)) {
    const name = at ? `${at}.${key}` : key;
    if (typeof value === "object" && value !== null) walk(value as Tree, visit, name);
    else visit(name, value);
  }
}

it("says everything in both languages, with the same arguments", () => {
  const seen = new Map<string, unknown>();
  walk(english, (name, value) => seen.set(name, value));
  walk(chinese, (name, value) => {
    const other = seen.get(name);
    expect(typeof value, name).toBe(typeof other);
    if (typeof value === "function" && typeof other === "function") {
      const given = ["⟨a⟩", "⟨b⟩", "⟨c⟩"] as never[];
      for (const argument of given.slice(0, other.length)) {
        // A sentence that forgets what it is about would still compile.
        const both = [String(value(...given)), String(other(...given))];
        expect(both.map((text) => text.includes(argument)), name).toEqual(
          name === "listChanged" ? expect.anything() : [true, true],
        );
      }
    } else {
      expect(value, name).not.toBe("");
    }
    seen.delete(name);
  });
  expect([...seen.keys()]).toEqual([]);
});

it("is Chinese where it says so", () => {
  const latin = new Set(["otherLanguage", "strengthIs", "units.strength", "named"]);
  walk(chinese, (name, value) => {
    const text = typeof value === "function" ? String(value(1, 2, 3)) : String(value);
    if (!latin.has(name)) expect(/[\u4e00-\u9fff]/.test(text), name).toBe(true);
  });
});
