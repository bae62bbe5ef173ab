/** Shows what the address describes: at the start, and after Back and Forward of the browser. */

import { type Address, changeHistory, fromQuery } from "../address";
import { api } from "../api";
import { settings } from "../settings.svelte";
import { type Entry, entries } from "./entries.svelte";
import { matchHidden, restoreHidden } from "./hidden";
import { NOTHING, type Stored, historyOf, isEmpty, toEvents, toStored } from "./histories";
import { type HistoryEvent, newEvent } from "./history";
import { accept, isRefused, refresh } from "./list";
import { messages } from "./messages.svelte";
import { LENGTH, optionFields } from "./requests";
import { type IsNewest, service } from "./service.svelte";
import { session } from "./session.svelte";

/** Longest query of the address that is sent on, in characters. */
const LONGEST_QUERY = 4_000;

/** Show what the address describes; without it, a user whose interests differ. */
export async function start(): Promise<void> {
  window.addEventListener("popstate", move);
  entries.enter(window.history.state);
  restoreHidden();
  const isNewest = session.navigate();
  const address = fromQuery(location.search);
  // An address with a very long history does not fit into the address of another request.
  if (location.search.length > LONGEST_QUERY) {
    await restore(address, isNewest);
    void service.loadArtifact();
  } else await service.attempt("list", () => startWithFallback(address, isNewest), isNewest);
}

/** Use a key, and ask for the list with it. */
export function unlock(key: string): void {
  service.unlock(key, () => (session.answer ? refresh(true) : void start()));
}

/** Show an address without the interests that it adds, if the service refuses it with them. */
async function startWithFallback(address: Address, isNewest: IsNewest): Promise<void> {
  try {
    await startWith(address, isNewest);
  } catch (error) {
    if (!isRefused(error, address.options)) throw error;
    messages.tell(settings.words.addedDropped);
    await startWith({ ...address, options: { ...address.options, added: [] } }, isNewest);
  }
}

/** Ask for everything at once, and show it; without a user, the service chooses one. */
async function startWith(address: Address, isNewest: IsNewest): Promise<void> {
  const { user, history, removed, appended, options } = address;
  const started = performance.now();
  const fields = { k: LENGTH, frontier: true, ...optionFields(options) };
  const answer = await api.start({
    options: JSON.stringify(fields),
    ...(user !== null ? { user, removed, appended } : history !== null ? { history: history.length ? history : [""] } : {}),
  });
  service.artifact = answer.artifact;
  if (!isNewest()) return;
  const stored = answer.user === null ? NOTHING : toStored(answer);
  const now = answer.user === null ? toEvents(answer.history) : changed(stored.base, removed, appended);
  if (user !== null) tellIfEmpty(user, stored);
  session.show({ user: answer.user, ...stored, history: now, options });
  expectArtifact(address);
  const milliseconds = performance.now() - started;
  const { dislikes } = session;
  accept({ answer: answer.answer, milliseconds }, { history: now, dislikes, options, frontier: true });
  entries.replace();
}

/** Show the state of an address; a user's history is loaded unless it is the one shown. */
async function restore(address: Address, isNewest: IsNewest): Promise<void> {
  const { user, history, removed, appended, options } = address;
  const load = async () => {
    let stored = NOTHING;
    if (user !== null && user === session.user) stored = session.shown;
    else if (user !== null) {
      stored = await historyOf(user);
      if (!isNewest()) return;
      tellIfEmpty(user, stored);
    }
    const { base, disliked } = stored;
    const now = changed(base, removed, user === null ? (history ?? []) : appended);
    session.show({ user, base, history: now, disliked, options });
    expectArtifact(address);
    refresh(true);
  };
  await service.attempt("list", load, isNewest);
}

function changed(base: HistoryEvent[], removed: string[], appended: string[]): HistoryEvent[] {
  return changeHistory(base, ({ id }) => id, removed, appended.map((id) => newEvent(id)));
}

/** Expect the artifact of an address; none has the name "-", if the user's history has changed since. */
function expectArtifact({ artifact, events }: Address): void {
  session.weightsFor = events && events !== session.history.length ? "-" : artifact;
}

function tellIfEmpty(user: string, stored: Stored): void {
  if (isEmpty(stored)) messages.tell(settings.words.noStored(user));
}

/** The visitor went back or forward, or a link has changed the view. */
function move(): void {
  const entry = window.history.state as Entry | null;
  if (session.opened && entry) {
    // Back closes the panel and takes nothing back: the page returns to its entry, however far it was left.
    const away = entries.current.at - entry.at;
    if (away) window.history.go(away);
    else session.opened = null;
    return;
  }
  session.opened = null;
  messages.dismiss();
  if (entry === null) {
    entries.follow();
    return;
  }
  const text = entry.depth < entries.current.depth ? settings.words.undone : "";
  entries.enter(entry);
  const isNewest = session.navigate();
  void service.attempt("hide", async () => {
    try {
      await matchHidden();
      if (isNewest()) messages.confirm(text);
    } finally {
      if (isNewest()) await restore(fromQuery(location.search), isNewest);
      else refresh(true);
    }
  });
}
