"""Computing threads with a bounded queue.

    result = await workers.run(recommend, request)

The event loop never computes, because it could not answer other requests meanwhile. If the queue is
full, a call is refused at once: under a burst, callers get quick errors and not a growing wait.
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
        threads: Number of threads.
        queue: Number of calls that may wait for a thread.
        timeout: Seconds that a caller waits for its result.
        name: Prefix of the thread names.
    """

    def __init__(self, threads: int, queue: int, timeout: float, name: str) -> None:
        self.pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.threads, self.most, self.timeout = threads, threads + queue, timeout
        self.pending = 0

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread and return its result.

        Raises:
            ApiError: 503 if the queue is full; 504 after the timeout. A call that has started
                then still runs to its end, and occupies its thread until then.
        """
        self.check_queue(self.pending)
        return await self.within_time(self.submit(function, *args, **kwargs))

    def check_queue(self, pending: int) -> None:
        """Check that the queue has room for one more call.

        Raises:
            ApiError: 503 if it is full.
        """
        if pending >= self.most:
            raise ApiError("overloaded", "Too many requests are waiting; try again shortly.")

    def submit(
        self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> "asyncio.Future[T]":
        """Add a call to the queue, even if the queue is full."""
        self.pending += 1
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self.pool, lambda: function(*args, **kwargs))
        future.add_done_callback(self._done)
        return future

    async def within_time(self, future: "asyncio.Future[T]") -> T:
        """Return the result of a future, or stop waiting after the timeout.

        Raises:
            ApiError: 504 after the timeout.
        """
        try:
            return await asyncio.wait_for(asyncio.shield(future), self.timeout)
        except TimeoutError:
            future.add_done_callback(_retrieve)
            raise ApiError(
                "timed_out",
                f"The answer took more than {self.timeout:g} seconds; send a smaller request.",
            ) from None

    def _done(self, future: "asyncio.Future[T]") -> None:
        self.pending -= 1
        _retrieve(future)

    def close(self) -> None:
        """Finish the running calls and stop the threads."""
        self.pool.shutdown(wait=True, cancel_futures=True)


def _retrieve(future: "asyncio.Future[T]") -> None:
    """Read the exception of a late failure, so that asyncio does not warn about it."""
    if not future.cancelled():
        future.exception()
