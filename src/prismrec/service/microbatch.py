"""Computes waiting requests together: under load, a list then costs a third of its usual time.

    batcher = Batcher(lists.answer_each, workers)
    answer = await batcher.run(request)

A free thread takes all requests that wait, up to ``MOST``. A client with a new answer often sends
its next request at once, so the event loop first sends answers and reads requests: ``TURNS``.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from prismrec.service.thread_pool import ThreadPool

A = TypeVar("A")
R = TypeVar("R")
MOST = 32
"""Largest number of requests computed together: more would make the first of them wait longer."""
TURNS = 16
"""Turns of the event loop between two groups. Without them, large and small groups alternate, and
small groups cost more per request. The turns take some ten microseconds if nothing else waits."""


class Batcher(Generic[A, R]):
    """Groups requests for a pool of threads.

    Args:
        compute: Returns one result per request; an exception in place of a result is raised to the
            caller of that request.
        workers: The threads and their queue.
    """

    def __init__(
        self, compute: Callable[[Sequence[A]], Sequence[R | Exception]], workers: ThreadPool
    ) -> None:
        self.compute, self.workers = compute, workers
        self.waiting: deque[tuple[A, asyncio.Future[R]]] = deque()
        self.running = 0

    async def run(self, request: A) -> R:
        """Return the result of one request.

        Raises:
            ApiError: 503 if the queue is full; 504 after the timeout.
            Exception: The exception that ``compute`` returned for this request.
        """
        self.workers.check_queue(len(self.waiting))
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.waiting.append((request, future))
        asyncio.get_running_loop().call_soon(self._start)
        return await self.workers.within_time(future)

    def _start(self) -> None:
        """Start a group of the waiting requests if a thread is free."""
        if not self.waiting or self.running >= self.workers.threads:
            return
        batch = [self.waiting.popleft() for _ in range(min(MOST, len(self.waiting)))]
        self.running += 1
        done = self.workers.submit(self.compute, [request for request, _ in batch])
        done.add_done_callback(lambda one: self._finish(batch, one))

    def _finish(
        self,
        batch: Sequence[tuple[A, asyncio.Future[R]]],
        done: "asyncio.Future[Sequence[R | Exception]]",
    ) -> None:
        error = None if done.cancelled() else done.exception()
        for place, (_, future) in enumerate(batch):
            if future.done():  # its caller no longer waits
                continue
            if done.cancelled():
                future.cancel()
            elif error is not None:
                future.set_exception(error)
            else:
                result = done.result()[place]
                if isinstance(result, Exception):
                    future.set_exception(result)
                else:
                    future.set_result(result)
        self._free_after(TURNS)

    def _free_after(self, turns: int) -> None:
        """Start the next group after this many turns of the event loop."""
        if turns:
            asyncio.get_running_loop().call_soon(self._free_after, turns - 1)
            return
        self.running -= 1
        self._start()
