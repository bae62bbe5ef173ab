import { describe, expect, it } from "vitest";
import { gestures } from "../src/gestures";
import type { Position } from "../src/view";

/** The handlers of a map, what they did, and events on the map, whose corner is at (10, 20). */
function opened(zoomed = false) {
  const done: unknown[] = [];
  const on = gestures({
    zoomed: () => zoomed,
    zoom: (by, around) => done.push(["zoom", Number(by.toFixed(3)), around]),
    move: (right, down) => done.push(["move", right, down]),
    reset: () => done.push(["reset"]),
    point: (at) => done.push(["point", at]),
    pick: (at) => done.push(["pick", at]),
    pickMiddle: () => done.push(["pick middle"]),
  });
  const currentTarget = { getBoundingClientRect: () => ({ left: 10, top: 20 }), setPointerCapture: () => done.push(["capture"]) };
  const preventDefault = () => done.push(["prevented"]);
  const pointer = ([x, y]: Position, more: object = {}) =>
    ({ clientX: x + 10, clientY: y + 20, pointerId: 1, type: "pointermove", currentTarget, preventDefault, ...more }) as unknown as PointerEvent;
  const key = (name: string) => ({ key: name, preventDefault }) as unknown as KeyboardEvent;
  return { on, done, pointer, key };
}

describe("gestures on the map", () => {
  it("point without a button, and pick with a click", () => {
    const { on, done, pointer } = opened();
    on.move(pointer([5, 6]));
    on.down(pointer([5, 6]));
    on.move(pointer([6, 6]));
    on.up(pointer([6, 6], { type: "pointerup" }));
    expect(done).toEqual([["point", [5, 6]], ["pick", [6, 6]]]);
  });

  it("drag, which picks nothing", () => {
    const { on, done, pointer } = opened();
    on.down(pointer([0, 0]));
    on.move(pointer([7, -2]));
    on.up(pointer([7, -2], { type: "pointerup" }));
    expect(done).toEqual([["capture"], ["point", null], ["move", 7, -2]]);
  });

  it("pick nothing if the browser takes the pointer away", () => {
    const { on, done, pointer } = opened();
    on.down(pointer([0, 0]));
    on.up(pointer([0, 0], { type: "pointercancel" }));
    expect(done).toEqual([]);
  });

  it("zoom with two fingers around their middle", () => {
    const { on, done, pointer } = opened();
    on.down(pointer([0, 0]));
    on.down(pointer([10, 0], { pointerId: 2 }));
    on.move(pointer([30, 0], { pointerId: 2 }));
    expect(done).toEqual([["zoom", 3, [15, 0]]]);
  });

  it("zoom with the wheel, but leave the page its scrolling where all is visible", () => {
    const whole = opened();
    whole.on.wheel(whole.pointer([1, 2], { deltaY: 100 }) as unknown as WheelEvent);
    expect(whole.done).toEqual([]);
    whole.on.wheel(whole.pointer([1, 2], { deltaY: -100 }) as unknown as WheelEvent);
    expect(whole.done).toEqual([["prevented"], ["zoom", 1.174, [1, 2]]]);
    const part = opened(true);
    part.on.wheel(part.pointer([1, 2], { deltaY: 100 }) as unknown as WheelEvent);
    expect(part.done).toEqual([["prevented"], ["zoom", 0.852, [1, 2]]]);
  });

  it("move, zoom and reset with keys, and leave other keys alone", () => {
    const { on, done, key } = opened();
    for (const name of ["ArrowLeft", "+", "0", "a"]) on.press(key(name));
    const after = [["prevented"], ["pick middle"]];
    expect(done).toEqual([["move", 60, 0], ...after, ["zoom", 1.5, undefined], ...after, ["reset"], ...after]);
  });
});
