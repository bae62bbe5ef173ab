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

it("has every text in both languages, with the same arguments", () => {
  const texts = new Map<string, unknown>();
  walk(english, (name, value) => texts.set(name, value));
  walk(chinese, (name, value) => {
    const other = texts.get(name);
    expect(typeof value, name).toBe(typeof other);
    if (typeof value === "function" && typeof other === "function") {
      const values = ["⟨a⟩", "⟨b⟩", "⟨c⟩"] as never[];
      for (const argument of values.slice(0, other.length)) {
        // A text that does not use an argument would still compile.
        const both = [String(value(...values)), String(other(...values))];
        expect(both.map((text) => text.includes(argument)), name).toEqual(
          name === "listChanged" ? expect.anything() : [true, true],
        );
      }
    } else {
      expect(value, name).not.toBe("");
    }
    texts.delete(name);
  });
  expect([...texts.keys()]).toEqual([]);
});

it("is Chinese in the Chinese texts", () => {
  const latin = new Set(["otherLanguage", "colon", "units.strength", "sentence.period", "sentence.comma", "sentence.semicolon"]);
  walk(chinese, (name, value) => {
    const text = typeof value === "function" ? String(value(1, 2, 3)) : String(value);
    if (!latin.has(name)) expect(/[\u4e00-\u9fff]/.test(text), name).toBe(true);
  });
});
