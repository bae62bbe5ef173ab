/** Messages about what has happened: a line at the bottom, and what a screen reader reads. */

import { settings } from "../settings.svelte";

class Messages {
  /** A message, and whether it is about a change of the visitor, which Undo takes back. */
  notice = $state.raw<{ text: string; byVisitor: boolean } | null>(null);
  /** What a screen reader reads after a change. */
  announcement = $state("");
  /** What it reads with the next list. */
  #pending = "";

  /** Show what the visitor has done; "" for nothing. */
  confirm(text: string): void {
    this.#note((this.#pending = text), true);
  }

  /** Show a message about no change of the visitor. */
  tell(text: string): void {
    const earlier = this.notice?.byVisitor ? "" : this.#pending;
    this.#pending = earlier.includes(text) ? earlier : [earlier, text].filter(Boolean).join(settings.gap);
    this.#note(this.#pending, false);
  }

  dismiss(): void {
    this.notice = null;
  }

  /** Announce the messages before a list together with what is new in it. */
  announceList(changed: string): void {
    this.announcement = [this.announcement, this.#pending, changed].filter(Boolean).join(" ");
    this.#pending = "";
  }

  #note(text: string, byVisitor: boolean): void {
    this.notice = text ? { text, byVisitor } : null;
  }
}

export const messages = new Messages();
