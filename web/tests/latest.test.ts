import { expect, it } from "vitest";
import { latest } from "../src/latest";

/** A service that answers when it is told to. */
function service() {
  const open: { wish: number; signal: AbortSignal; answer: (ok?: boolean) => void }[] = [];
  const found: number[] = [];
  const failed: number[] = [];
  const ask = latest(
    (wish: number, signal) =>
      new Promise<number>((done, fail) => {
        open.push({ wish, signal, answer: (ok = true) => (ok ? done(wish) : fail(wish)) });
      }),
    (result) => found.push(result),
    (error) => failed.push(error as number),
  );
  const settled = () => new Promise((done) => setTimeout(done));
  return { open, found, failed, ask, settled };
}

it("asks one at a time, and after it the newest only", async () => {
  const { open, found, ask, settled } = service();
  for (const wish of [1, 2, 3, 4]) ask(wish);
  expect(open.map(({ wish }) => wish)).toEqual([1]);
  open[0]!.answer();
  await settled();
  expect(open.map(({ wish }) => wish)).toEqual([1, 4]);
  open[1]!.answer();
  await settled();
  expect(found).toEqual([1, 4]);
});

it("gives up what is replaced, even if its answer comes last", async () => {
  const { open, found, ask, settled } = service();
  ask(1);
  ask(2);
  ask(3, { replace: true });
  expect(open[0]!.signal.aborted).toBe(true);
  open[1]!.answer();
  await settled();
  open[0]!.answer();
  await settled();
  expect(found).toEqual([3]);
  expect(open).toHaveLength(2);
});

it("tells of a failure and goes on", async () => {
  const { open, found, failed, ask, settled } = service();
  ask(1);
  ask(2);
  open[0]!.answer(false);
  await settled();
  open[1]!.answer();
  await settled();
  expect(failed).toEqual([1]);
  expect(found).toEqual([2]);
});
