"""Threads that compute, and how much may wait for them.

    result = await workers.run(recommend, request)

The event loop never computes: it would answer nobody meanwhile. What cannot be done soon is
refused at once, so that a burst ends in quick refusals rather than in a growing wait.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from prismrec.service.errors import ApiError

P = ParamSpec("P")
T = TypeVar("T")


class ThreadPool:
    """A pool of threads with a bounded queue.

    Args:
        threads: How many compute.
        queue: How many calls may wait beyond these.
        timeout: Seconds that a caller waits.
        name: For thread names.
    """

    def __init__(self, threads: int, queue: int, timeout: float, name: str) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.threads, self.most, self.timeout = threads, threads + queue, timeout
        self.pending = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Compute on a thread.

        Raises:
            ApiError: 503 with too many waiting, 504 after the timeout. What was begun is
                finished then, and its place is free again only after that.
        """
        if self.pending >= self.most:
            raise ApiError("overloaded", "Too many requests are waiting; try again shortly.")
        return await self.within_time(self.submit(function, *args, **kwargs))

    def submit(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[T]":
        """Hand a call to the pool, whatever waits already."""
        self.pending += 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self.pool, lambda: function(*args, **kwargs))
        future.add_done_callback(self._done)
        return future

    async def within_time(self, future: "asyncio.Future[T]") -> T:
        """Wait for a result.

        Raises:
            ApiError: 504 after the timeout.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(future), self.timeout)
        except TimeoutError:
            future.add_done_callback(_looked_at)
            raise ApiError(
                "timed_out", f"The answer took more than {self.timeout:g} seconds; ask for less."
            ) from None

    def _done(self, future: "asyncio.Future[T]") -> None:
        self.pending -= 1
        _looked_at(future)

    def close(self) -> None:
        """Finish what was begun and end the threads."""
        self.pool.shutdown(wait=True, cancel_futures=True)


def _looked_at(future: "asyncio.Future[T]") -> None:
    """Look at a late failure, so that no one is warned of it."""
    if not future.cancelled():
        future.exception()
