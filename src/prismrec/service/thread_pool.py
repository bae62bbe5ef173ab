"""Computing threads with a bounded queue.

    result = await threads.answers.run(recommend, request)

The event loop never computes, because it could not answer other requests meanwhile. If the queue is
full, a call is refused at once: under a burst, callers get quick errors and not a growing wait.
Each kind of work has threads of its own, so that a store that hangs, or a slow report, does not
delay what does not need it.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import ParamSpec, TypeVar

from prismrec.errors import PrismrecError, StoreError
from prismrec.service.errors import ApiError
from prismrec.service.request_trace import current_trace, traced
from prismrec.service.settings import Settings

P = ParamSpec("P")
T = TypeVar("T")
STORE_THREADS = 4
"""Threads that read the store, and as many that write to it."""


LATER = "the store may be busy, so try again later"
SMALLER = "the service or a database may be busy, so try again later or send a smaller request"
SAME_EVENTS = "the store may be busy, so send the same events with the same ids again"
TRY_AGAIN = "try again"
"""What a caller should do after a timeout, by what it asked for."""
BETWEEN = 1.0
"""Seconds between two log lines about calls of a pool that failed after their callers left."""
log = logging.getLogger("prismrec.service")


class ThreadPool:
    """A pool of threads with a bounded queue.

    Args:
        threads: Number of threads.
        queue: Number of calls that may wait for a thread.
        timeout: Seconds that a caller waits for its result.
        name: Prefix of the thread names, and name of the work in traces.
        advice: What a caller should do after the timeout.
    """

    def __init__(
        self, threads: int, queue: int, timeout: float, name: str, *, advice: str = SMALLER
    ) -> None:
        self.advice = advice
        self.name, self.pool = name, ThreadPoolExecutor(threads, thread_name_prefix=name)
        self.threads, self.most, self.timeout = threads, threads + queue, timeout
        self.pending, self.lock, self.logged = 0, threading.Lock(), -BETWEEN

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a function in a thread and return its result.

        A call that waits for a thread is left out when its caller is cancelled. A call that has
        started runs to its end, and occupies its thread until then.

        Raises:
            ApiError: 503 if the queue is full; 504 after the timeout.
        """
        self.check_queue(self.pending)
        reported = traced(self.name, [current_trace.get()], function)
        return await self.within_time(self.submit(reported, *args, **kwargs))

    def check_queue(self, pending: float) -> None:
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
        with self.lock:
            self.pending += 1
        call = self.pool.submit(function, *args, **kwargs)
        call.add_done_callback(self._count_down)  # first: before the caller goes on
        awaited = asyncio.wrap_future(call)
        call.add_done_callback(partial(self._log_if_unheard, awaited))
        return awaited

    async def within_time(self, awaited: Awaitable[T]) -> T:
        """Return a result, or cancel it after the timeout.

        Raises:
            ApiError: 504 after the timeout.
        """
        try:
            return await asyncio.wait_for(awaited, self.timeout)
        except TimeoutError:
            raise ApiError(
                "timed_out",
                f"The answer took more than {self.timeout:g} seconds; {self.advice}.",
            ) from None

    def _count_down(self, _: object) -> None:
        with self.lock:
            self.pending -= 1

    def _log_if_unheard(self, awaited: "asyncio.Future[T]", call: Future[T]) -> None:
        if awaited.cancelled() and not call.cancelled():
            self.log_unheard(call.exception())

    def log_unheard(self, result: object) -> None:
        """Log why a call failed whose caller no longer waits, at most once per ``BETWEEN``.

        Nothing else would show why a store or a database hung. Results are not logged, nor
        errors that are about the request alone.
        """
        of_request = isinstance(result, PrismrecError) and not isinstance(result, StoreError)
        if not isinstance(result, Exception) or isinstance(result, ApiError) or of_request:
            return
        with self.lock:
            now = time.monotonic()
            if now - self.logged < BETWEEN:
                return
            self.logged = now
        fields = {"work": self.name, "reason": str(result)}
        trace = None if isinstance(result, StoreError) else result
        log.warning("a call failed after its caller left", exc_info=trace, extra={"fields": fields})

    def close(self) -> None:
        """Finish the running calls and stop the threads."""
        self.pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class Threads:
    """The threads of one service, by kind of work."""

    answers: ThreadPool
    """Lists of histories in the request, and other answers that need the model or the index."""
    batches: ThreadPool
    """Lists of a batch of requests, so that other requests do not wait for them."""
    reads: ThreadPool
    """Reads of the store, and the lists that follow from a quick read; see ``answering``."""
    catalog: ThreadPool
    """Items by id or title, the map and descriptions: they need neither store nor index."""
    writes: ThreadPool
    """Events: writes to the store."""
    changes: ThreadPool
    """Hidden and new items, and reloads."""
    reports: ThreadPool
    """Example users and the health report, which may take seconds."""

    @classmethod
    def start(cls, settings: Settings) -> "Threads":
        """Start the threads."""
        queue, timeout = settings.queue, settings.timeout
        return cls(
            answers=ThreadPool(settings.threads, queue, timeout, "answers"),
            batches=ThreadPool(settings.threads, queue, timeout, "batches"),
            reads=ThreadPool(STORE_THREADS, queue, timeout, "reads", advice=LATER),
            catalog=ThreadPool(settings.threads, queue, timeout, "catalog"),
            writes=ThreadPool(STORE_THREADS, queue, 6 * timeout, "writes", advice=SAME_EVENTS),
            changes=ThreadPool(2, queue, 6 * timeout, "changes", advice=TRY_AGAIN),
            reports=ThreadPool(2, queue, 6 * timeout, "reports", advice=TRY_AGAIN),
        )

    @property
    def pending(self) -> int:
        """The number of calls that run or wait."""
        return sum(pool.pending for pool in vars(self).values())

    def close(self) -> None:
        """Finish the running calls and stop the threads."""
        for pool in vars(self).values():
            pool.close()
