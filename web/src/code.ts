/** Loads code that the first load leaves out: views, the panel, the other language, numbers for experts. */

import { service } from "./session/service.svelte";

const TRY_AGAIN_AFTER = 3_000;

/** Load the code of a part of the page; if that fails, its part says so, and tries again after a while. */
export async function loadCode(part: string, action: () => Promise<void>): Promise<void> {
  try {
    await action();
    service.problems.delete(part);
  } catch {
    const retry = () => void loadCode(part, action);
    service.problems.set(part, { error: null, retry });
    setTimeout(() => service.problems.get(part)?.retry === retry && retry(), TRY_AGAIN_AFTER);
  }
}
