/** The contents of an evaluation report. Another version can write another shape, so all is checked. */

export type Line = { name: string; model: boolean; points: [number, number][] };

type Loose = Record<string, unknown>;
const loose = (value: unknown): Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {};
const isNumber = (value: unknown): value is number => typeof value === "number" && isFinite(value);

/** Names of the baselines: their lines are thinner. */
function baselines(report: Loose): Set<string> {
  const entries = Array.isArray(report["entries"]) ? report["entries"] : [];
  return new Set(
    entries.map(loose).flatMap((entry) => (entry["baseline"] === true ? [String(entry["name"])] : [])),
  );
}

/** Recall by length of the list, one line per model. */
export function recallByLength(report: Loose): Line[] {
  const others = baselines(report);
  return Object.entries(loose(report["depth"])).flatMap(([name, recalls]) => {
    const points = Object.entries(loose(recalls)).flatMap<[number, number]>(([k, value]) =>
      isNumber(value) ? [[Number(k), value]] : [],
    );
    points.sort((a, b) => a[0] - b[0]);
    return points.length > 1 ? [{ name, model: !others.has(name), points }] : [];
  });
}

/** Recall by diversity of the list, one line per model. */
export function recallByDiversity(report: Loose): Line[] {
  return Object.entries(loose(report["tradeoff"])).flatMap(([name, steps]) => {
    const points = (Array.isArray(steps) ? steps.map(loose) : []).flatMap<[number, number]>(
      ({ diversity, recall }) =>
        isNumber(diversity) && isNumber(recall) ? [[diversity, recall]] : [],
    );
    return points.length > 1 ? [{ name, model: true, points }] : [];
  });
}

/** All contents of a value, one row each: the names of its fields, and the content. `text` translates both. */
export function rows(
  value: unknown,
  text: { label: (key: string) => string; sentence: (text: string) => string },
  depth = 3,
  name = "",
): [string, string | number][] {
  if (value === null || value === undefined || value === "") return [];
  if (typeof value === "number") return [[name, value]];
  if (typeof value === "string") return [[name, text.sentence(value)]];
  if (typeof value === "boolean") return [[name, String(value)]];
  if (Array.isArray(value)) {
    const plain = value.every((one) => typeof one !== "object");
    if (!plain || !value.length || value.length >= 12) return [];
    const parts = value.map((one) => text.sentence(String(one)));
    const every = (end: string) => parts.every((part) => part.endsWith(end));
    return [[name, parts.join(every("。") ? "" : every(".") ? " " : ", ")]];
  }
  if (depth === 0) return [];
  return Object.entries(loose(value)).flatMap(([key, field]) =>
    rows(field, text, depth - 1, name ? `${name} · ${text.label(key)}` : text.label(key)),
  );
}
