/** The differences between a list and the list before it. */

export type Change = "new" | "up" | "down" | "same";

export function changes(before: string[], after: string[]): Map<string, Change> {
  const places = new Map(before.map((id, place) => [id, place]));
  return new Map(
    after.map((id, place) => {
      const previous = places.get(id);
      if (previous === undefined) return [id, "new"];
      return [id, previous === place ? "same" : previous > place ? "up" : "down"];
    }),
  );
}

/** The number of items that are new and the number that moved. */
export function countChanges(before: string[], after: string[]): { entered: number; moved: number } {
  const all = [...changes(before, after).values()];
  return {
    entered: all.filter((change) => change === "new").length,
    moved: all.filter((change) => change === "up" || change === "down").length,
  };
}
