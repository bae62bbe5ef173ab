/** Titles by id, of all items that the service has named. */

import { SvelteMap } from "svelte/reactivity";
import { api } from "../api";

const titles = new SvelteMap<string, string>();
const requested = new Set<string>();

/** Return the title of an item, or its id if it is not known. */
export const titleOf = (id: string): string => titles.get(id) ?? id;

export function setTitle(id: string, title: string): void {
  if (titles.get(id) !== title) titles.set(id, title);
}

/** Load the titles of ids; an item without a title is shown by its id. */
export async function loadTitles(ids: string[]): Promise<void> {
  const missing = [...new Set(ids)].filter((id) => !titles.has(id) && !requested.has(id));
  if (!missing.length) return;
  missing.forEach((id) => requested.add(id));
  try {
    for (const { id, title } of await api.itemsById(missing)) setTitle(id, title);
  } catch {
    missing.forEach((id) => requested.delete(id));
  }
}
