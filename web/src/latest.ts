/**
 * One request at a time, and after it only the newest one. A slider that moves faster than the
 * service answers makes no queue, and an older answer never replaces a newer one.
 */
export function latest<Request, Result>(
  run: (request: Request, signal: AbortSignal) => Promise<Result>,
  onResult: (result: Result, request: Request) => void,
  onError: (error: unknown, request: Request) => void,
): (request: Request, options?: { replace?: boolean }) => void {
  let running: AbortController | null = null;
  let waiting: { request: Request } | null = null;

  async function start(request: Request): Promise<void> {
    const controller = new AbortController();
    running = controller;
    try {
      const result = await run(request, controller.signal);
      if (!controller.signal.aborted) onResult(result, request);
    } catch (error) {
      if (!controller.signal.aborted) onError(error, request);
    }
    if (running !== controller) return; // another request has replaced this one
    running = null;
    const next = waiting;
    waiting = null;
    if (next) void start(next.request);
  }

  /** `replace` cancels the running request, because its answer is for something else. */
  return (request, { replace = false } = {}) => {
    if (running && !replace) {
      waiting = { request };
      return;
    }
    running?.abort();
    waiting = null;
    void start(request);
  };
}
