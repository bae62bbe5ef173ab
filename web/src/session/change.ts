/** Changes what is shown, so that Undo and Back take the change back. */

import type { Options } from "../address";
import type { State } from "../comparison";
import { settings } from "../settings.svelte";
import { entries } from "./entries.svelte";
import { refresh } from "./list";
import { messages } from "./messages.svelte";
import { type Shown, session } from "./session.svelte";

/**
 * `kind` joins the steps of one slider, and keeps them apart from clicks; without `ask`, the list
 * stays; `hidden` are the items that the page then hides for everyone.
 */
type How = { kind?: string; ask?: boolean; hidden?: string[] };

export function change(next: Partial<Shown>, text: string, { kind = "", ask = true, hidden }: How = {}): void {
  session.navigate();
  session.show({ ...session.shown, ...next });
  entries.add(kind, hidden);
  messages.confirm(text);
  if (ask) refresh(next.history !== undefined);
  else messages.announcement = text;
}

export function changeOptions(options: Partial<Options>, text: string, how?: How): void {
  change({ options: { ...session.options, ...options } }, text, how);
}

/** Show A or B of a comparison. */
export function applyState({ artifact, ...shown }: State, letter: string): void {
  session.weightsFor = artifact;
  change(shown, settings.words.comparison.applied(letter));
}
