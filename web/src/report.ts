/** The contents of an evaluation report. Another version can write another shape, so all is checked. */

export type Line = { name: string; model: boolean; points: [number, number][] };

type Loose = Record<string, unknown>;
const loose = (value: unknown): Loose =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Loose) : {};
const isText = (value: unknown): value is string => typeof value === "string";
const isNumber = (value: unknown): value is number => typeof value === "number" && isFinite(value);

/** Names of the baselines: their lines are thinner. */
function baselines(report: Loose): Set<string> {
  const all = list(report["entries"]).filter((entry) => entry["baseline"] === true);
  return new Set(all.map((entry) => String(entry["name"])));
}

/** A number of a report with half the width of its 95 % interval, where the report has one. */
export type Estimate = { value: number; half: number | null };
export type Outcome = "level" | "better" | "worse";
/** A comparison user by user. `mean` is the first model minus the other. */
export type Comparison = {
  model: string;
  other: string;
  metric: string;
  outcome: Outcome;
  mean: number;
  half: number;
};
export type Result = { name: string; baseline: boolean; best: boolean; numbers: (Estimate | null)[] };
export type Results = { metrics: string[]; users: number | null; entries: Result[] };

/** Seen items are left out of the lists, as in a product, or kept. */
export type Way = "filtered" | "keep";
/** The metrics of the table, in this order; a report has more than a table can show. */
const IN_TABLE = ["recall", "ndcg", "subtopic_recall"];

const list = (value: unknown): Loose[] => (Array.isArray(value) ? value.map(loose) : []);

/** The entries of a report with their numbers; null if it has none. */
export function results(report: Loose, way: Way): Results | null {
  const all = list(report["entries"]).filter((entry) => typeof entry["name"] === "string");
  const names = new Set(all.flatMap((entry) => Object.keys(metricsOf(entry, way))));
  const [base, length] = [(name: string) => name.split("@")[0] ?? "", (name: string) => Number(name.split("@")[1])];
  const metrics = [...names]
    .filter((name) => IN_TABLE.includes(base(name)) && isFinite(length(name)))
    .sort((a, b) => IN_TABLE.indexOf(base(a)) - IN_TABLE.indexOf(base(b)) || length(a) - length(b));
  if (!metrics.length) return null;
  const best = bestBaseline(report, way);
  const users = loose(all[0]?.[way])["users"];
  return {
    metrics,
    users: isNumber(users) ? users : null,
    entries: all.map((entry) => ({
      name: String(entry["name"]),
      baseline: entry["baseline"] === true,
      best: entry["name"] === best,
      numbers: metrics.map((metric) => {
        const value = metricsOf(entry, way)[metric];
        const half = loose(loose(entry[way])["interval"])[metric];
        return isNumber(value) ? { value, half: isNumber(half) ? half : null } : null;
      }),
    })),
  };
}

const metricsOf = (entry: Loose, way: Way): Loose => loose(loose(entry[way])["metrics"]);

/** The metric of the comparisons, or else recall of the longest lists. */
function mainMetric(report: Loose, way: Way): string {
  const compared = comparisons(report)[0]?.metric;
  if (compared) return compared;
  const names = list(report["entries"]).flatMap((entry) => Object.keys(metricsOf(entry, way)));
  return names
    .filter((name) => name.startsWith("recall@"))
    .reduce((most, name) => (Number(name.slice(7)) > Number(most.slice(7) || 0) ? name : most), "");
}

/** The baseline with the highest main metric. */
function bestBaseline(report: Loose, way: Way): string | null {
  const metric = mainMetric(report, way);
  let [best, highest] = [null as string | null, -Infinity];
  for (const entry of list(report["entries"])) {
    const value = metricsOf(entry, way)[metric];
    if (entry["baseline"] === true && isNumber(value) && value > highest) {
      [best, highest] = [String(entry["name"]), value];
    }
  }
  return best;
}

const OUTCOMES: readonly unknown[] = ["level", "better", "worse"];

/** The comparisons of a report. They leave seen items out. */
export function comparisons(report: Loose): Comparison[] {
  return list(report["comparisons"]).flatMap(({ model, other, metric, mean, interval, verdict }) =>
    isText(model) && isText(other) && isText(metric) && isNumber(mean) && isNumber(interval) && OUTCOMES.includes(verdict)
      ? [{ model, other, metric, outcome: verdict as Outcome, mean, half: interval }]
      : [],
  );
}

/** The comparison of a model with the best baseline; null if the report has none. */
export function againstBest(report: Loose, model: string | null): Comparison | null {
  const best = bestBaseline(report, "filtered");
  return comparisons(report).find((one) => one.model === model && one.other === best) ?? null;
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
