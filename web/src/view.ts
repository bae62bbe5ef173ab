/** The visible part of the map: its centre and its zoom. */

export type Window = { x: number; y: number; zoom: number };
export type Frame = { width: number; height: number; x: number; y: number; unit: number };

export const MAX_ZOOM = 40;

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
export function toScreen(frame: Frame, window: Window, x: number, y: number): [number, number] {
  const unit = frame.unit * window.zoom;
  return [frame.width / 2 + (x - window.x) * unit, frame.height / 2 - (y - window.y) * unit];
}

/** Zoom around a point of the screen. */
export function zoomBy(frame: Frame, window: Window, by: number, at: [number, number]): Window {
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

export type Label = { index: number; x: number; y: number; text: string; end: boolean };

/** The titles that fit without overlap; items that come first are preferred. */
export function labels(
  spots: { index: number; x: number; y: number; text: string }[],
  frame: Frame,
  most: number,
): Label[] {
  const taken: [number, number, number, number][] = [];
  const placed: Label[] = [];
  for (const { index, x, y, text } of spots) {
    if (placed.length >= most) break;
    const wide = 8 + [...text].reduce((sum, letter) => sum + (letter > "\u2e80" ? 12 : 6.3), 0);
    const end = x + wide > frame.width;
    const box: [number, number, number, number] = [end ? x - wide : x, y - 9, end ? x : x + wide, y + 9];
    if (box[0] < 0 || box[1] < 0 || box[2] > frame.width || box[3] > frame.height) continue;
    if (taken.some((t) => t[0] < box[2] && t[2] > box[0] && t[1] < box[3] && t[3] > box[1])) continue;
    taken.push(box);
    placed.push({ index, x, y, text, end });
  }
  return placed;
}
