/** What one part of the page asks for; `session.problems` holds its own error, under its name. */

import { session } from "./session.svelte";

export class Loader<T> {
  /** The newest value; it stays while another one is on its way, and after an error. */
  value = $state.raw<T | null>(null);
  private newest = 0;

  /** `name` must differ from part to part; `ask` is called again for a retry. */
  constructor(
    readonly name: string,
    private ask: () => Promise<T>,
  ) {}

  load = async (): Promise<void> => {
    const request = ++this.newest;
    await session.attempt(this.name, async () => {
      try {
        const value = await this.ask();
        if (request === this.newest) this.value = value;
      } catch (error) {
        if (request === this.newest) throw error; // or a newer request has replaced this one
      }
    });
  };

  /** Whether the first answer is still on its way. */
  get waiting(): boolean {
    return this.value === null && !session.problems.has(this.name);
  }
}
