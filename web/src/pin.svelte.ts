/** A, which stays while the page changes, and what it is compared with. This tab keeps both. */

import type { Choice, State } from "./comparison";

const KEY = "prismrec.pinned";
type Kept = { a: State | null; choice: Choice | null };
const NOTHING: Kept = { a: null, choice: null };

/** Maps are no JSON, so their pairs are stored. */
function write({ a, choice }: Kept): string {
  const stored = a && { ...a, options: { ...a.options, weights: [...a.options.weights] } };
  return JSON.stringify({ a: stored, choice });
}

function read(): Kept {
  try {
    const { a, choice } = JSON.parse(sessionStorage.getItem(KEY) ?? "null") ?? NOTHING;
    return { a: a && { ...a, options: { ...a.options, weights: new Map(a.options.weights) } }, choice };
  } catch {
    return NOTHING; // nothing is stored, or another version has stored it
  }
}

class Pin {
  #kept = $state.raw<Kept>(read());

  /** null: A is the current list. */
  get a(): State | null {
    return this.#kept.a;
  }

  /** null: nothing was chosen. */
  get choice(): Choice | null {
    return this.#kept.choice;
  }

  keep(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    try {
      if (this.#kept.a || this.#kept.choice) sessionStorage.setItem(KEY, write(this.#kept));
      else sessionStorage.removeItem(KEY);
    } catch {
      // The comparison lasts until the page is closed.
    }
  }
}

export const pin = new Pin();
