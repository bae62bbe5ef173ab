/** What part of the map is on the screen, and where its points are there. */

import { reducedMotion } from "./settings.svelte";
import { type Position, type Window, fit, moveBy, toScreen, wholePlane, zoomBy } from "./view";

const GLIDE_MILLISECONDS = 380;

export class Camera {
  /** The width of the map and the height of the browser's window, in pixels. */
  width = $state(600);
  windowHeight = $state(800);
  /** null: the whole plane. */
  view = $state.raw<Window | null>(null);
  height = $derived(Math.round(Math.min(Math.max(this.width * 0.66, 320), Math.max(this.windowHeight - 220, 340))));
  frame = $derived.by(() => {
    const { x, y } = this.points();
    return fit(x, y, this.width, this.height);
  });
  shown = $derived(this.view ?? wholePlane(this.frame));
  #unit = $derived(this.frame.unit * this.shown.zoom);
  /** From the plane to the screen, for an SVG group. */
  transform = $derived(
    `translate(${this.width / 2 - this.shown.x * this.#unit} ${this.height / 2 + this.shown.y * this.#unit}) scale(${this.#unit} ${-this.#unit})`,
  );

  /** `points` are all that must fit on the map. */
  constructor(private points: () => { x: number[]; y: number[] }) {}

  /** The place of a point of the plane on the screen. */
  on(x: number, y: number): Position {
    return toScreen(this.frame, this.shown, x, y);
  }

  includes({ x, y }: { x: number; y: number }): boolean {
    return x > 0 && x < this.width && y > 0 && y < this.height;
  }

  get middle(): Position {
    return [this.width / 2, this.height / 2];
  }

  zoom(by: number, around = this.middle): void {
    this.view = zoomBy(this.frame, this.shown, by, around);
  }

  move(right: number, down: number): void {
    this.view = moveBy(this.frame, this.shown, right, down);
  }

  /** Move the view to a place smoothly, and zoom in at least so far; to the whole plane without a place. */
  glide(x = this.frame.x, y = this.frame.y, zoom?: number): void {
    const from = this.shown;
    const target = zoom === undefined ? 1 : Math.max(from.zoom, zoom);
    const started = performance.now();
    const duration = reducedMotion.matches ? 0 : GLIDE_MILLISECONDS;
    const step = (now: number): void => {
      const share = duration ? Math.min((now - started) / duration, 1) : 1;
      const eased = 1 - (1 - share) ** 3;
      this.view = {
        x: from.x + (x - from.x) * eased,
        y: from.y + (y - from.y) * eased,
        zoom: from.zoom * (target / from.zoom) ** eased,
      };
      if (share < 1) requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }
}
