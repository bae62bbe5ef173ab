/** What this page hides from everyone's lists. Undo shows it again, but nothing that others hide. */

import { api } from "../api";
import { settings } from "../settings.svelte";
import { change } from "./change";
import { entries } from "./entries.svelte";
import { renew } from "./list";

/** What the service hides for this page. */
const hidden = new Set<string>();
let matching: Promise<void> | null = null;

/** After a reload, the service still hides what the entry of the browser's history names. */
export function restoreHidden(): void {
  for (const id of entries.current.hidden) hidden.add(id);
}

/** Let the service hide what the current entry hides, and nothing more; one call at a time. */
export function matchHidden(): Promise<void> {
  return (matching ??= hideAndShow().finally(() => (matching = null)));
}

async function hideAndShow(): Promise<void> {
  for (;;) {
    const entry = entries.current;
    const missing = entry.hidden.find((one) => !hidden.has(one));
    const id = missing ?? [...hidden].find((one) => !entry.hidden.includes(one));
    if (id === undefined) return;
    if (missing === undefined) {
      await api.setHidden(id, false);
      hidden.delete(id);
    } else if (await hide(id)) hidden.add(id);
    // Somebody else hides it now, so it is not for this entry to show it again.
    else if (entry === entries.current) entries.dropHidden(id);
  }
}

/** Hide an item; return whether it was not hidden before. */
async function hide(id: string): Promise<boolean> {
  return (await api.setHidden(id, true)).changed.length > 0;
}

/** Hide an item from everyone's lists; the service may refuse it, and the caller says so. */
export async function hideForEveryone(id: string, title: string): Promise<void> {
  await matchHidden();
  const text = settings.words.hiddenForAll(title);
  if (await hide(id)) {
    hidden.add(id);
    change({}, text, { hidden: [...entries.current.hidden, id] });
  } else renew(text); // there is nothing to undo
}
