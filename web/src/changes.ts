/** What is different between a list and the one before it. */

export type Change = "new" | "up" | "down" | "same";

export function changes(before: string[], after: string[]): Map<string, Change> {
  const places = new Map(before.map((id, place) => [id, place]));
  return new Map(
    after.map((id, place) => {
      const was = places.get(id);
      if (was === undefined) return [id, "new"];
      return [id, was === place ? "same" : was > place ? "up" : "down"];
    }),
  );
}

/** How many entered, left and moved. */
export function counted(before: string[], after: string[]): { entered: number; moved: number } {
  const found = [...changes(before, after).values()];
  return {
    entered: found.filter((change) => change === "new").length,
    moved: found.filter((change) => change === "up" || change === "down").length,
  };
}
