/** Pointers, wheel and keys on the map: they move and zoom it, and point at items and pick them. */

import type { Position } from "./view";

/** What gestures change; positions are pixels on the map. */
type Movable = {
  /** Whether the map shows less than the whole plane. */
  zoomed: () => boolean;
  zoom: (by: number, around?: Position) => void;
  move: (right: number, down: number) => void;
  /** Show the whole plane. */
  reset: () => void;
  /** null: at nothing. */
  point: (at: Position | null) => void;
  pick: (at: Position) => void;
  /** Without a pointer, the item nearest to the middle is picked. */
  pickMiddle: () => void;
};

/** A pointer that moves further drags the map, in pixels. */
const CLICK = 3;
/** Pixels that a key moves the map. */
const STEP = 60;
const ARROWS: Record<string, Position> = {
  ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP],
};
const FACTORS: Record<string, number> = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 };

/** Return the handlers of the events of a map. */
export function gestures(map: Movable) {
  const pointers = new Map<number, Position>();
  let dragged = 0;

  return {
    down(event: PointerEvent): void {
      pointers.set(event.pointerId, positionOf(event));
      dragged = 0;
    },

    move(event: PointerEvent): void {
      const now = positionOf(event);
      const last = pointers.get(event.pointerId);
      if (!last) return map.point(now);
      pointers.set(event.pointerId, now);
      dragged += distance(now, last);
      const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const between: Position = [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2];
        map.zoom(distance(now, other) / Math.max(distance(last, other), 1), between);
      } else if (dragged > CLICK) {
        // Only a drag captures the pointer: a click must still reach the element below it.
        (event.currentTarget as Element).setPointerCapture(event.pointerId);
        map.point(null);
        map.move(now[0] - last[0], now[1] - last[1]);
      }
    },

    up(event: PointerEvent): void {
      const pressed = pointers.delete(event.pointerId);
      if (pressed && dragged <= CLICK && event.type === "pointerup") map.pick(positionOf(event));
    },

    wheel(event: WheelEvent): void {
      const by = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016));
      if (by < 1 && !map.zoomed()) return; // the page can scroll
      event.preventDefault();
      map.zoom(by, positionOf(event));
    },

    press(event: KeyboardEvent): void {
      const [offset, factor] = [ARROWS[event.key], FACTORS[event.key]];
      if (offset) map.move(...offset);
      else if (factor) map.zoom(factor);
      else if (event.key === "0") map.reset();
      else return;
      event.preventDefault();
      map.pickMiddle();
    },
  };
}

function positionOf(event: MouseEvent): Position {
  const box = (event.currentTarget as Element).getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

const distance = (one: Position, other: Position) => Math.hypot(one[0] - other[0], one[1] - other[1]);
