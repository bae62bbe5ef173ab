/** The flow diagram: bands from the events to their interests, and from these to the items. */

import type { Answer, Interest } from "./api";
import { eventsOf } from "./reason";
import { type Weight, weightsByItem } from "./weights";

/** What a visitor points at or focuses. */
export type Focus = { kind: "event" | "item"; id: string } | { kind: "interest"; number: number };

/** The focus of a selected interest; a muted one has nothing to highlight. */
export function selectedFocus(selected: number | null, interests: Interest[]): Focus | null {
  const present = interests.some(({ number }) => number === selected);
  return selected !== null && present ? { kind: "interest", number: selected } : null;
}

/** Events, interests and items that belong to the focus. */
export type Path = { events: Set<string>; interests: Set<number>; items: Set<string> };

/**
 * Return what a focus is connected with. An event leads to its main interest and to the items that
 * name it as a reason; an item leads to its interest and to the events that are its reasons.
 */
export function pathOf(focus: Focus, answer: Answer, weights: Map<string, Weight[]>): Path {
  const path: Path = { events: new Set(), interests: new Set(), items: new Set() };
  if (focus.kind === "interest") {
    path.interests.add(focus.number);
    for (const [id, [first]] of weights) if (first?.interest === focus.number) path.events.add(id);
    for (const { id, interest } of answer.items) if (interest === focus.number) path.items.add(id);
  } else if (focus.kind === "event") {
    path.events.add(focus.id);
    for (const item of answer.items) {
      if (!eventsOf(item, answer.interests).includes(focus.id)) continue;
      path.items.add(item.id);
      path.interests.add(item.interest);
    }
  } else {
    path.items.add(focus.id);
    const item = answer.items.find(({ id }) => id === focus.id);
    if (item && answer.source === "interests") path.interests.add(item.interest);
    for (const id of item ? eventsOf(item, answer.interests) : []) path.events.add(id);
  }
  // A reason can belong to another interest than its item; its band leads there too.
  for (const id of path.events) {
    const first = weights.get(id)?.[0];
    if (first) path.interests.add(first.interest);
  }
  return path;
}

/** Rows for the events that no interest uses. */
const UNUSED = 3;

/** The events to show in one row each: by interest, the heaviest first, and how many are left out. */
type EventGroup = { interest: number | null; ids: string[]; more: number };

export function groupEvents(ids: string[], interests: Interest[], most: number): EventGroup[] {
  const weights = weightsByItem(interests);
  const weight = (id: string) => weights.get(id)?.[0]?.weight ?? 0;
  const unique = [...new Set(ids)];
  const groups: EventGroup[] = [...interests.map(({ number }) => number), null].map((interest) => {
    const own = unique.filter((id) => (weights.get(id)?.[0]?.interest ?? null) === interest);
    return { interest, ids: own.sort((a, b) => weight(b) - weight(a)), more: 0 };
  });
  const shown = groups.filter((group) => group.ids.length);
  // Every interest gets its part of the rows, at least two; events of no interest get few.
  const used = unique.filter((id) => weights.has(id)).length;
  const rows = ({ interest, ids }: EventGroup) =>
    interest === null && most < Infinity ? UNUSED : Math.max(2, Math.floor((most * ids.length) / used));
  return shown.map((group) => {
    const left = group.ids.length - rows(group);
    // A row "1 more" would take the place of the event itself.
    return left > 1 ? { ...group, ids: group.ids.slice(0, rows(group)), more: left } : group;
  });
}

export type Box = { left: number; right: number; top: number; height: number };
export type Band = { key: string; interest: number; from: string | null; to: string | null; d: string; width: number };
export type Boxes = { events: Map<string, Box>; interests: Map<number, Box>; items: Map<string, Box> };
type Bar = { interest: number; x: number; y: number; height: number };

const MOST_PER_ITEM = 16;
const MOST_PER_EVENT = 5;
/** Width of the bar at the right edge of an interest. */
export const BAR = 6;
const middle = ({ top, height }: Box) => top + height / 2;

/**
 * Return the bands of the diagram. All items have bands of the same width, so the bar of an
 * interest is as high as its share of the list.
 */
export function bands(
  boxes: Boxes,
  items: { id: string; interest: number }[],
  weights: Map<string, Weight[]>,
): { bands: Band[]; bars: Bar[] } {
  const all: Band[] = [];
  const bars: Bar[] = [];
  const listed = items.filter(({ id }) => boxes.items.has(id));
  const inside = (number: number) => listed.filter(({ interest }) => interest === number);
  const perItem = Math.min(
    MOST_PER_ITEM,
    ...[...boxes.interests].map(([number, box]) => box.height / Math.max(inside(number).length, 1)),
  );
  for (const [number, box] of boxes.interests) {
    const own = inside(number);
    const height = own.length * perItem;
    const start = middle(box) - height / 2;
    bars.push({ interest: number, x: box.right, y: start, height });
    const sorted = own.toSorted((a, b) => middle(boxes.items.get(a.id)!) - middle(boxes.items.get(b.id)!));
    sorted.forEach(({ id }, at) => {
      const to = boxes.items.get(id)!;
      all.push({
        key: `i${id}`, interest: number, from: null, to: id, width: perItem,
        d: curve(box.right + BAR, start + perItem * (at + 0.5), to.left, middle(to)),
      });
    });
    const events = [...boxes.events].filter(([id]) => weights.get(id)?.[0]?.interest === number);
    const perEvent = Math.min(MOST_PER_EVENT, box.height / Math.max(events.length, 1));
    events.sort(([, a], [, b]) => a.top - b.top);
    events.forEach(([id, from], at) => {
      const y = middle(box) + perEvent * (at - (events.length - 1) / 2);
      all.push({
        key: `e${id}`, interest: number, from: id, to: null, width: perEvent,
        d: curve(from.right, middle(from), box.left, y),
      });
    });
  }
  return { bands: all, bars };
}

function curve(x1: number, y1: number, x2: number, y2: number): string {
  const half = (x1 + x2) / 2;
  const at = (value: number) => Math.round(value * 10) / 10;
  return `M${at(x1)} ${at(y1)}C${at(half)} ${at(y1)} ${at(half)} ${at(y2)} ${at(x2)} ${at(y2)}`;
}
