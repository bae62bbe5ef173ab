/** The state of the page as the query of its address, so that a reload, a link and Back restore it. */

import type { Diversity, Unit } from "./diversity";

type Mix = "mixture" | "shares";
/** An interest that the visitor adds: a category or an item. */
export type Added = { kind: "category" | "item"; value: string; weight: number };

export type Options = {
  diversity: Diversity;
  mix: Mix;
  /** By number of interest: 0 mutes it, 1 is neutral and left out. */
  weights: ReadonlyMap<number, number>;
  added: readonly Added[];
  /** Ids of items that the visitor hid from the list. */
  blocked: readonly string[];
  /** Whether the list is grouped by interest. */
  grouped: boolean;
};

export type Address = {
  user: string | null;
  /** Without a user: the ids of the history; null if the address names none. */
  history: string[] | null;
  /** With a user: the items that the visitor removed from the user's history, and added to it. */
  removed: string[];
  appended: string[];
  options: Options;
  /** The beginning of the name of the artifact that the weights are for; null if not known. */
  artifact: string | null;
  /** With a user: the number of events of the history that the weights are for; 0 if not known. */
  events: number;
};

export const NEUTRAL: Options = {
  diversity: { unit: "strength", value: 0 },
  mix: "mixture",
  weights: new Map(),
  added: [],
  blocked: [],
  grouped: true,
};

/** The service accepts no larger λ. */
const MAX_STRENGTH = 1e6;

const UNIT_NAMES: Record<Unit, string> = {
  strength: "diversity",
  target: "diversity_target",
  loss: "max_relevance_loss",
};

/** Ids may contain commas, so these are escaped within a list. */
const join = (values: readonly string[]) => values.map((one) => one.replace(/[\\,]/g, "\\$&")).join(",");

function split(text: string): string[] {
  if (text === "") return [];
  const values: string[] = [];
  let value = "";
  for (let at = 0; at < text.length; at++) {
    if (text[at] === ",") {
      values.push(value);
      value = "";
    } else value += text[at] === "\\" ? (text[++at] ?? "") : (text[at] ?? "");
  }
  return [...values, value];
}

/** Return the query of an address, without parts that have their default; "" if all have. */
export function toQuery({ user, history, removed, appended, options, artifact, events }: Address): string {
  const parts: [string, string][] = [];
  const add = (name: string, value: string) => parts.push([name, value]);
  if (user !== null) {
    add("user", user);
    if (removed.length) add("removed", join(removed));
    if (appended.length) add("appended", join(appended));
  } else if (history !== null) add("history", join(history));
  const { diversity, mix, weights, added, blocked, grouped } = options;
  if (diversity.unit !== "strength" || diversity.value !== 0) {
    add(UNIT_NAMES[diversity.unit], String(diversity.value));
  }
  if (mix !== "mixture") add("mix", mix);
  if (weights.size) {
    add("weights", [...weights].map(([number, weight]) => `${number}:${weight}`).join(","));
    if (artifact !== null) add("artifact", artifact);
    if (user !== null && events) add("events", String(events));
  }
  if (added.length) {
    const texts = added.map(({ kind, value, weight }) => `${weight === 1 ? "" : `${weight}*`}${kind}:${value}`);
    add("added", join(texts));
  }
  if (blocked.length) add("blocked", join(blocked));
  if (!grouped) add("list", "ranked");
  // Commas and colons are allowed in a query, and a link with them can be read.
  const plain = (text: string) => encodeURIComponent(text).replace(/%2C/g, ",").replace(/%3A/g, ":");
  return parts.length ? `?${parts.map(([name, value]) => `${name}=${plain(value)}`).join("&")}` : "";
}

/** Read a query. Parts that cannot be read get their default: a link must never break the page. */
export function fromQuery(query: string): Address {
  const values = new URLSearchParams(query);
  const list = (name: string) => split(values.get(name) ?? "");
  const history = values.get("history");
  return {
    user: values.get("user") || null,
    history: history === null ? null : split(history),
    removed: list("removed"),
    appended: list("appended"),
    artifact: values.get("artifact") || null,
    events: Number(values.get("events")) || 0,
    options: {
      diversity: readDiversity(values),
      mix: values.get("mix") === "shares" ? "shares" : "mixture",
      weights: readWeights(values.get("weights") ?? ""),
      added: list("added").flatMap(readAdded),
      blocked: list("blocked"),
      grouped: values.get("list") !== "ranked",
    },
  };
}

function readDiversity(values: URLSearchParams): Diversity {
  for (const [unit, name] of Object.entries(UNIT_NAMES) as [Unit, string][]) {
    const value = Number(values.get(name) ?? NaN);
    if (value >= 0 && value <= (unit === "strength" ? MAX_STRENGTH : 1)) return { unit, value };
  }
  return NEUTRAL.diversity;
}

function readWeights(text: string): Map<number, number> {
  const pairs = [...text.matchAll(/(\d{1,4}):(\d+(?:\.\d+)?)/g)];
  const weights = pairs.map(([, number, weight]): [number, number] => [Number(number), Math.min(Number(weight), MAX_WEIGHT)]);
  return new Map(weights.filter(([, weight]) => weight !== 1));
}

function readAdded(text: string): Added[] {
  const [, weight, kind, value] = /^(?:(\d+(?:\.\d+)?)\*)?(category|item):(.+)$/su.exec(text) ?? [];
  if (value === undefined) return [];
  return [{ kind: kind as Added["kind"], value, weight: Math.min(Number(weight ?? 1), MAX_WEIGHT) }];
}

/** The buttons "more" and "less" stay within these weights. */
const MAX_WEIGHT = 16;
const MIN_WEIGHT = 1 / 16;

export type Steer = "more" | "less" | "mute";

/** Return the weight after a click; "mute" and "more" also end the muting. */
export function steer(weight: number, way: Steer): number {
  if (way === "mute") return weight === 0 ? 1 : 0;
  if (weight === 0 && way === "more") return 1;
  if (way === "more") return Math.min(weight * 2, MAX_WEIGHT);
  return Math.max(weight / 2, Math.min(weight, MIN_WEIGHT));
}

/**
 * Return what the visitor removed from a user's history and appended to it. Occurrences count: an
 * item can be in a history twice.
 */
export function compareHistories(base: string[], now: string[]): { removed: string[]; appended: string[] } {
  let at = 0;
  const removed = base.filter((id) => {
    if (now[at] !== id) return true;
    at++;
    return false;
  });
  const appended = now.slice(at);
  const again = changeHistory(base, (id) => id, removed, appended);
  // Only where an older occurrence was removed than the newest one: replace the whole history.
  return String(again) === String(now) ? { removed, appended } : { removed: base, appended: now };
}

/**
 * Return the history with the visitor's changes: the reverse of `compareHistories`. Of an item that
 * occurs twice the newest is removed, as in the service (`service/start.py`).
 */
export function changeHistory<T>(base: T[], id: (one: T) => string, removed: string[], appended: T[]): T[] {
  const left = [...removed];
  const kept = base.toReversed().filter((one) => {
    const at = left.indexOf(id(one));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [...kept.reverse(), ...appended];
}
