/** The events of a history, as the page holds them. */

/** `mark` is the kind and the value of a stored event; "" without both. */
export type HistoryEvent = { id: string; mark: string };

export const newEvent = (id: string, mark = ""): HistoryEvent => ({ id, mark });
export const idsOf = (all: { id: string }[]) => all.map(({ id }) => id);
export const haveSameItems = (one: HistoryEvent[], other: HistoryEvent[]) => String(idsOf(one)) === String(idsOf(other));
