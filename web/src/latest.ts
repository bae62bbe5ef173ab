/**
 * One request at a time, and only the newest wish after it: a dial that moves faster than the
 * service answers never queues up, and an older answer never overwrites a newer one.
 */
export function latest<Wish, Found>(
  run: (wish: Wish, signal: AbortSignal) => Promise<Found>,
  found: (result: Found, wish: Wish) => void,
  failed: (error: unknown, wish: Wish) => void,
): (wish: Wish, options?: { replace?: boolean }) => void {
  let running: AbortController | null = null;
  let waiting: { wish: Wish } | null = null;

  async function go(wish: Wish): Promise<void> {
    const own = new AbortController();
    running = own;
    try {
      const result = await run(wish, own.signal);
      if (!own.signal.aborted) found(result, wish);
    } catch (error) {
      if (!own.signal.aborted) failed(error, wish);
    }
    if (running !== own) return; // replaced: another one goes on
    running = null;
    const next = waiting;
    waiting = null;
    if (next) void go(next.wish);
  }

  /** `replace` gives up the request under way: its answer is about something else. */
  return (wish, { replace = false } = {}) => {
    if (running && !replace) {
      waiting = { wish };
      return;
    }
    running?.abort();
    waiting = null;
    void go(wish);
  };
}
