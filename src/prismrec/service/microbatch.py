"""Requests that wait are computed together: under load a list costs a third of what it costs alone.

    batcher = Batcher(service.recommend_group, workers)
    answer = await batcher.run(request)

A thread that becomes free takes whatever is there, one request or many. Who has just been answered
asks again at once, so after a group the event loop sends and reads what it has first: ``TURNS``.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from prismrec.service.errors import ApiError
from prismrec.service.thread_pool import ThreadPool

A = TypeVar("A")
R = TypeVar("R")
MOST = 32
"""Requests computed together: enough to share what can be shared, few enough to answer soon."""
TURNS = 16
"""Turns of the event loop between two groups: without them large groups and small ones take turns,
and small ones cost more a request. Some ten microseconds where there is nothing to do."""


class Batcher(Generic[A, R]):
    """Groups requests for a pool of threads.

    Args:
        compute: From requests to one result each; an exception in a result's place is raised to
            whom it belongs.
        workers: The threads, and how much may wait.
    """

    def __init__(
        self, compute: Callable[[Sequence[A]], Sequence[R | Exception]], workers: ThreadPool
    ) -> None:
        self.compute, self.workers = compute, workers
        self.waiting: deque[tuple[A, asyncio.Future[R]]] = deque()
        self.running = 0

    async def run(self, asked: A) -> R:
        """Compute one request.

        Raises:
            ApiError: 503 with too many waiting, 504 after the timeout.
            Exception: What ``compute`` gave in place of a result.
        """
        if len(self.waiting) >= self.workers.most:
            raise ApiError("overloaded", "Too many requests are waiting; try again shortly.")
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self.waiting.append((asked, future))
        asyncio.get_running_loop().call_soon(self._start)
        return await self.workers.within_time(future)

    def _start(self) -> None:
        """Hand what waits to a thread, if one is free."""
        if not self.waiting or self.running >= self.workers.threads:
            return
        batch = [self.waiting.popleft() for _ in range(min(MOST, len(self.waiting)))]
        self.running += 1
        done = self.workers.submit(self.compute, [asked for asked, _ in batch])
        done.add_done_callback(lambda one: self._finish(batch, one))

    def _finish(
        self,
        batch: Sequence[tuple[A, asyncio.Future[R]]],
        done: "asyncio.Future[Sequence[R | Exception]]",
    ) -> None:
        error = None if done.cancelled() else done.exception()
        for place, (_, future) in enumerate(batch):
            if future.done():  # whoever asked has given up
                continue
            if done.cancelled():
                future.cancel()
            elif error is not None:
                future.set_exception(error)
            else:
                found = done.result()[place]
                if isinstance(found, Exception):
                    future.set_exception(found)
                else:
                    future.set_result(found)
        self._free_after(TURNS)

    def _free_after(self, turns: int) -> None:
        """Take the next group when the event loop has gone round so many times more."""
        if turns:
            asyncio.get_running_loop().call_soon(self._free_after, turns - 1)
            return
        self.running -= 1
        self._start()
