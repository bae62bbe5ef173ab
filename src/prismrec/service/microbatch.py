"""Computes waiting requests together: under load, a list then costs a third of its usual time.

    batcher = Batcher(lists.answer_each, threads.answers)
    answer = await batcher.run(request)
    answers = await batcher.run_all(requests)

A free thread takes the requests that wait, up to a weight of ``MOST``. A client with a new answer
often sends its next request at once, so the event loop first sends answers and reads requests:
``TURNS``. A request whose caller no longer waits is left out. After an unexpected error of a group,
each of its requests is computed alone, so that only the one with the error has no result.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from prismrec.errors import StoreError
from prismrec.service.request_trace import RequestTrace, current_trace, traced
from prismrec.service.thread_pool import ThreadPool

A = TypeVar("A")
R = TypeVar("R")
MOST = 32
"""Largest weight of the requests computed together: more would make the first of them wait longer.
A request for a plain list of at most 50 items has weight 1."""
TURNS = 16
"""Turns of the event loop between two groups. Without them, large and small groups alternate, and
small groups cost more per request. The turns take some ten microseconds if nothing else waits."""
PATIENCE = 0.02
"""Seconds after which a group that waits for something else does not hold up the next one."""
log = logging.getLogger("prismrec.service")


async def read_arrived_requests() -> None:
    """Wait for some turns of the event loop, in which it reads what has arrived meanwhile."""
    for _ in range(TURNS):
        await asyncio.sleep(0)


class Call(NamedTuple, Generic[A, R]):
    """A request that waits, or is computed."""

    request: A
    weight: float
    future: "asyncio.Future[R]"
    trace: RequestTrace | None


@dataclass
class Slot:
    """The place of a group among those that run."""

    free: bool = False
    """Whether another group has it already."""


class Batcher(Generic[A, R]):
    """Groups requests for a pool of threads.

    Args:
        compute: Returns one result per request; an exception in place of a result is raised to the
            caller of that request.
        workers: The threads and their queue.
        weight: Returns what a request costs, relative to a small one.
        pool_of: Returns the pool for a group that does not run in ``workers``, or None. It counts
            as one of the threads of ``workers`` all the same.
        waits: Returns whether a running group waits for something slow and computes nothing. After
            ``PATIENCE`` it does not count, and the next group starts.
    """

    def __init__(
        self,
        compute: Callable[[Sequence[A]], Sequence[R | Exception]],
        workers: ThreadPool,
        weight: Callable[[A], float] = lambda _: 1.0,
        *,
        pool_of: Callable[[Sequence[A]], ThreadPool | None] = lambda _: None,
        waits: Callable[[Sequence[A]], bool] = lambda _: False,
    ) -> None:
        self.compute, self.workers, self.weight = compute, workers, weight
        self.pool_of, self.waits = pool_of, waits
        self.waiting: deque[Call[A, R]] = deque()
        self.batches, self.running = 0, 0

    @property
    def pending(self) -> int:
        """The number of requests that wait, or of batches that are not answered."""
        return self.batches or len(self.waiting)

    def has_callers(self) -> bool:
        """Return whether somebody waits for a request that has no thread yet; from any thread."""
        return any(not call.future.done() for call in list(self.waiting))

    async def run(self, request: A) -> R:
        """Return the result of one request.

        Raises:
            ApiError: 503 if the queue is full; 504 after the timeout.
            Exception: The exception that ``compute`` returned for this request.
        """
        self.workers.check_queue(sum(call.weight for call in self.waiting))
        return await self.workers.within_time(self._add(request))

    async def run_all(self, requests: Sequence[A]) -> list[R]:
        """Return the results of the requests of a batch, in their order.

        Raises:
            ApiError: 503 if too many batches wait; 504 after the timeout.
            Exception: The first exception that ``compute`` returned for one of them.
        """
        self.workers.check_queue(self.batches)
        self.batches += 1
        futures = [self._add(request) for request in requests]
        try:
            return await self.workers.within_time(asyncio.gather(*futures))
        finally:
            self.batches -= 1
            for future in futures:  # after an error nobody waits for the others
                future.cancel()

    def _add(self, request: A) -> "asyncio.Future[R]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[R] = loop.create_future()
        self.waiting.append(Call(request, self.weight(request), future, current_trace.get()))
        loop.call_soon(self._start)
        return future

    def _start(self) -> None:
        """Start a group of the waiting requests if a thread is free."""
        if self.running >= self.workers.threads or not (group := self._take()):
            return
        self.running += 1
        requests, slot = [call.request for call in group], Slot()
        watch = asyncio.get_running_loop().call_later(PATIENCE, self._pass_over, requests, slot)
        compute = traced("group", [call.trace for call in group], self._compute)
        done = (self.pool_of(requests) or self.workers).submit(compute, requests)
        done.add_done_callback(lambda one: self._finish(group, one, slot, watch))

    def _compute(self, requests: Sequence[A]) -> Sequence[R | Exception]:
        """Return one result or error per request; an unexpected error is that of one request.

        Raises:
            StoreError: The store does not answer; it would not answer single requests either.
        """
        try:
            return self.compute(requests)
        except StoreError:
            raise
        except Exception as error:
            if len(requests) == 1:
                return [error]
            results = [result for one in requests for result in self._compute([one])]
            if not any(isinstance(result, Exception) for result in results):
                log.warning("requests failed together and not alone", exc_info=error)
            return results

    def _pass_over(self, requests: Sequence[A], slot: Slot) -> None:
        """Start the next group if a group computes nothing."""
        if self.waits(requests):
            slot.free = True
            self.running -= 1
            self._start()

    def _take(self) -> list[Call[A, R]]:
        """Remove a group from the queue, without the requests that nobody waits for."""
        group: list[Call[A, R]] = []
        weight = 0.0
        while self.waiting:
            call = self.waiting[0]
            if not call.future.done():
                if group and weight + call.weight > MOST:
                    break
                group.append(call)
                weight += call.weight
            self.waiting.popleft()
        return group

    def _finish(
        self,
        group: Sequence[Call[A, R]],
        done: "asyncio.Future[Sequence[R | Exception]]",
        slot: Slot,
        watch: asyncio.TimerHandle,
    ) -> None:
        watch.cancel()
        error = None if done.cancelled() else done.exception()
        for place, call in enumerate(group):
            future = call.future
            if future.done():  # its caller no longer waits
                if not done.cancelled():
                    self.workers.log_unheard(error or done.result()[place])
            elif done.cancelled():
                future.cancel()
            elif error is not None:
                future.set_exception(error)
            else:
                result = done.result()[place]
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        if not slot.free:
            self._free_after(TURNS)

    def _free_after(self, turns: int) -> None:
        """Start the next group after this many turns of the event loop."""
        if turns:
            asyncio.get_running_loop().call_soon(self._free_after, turns - 1)
            return
        self.running -= 1
        self._start()
