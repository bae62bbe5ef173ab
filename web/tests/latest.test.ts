import { expect, it } from "vitest";
import { latest } from "../src/latest";

/** A service that answers when the test calls `answer`. */
function service() {
  const open: { request: number; signal: AbortSignal; answer: (ok?: boolean) => void }[] = [];
  const results: number[] = [];
  const errors: number[] = [];
  const ask = latest(
    (request: number, signal) =>
      new Promise<number>((done, fail) => {
        open.push({ request, signal, answer: (ok = true) => (ok ? done(request) : fail(request)) });
      }),
    (result) => results.push(result),
    (error) => errors.push(error as number),
  );
  const settled = () => new Promise((done) => setTimeout(done));
  return { open, results, errors, ask, settled };
}

it("sends one request at a time, and after it only the newest", async () => {
  const { open, results, ask, settled } = service();
  for (const request of [1, 2, 3, 4]) ask(request);
  expect(open.map(({ request }) => request)).toEqual([1]);
  open[0]!.answer();
  await settled();
  expect(open.map(({ request }) => request)).toEqual([1, 4]);
  open[1]!.answer();
  await settled();
  expect(results).toEqual([1, 4]);
});

it("cancels a replaced request, even if its answer comes last", async () => {
  const { open, results, ask, settled } = service();
  ask(1);
  ask(2);
  ask(3, { replace: true });
  expect(open[0]!.signal.aborted).toBe(true);
  open[1]!.answer();
  await settled();
  open[0]!.answer();
  await settled();
  expect(results).toEqual([3]);
  expect(open).toHaveLength(2);
});

it("reports an error and continues", async () => {
  const { open, results, errors, ask, settled } = service();
  ask(1);
  ask(2);
  open[0]!.answer(false);
  await settled();
  open[1]!.answer();
  await settled();
  expect(errors).toEqual([1]);
  expect(results).toEqual([2]);
});
