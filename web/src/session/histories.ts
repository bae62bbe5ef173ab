/** What a visitor can do with the history: choose another one, and add or remove items. */

import { type HistoryItem, api } from "../api";
import { type Disliked, markOf } from "../dislikes";
import { settings } from "../settings.svelte";
import { change } from "./change";
import { type HistoryEvent, newEvent } from "./history";
import type { IsNewest } from "./service.svelte";
import { session } from "./session.svelte";
import { setTitle, titleOf } from "./titles";

/** The users among whom the next one is chosen if their interests shall differ. */
const DIFFERENT = 60;
let different = 0;

/** What is stored of a user. */
export type Stored = { base: HistoryEvent[]; disliked: Disliked[] };
export const NOTHING: Stored = { base: [], disliked: [] };

export function toEvents(items: HistoryItem[]): HistoryEvent[] {
  return items.map((item) => {
    setTitle(item.id, item.title);
    return newEvent(item.id, markOf(item));
  });
}

export function toStored({ base, disliked }: { base: HistoryItem[]; disliked: HistoryItem[] }): Stored {
  toEvents(disliked);
  return { base: toEvents(base), disliked };
}

/** The history that the service makes the list of a user from. */
export async function historyOf(user: string): Promise<Stored> {
  return toStored(await api.start({ user, options: '{"k":1,"explain":false}' }));
}

export const isEmpty = ({ base, disliked }: Stored): boolean => !base.length && !disliked.length;

export function clearHistory(): void {
  const shown = { user: null, ...NOTHING, history: [], options: session.optionsWithoutWeights };
  change(shown, settings.words.started);
}

/** Show a user of the data set. */
export function showUser(user: string, ids: string[]): void {
  showHistory(user, { base: ids.map((id) => newEvent(id)), disliked: [] });
}

function showHistory(user: string, { base, disliked }: Stored): void {
  const options = { ...session.optionsWithoutWeights, blocked: [], added: [] };
  change({ user, base, history: base, disliked, options }, settings.words.showsUser(user));
}

/** Show a user of the data set or of the store; return whether there is one. */
export async function openUser(user: string, isNewest: IsNewest): Promise<boolean> {
  const stored = await historyOf(user);
  const known = !isEmpty(stored);
  if (known && isNewest()) showHistory(user, stored);
  return known;
}

export async function showRandomUser(isNewest: IsNewest): Promise<boolean> {
  const seed = Math.floor(Math.random() * 2 ** 31);
  const { users } = await api.examples({ order: "random", seed, limit: 1 });
  if (users[0] && isNewest()) showUser(users[0].user, users[0].history);
  return users.length > 0;
}

/** Show the next of the users whose interests differ most. */
export async function showDifferentUser(isNewest: IsNewest): Promise<boolean> {
  const { users } = await api.examples({ order: "different", limit: DIFFERENT });
  if (!isNewest()) return true;
  const others = users.filter(({ user }) => user !== session.user);
  const next = others[different++ % others.length];
  if (next) showUser(next.user, next.history);
  return users.length > 0;
}

export function addItem(id: string, title: string): void {
  setTitle(id, title);
  changeHistory([...session.history, newEvent(id)], settings.words.added(title));
}

/** Remove an item from the history, however often it is in it. */
export function removeItem(id: string): void {
  const rest = session.history.filter((one) => one.id !== id);
  changeHistory(rest, settings.words.removed(titleOf(id)));
}

function changeHistory(history: HistoryEvent[], text: string): void {
  change({ history, options: session.optionsWithoutWeights }, text);
}
