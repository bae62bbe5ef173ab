/** What one part of the page asks for; `service.problems` holds its own error, under its name. */

import { service } from "./session/service.svelte";

export class Loader<T> {
  /** The newest value; it stays while another one is on its way, and after an error. */
  value = $state.raw<T | null>(null);
  #newest = 0;

  /** `name` must differ from part to part; `ask` is called again for a retry. */
  constructor(
    readonly name: string,
    private ask: () => Promise<T>,
  ) {}

  load = async (): Promise<void> => {
    const request = ++this.#newest;
    const isNewest = () => request === this.#newest;
    const ask = async () => {
      const value = await this.ask();
      if (isNewest()) this.value = value;
    };
    await service.attempt(this.name, ask, isNewest);
  };

  /** Whether the first answer is still on its way. */
  get waiting(): boolean {
    return this.value === null && !service.problems.has(this.name);
  }
}
