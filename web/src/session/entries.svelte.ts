/** The entries that the page makes in the browser's history, so that Back and Undo take a change back. */

import { toQuery } from "../address";
import { session } from "./session.svelte";

/**
 * Kept by the browser per entry of its history: its place among those of the page, how many changes
 * lead to it, how many entries ago the last of them was made, and what this page hides for everyone.
 */
export type Entry = { at: number; depth: number; back: number; hidden: string[] };

class Entries {
  #current = $state.raw<Entry>({ at: 0, depth: 0, back: 1, hidden: [] });
  #lastKind = "";

  get current(): Entry {
    return this.#current;
  }

  /** Whether there is a change of this page to undo; else Back would leave the page. */
  get undoable(): boolean {
    return this.#current.depth > 0;
  }

  undo(): void {
    session.opened = null; // its code may be on its way, and a panel would stop the way back
    window.history.go(-this.#current.back);
  }

  /** Take over an entry that the browser shows. */
  enter(entry: Partial<Entry> | null): void {
    this.#lastKind = ""; // the next step of a slider must not replace the entry that is shown now
    this.#current = { ...this.#current, ...entry };
  }

  /** Continue the entries with one that the browser has added, for a new view. */
  follow(): void {
    const { at, back } = this.#current;
    this.enter({ at: at + 1, back: back + 1 });
    window.history.replaceState(this.#current, "");
  }

  /** Add an entry for a change. Steps of one kind, as a slider makes them, become one entry. */
  add(kind: string, hidden = this.#current.hidden): void {
    if (kind !== "" && kind === this.#lastKind) this.replace();
    else {
      const { at, depth } = this.#current;
      this.#current = { at: at + 1, depth: depth + 1, back: 1, hidden };
      window.history.pushState(this.#current, "", urlOfSession());
    }
    this.#lastKind = kind;
  }

  /** Write what is shown now into the entry. */
  replace(): void {
    window.history.replaceState(this.#current, "", urlOfSession());
  }

  /** Hide an item in this entry no longer. */
  dropHidden(id: string): void {
    this.#current = { ...this.#current, hidden: this.#current.hidden.filter((one) => one !== id) };
    window.history.replaceState(this.#current, "");
  }
}

const urlOfSession = () => location.pathname + toQuery(session.address) + location.hash;

export const entries = new Entries();
