/** What an evaluation report holds, looked at with care: another version may write another shape. */

export type Line = { name: string; own: boolean; points: [number, number][] };

type Loose = Record<string, unknown>;
const loose = (value: unknown): Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {};
const number = (value: unknown): value is number => typeof value === "number" && isFinite(value);

/** Names of the baselines: they are drawn behind. */
function baselines(report: Loose): Set<string> {
  const entries = Array.isArray(report["entries"]) ? report["entries"] : [];
  return new Set(
    entries.map(loose).flatMap((entry) => (entry["baseline"] === true ? [String(entry["name"])] : [])),
  );
}

/** Recall by length of the list, a line a model. */
export function depth(report: Loose): Line[] {
  const others = baselines(report);
  return Object.entries(loose(report["depth"])).flatMap(([name, by]) => {
    const points = Object.entries(loose(by)).flatMap<[number, number]>(([k, value]) =>
      number(value) ? [[Number(k), value]] : [],
    );
    points.sort((a, b) => a[0] - b[0]);
    return points.length > 1 ? [{ name, own: !others.has(name), points }] : [];
  });
}

/** Diversity and recall along the dial, a line a model. */
export function tradeoff(report: Loose): Line[] {
  return Object.entries(loose(report["tradeoff"])).flatMap(([name, steps]) => {
    const points = (Array.isArray(steps) ? steps.map(loose) : []).flatMap<[number, number]>(
      ({ diversity, recall }) => (number(diversity) && number(recall) ? [[diversity, recall]] : []),
    );
    return points.length > 1 ? [{ name, own: true, points }] : [];
  });
}

/** Everything of one value, a row each, nested names joined. */
export function rows(value: unknown, name = "", deep = 3): [string, string | number][] {
  if (value === null || value === undefined || value === "") return [];
  if (typeof value === "number" || typeof value === "string") return [[name, value]];
  if (typeof value === "boolean") return [[name, String(value)]];
  if (Array.isArray(value)) {
    const plain = value.every((one) => typeof one !== "object");
    return plain && value.length && value.length < 12 ? [[name, value.join(", ")]] : [];
  }
  if (deep === 0) return [];
  return Object.entries(loose(value)).flatMap(([key, own]) =>
    rows(own, name ? `${name} ${words(key)}` : words(key), deep - 1),
  );
}

const words = (key: string) => key.replaceAll("_", " ");
