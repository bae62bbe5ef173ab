/** The visible part of the map: its centre and its zoom. */

import type { CatalogMap, Interest } from "./api";

/** Pixels from the left and from the top of the map. */
export type Position = [number, number];
export type Window = { x: number; y: number; zoom: number };
type Frame = { width: number; height: number; x: number; y: number; unit: number };

const MAX_ZOOM = 40;

/** Fit all points into a box; `unit` is the pixels per unit of the plane at zoom 1. */
export function fit(xs: number[], ys: number[], width: number, height: number): Frame {
  const edge = 28;
  const [left, right] = ends(xs);
  const [bottom, top] = ends(ys);
  const unit = Math.min(
    (width - 2 * edge) / Math.max(right - left, 1e-6),
    (height - 2 * edge) / Math.max(top - bottom, 1e-6),
  );
  return { width, height, x: (left + right) / 2, y: (bottom + top) / 2, unit };
}

function ends(values: number[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low <= high ? [low, high] : [0, 0];
}

export function wholePlane(frame: Frame): Window {
  return { x: frame.x, y: frame.y, zoom: 1 };
}

/** From the plane to the screen; y grows upwards on the plane. */
export function toScreen(frame: Frame, window: Window, x: number, y: number): Position {
  const unit = frame.unit * window.zoom;
  return [frame.width / 2 + (x - window.x) * unit, frame.height / 2 - (y - window.y) * unit];
}

/** Zoom around a point of the screen. */
export function zoomBy(frame: Frame, window: Window, by: number, at: Position): Window {
  const zoom = Math.min(Math.max(window.zoom * by, 1), MAX_ZOOM);
  if (zoom === 1) return wholePlane(frame);
  const before = frame.unit * window.zoom;
  const after = frame.unit * zoom;
  const [right, down] = [at[0] - frame.width / 2, at[1] - frame.height / 2];
  return {
    x: window.x + right / before - right / after,
    y: window.y - down / before + down / after,
    zoom,
  };
}

/** Move by pixels, but not so far that the plane leaves the screen. */
export function moveBy(frame: Frame, window: Window, right: number, down: number): Window {
  const unit = frame.unit * window.zoom;
  const reach = (size: number) => size / 2 / frame.unit;
  const near = (value: number, middle: number, most: number) =>
    Math.min(Math.max(value, middle - most), middle + most);
  return {
    x: near(window.x - right / unit, frame.x, reach(frame.width)),
    y: near(window.y + down / unit, frame.y, reach(frame.height)),
    zoom: window.zoom,
  };
}

/** The item nearest to a position, if it is less than `within` pixels away; `on` gives the place of an item. */
export function nearest(count: number, on: (index: number) => Position, [x, y]: Position, within: number): number | null {
  let best: number | null = null;
  let closest = within;
  for (let index = 0; index < count; index++) {
    const [itemX, itemY] = on(index);
    const distance = Math.hypot(itemX - x, itemY - y);
    if (distance < closest) [best, closest] = [index, distance];
  }
  return best;
}

/** An interest with a place on the map. */
export type Marker = Interest & { position: [number, number] };

/** One map of several: the items of later ones are added, and the rest is that of the first. */
export function mergeMaps(maps: CatalogMap[]): CatalogMap {
  const [first, ...others] = maps;
  if (!first) throw new RangeError("mergeMaps needs at least one map.");
  const merged = {
    ...first,
    ids: [...first.ids], titles: [...first.titles], x: [...first.x], y: [...first.y], category: [...first.category],
  };
  const known = new Set(first.ids);
  for (const map of others) {
    map.ids.forEach((id, at) => {
      const [x, y] = [map.x[at], map.y[at]];
      if (known.has(id) || x === undefined || y === undefined) return;
      known.add(id);
      merged.ids.push(id);
      merged.titles.push(map.titles[at] ?? id);
      merged.x.push(x);
      merged.y.push(y);
      merged.category.push(map.category[at] ?? -1);
    });
  }
  return merged;
}

/** Letters of a title or a name on the map. */
export const LETTERS = 40;

/** Numbers in names are compared as numbers: "Category 9" is before "Category 10". */
const { compare } = new Intl.Collator(undefined, { numeric: true });

/** Names with their places, sorted by name. */
export function sorted(names: readonly string[]): { name: string; place: number }[] {
  return names.map((name, place) => ({ name, place })).sort((a, b) => compare(a.name, b.name));
}

/** A text of at most so many letters, but at least one. */
export function shorten(text: string, most: number): string {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, Math.max(most - 1, 1)).join("")}…` : text;
}

/** `end`: the text ends at x, so that it stays on the map. */
type Label = { index: number; x: number; y: number; text: string; end: boolean; middle?: boolean };
/** Left, top, right and bottom. */
export type Box = [number, number, number, number];

export function boxOf({ x, y, text, end, middle }: Omit<Label, "index">): Box {
  const letter = (wide: number, narrow: number) => (one: string) => (one > "\u2e80" ? wide : narrow);
  const widths = [...text].map(middle ? letter(15, 8.4) : letter(12, 6.3));
  const wide = 8 + widths.reduce((sum, one) => sum + one, 0);
  const left = middle ? x - wide / 2 : end ? x - wide : x;
  return [left, y - 9, left + wide, y + 9];
}

/** The texts that fit without overlap, also outside the `others`; those that come first are preferred. */
export function labels(
  spots: { index: number; x: number; y: number; text: string; middle?: boolean }[],
  frame: Frame,
  most: number,
  others: Box[] = [],
): Label[] {
  const taken = [...others];
  const placed: Label[] = [];
  for (const spot of spots) {
    if (placed.length >= most) break;
    const overflows = boxOf({ ...spot, end: false })[2] > frame.width;
    const label = { ...spot, end: overflows && !spot.middle };
    const box = boxOf(label);
    if (box[0] < 0 || box[1] < 0 || box[2] > frame.width || box[3] > frame.height) continue;
    if (taken.some((t) => t[0] < box[2] && t[2] > box[0] && t[1] < box[3] && t[3] > box[1])) continue;
    taken.push(box);
    placed.push(label);
  }
  return placed;
}
