"""Whether requests can be answered now: asked of the threads and the store that answer them."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TypeVar

from prismrec.service.errors import ApiError
from prismrec.service.lists import answers_of
from prismrec.service.schemas import RecommendRequest
from prismrec.service.stores import Store
from prismrec.service.thread_pool import ThreadPool, Threads
from prismrec.service.versions import Versions

T = TypeVar("T")
log = logging.getLogger("prismrec.service")
FRESH = 0.05
"""Seconds for which a positive result is used again: anybody may ask, as often as they like."""


class Readiness:
    """Checks the artifact, the file of changes, the store and the threads.

    Args:
        versions: The artifacts that answer.
        store: The store of events.
        threads: The threads of the service.
    """

    def __init__(self, versions: Versions, store: Store, threads: Threads) -> None:
        self.versions, self.store, self.threads = versions, store, threads
        self.running: asyncio.Task[str] | None = None
        self.last, self.name = -FRESH, ""

    async def check(self) -> str:
        """Return the name of the artifact if requests can be answered now.

        Callers at the same time share one check.

        Raises:
            StoreError: The store does not answer, or the file of changes cannot be read.
            ApiError: 503 if a part does not answer in time.
        """
        if time.monotonic() - self.last < FRESH:
            return self.name
        if self.running is None:
            self.running = asyncio.ensure_future(self._check())
            self.running.add_done_callback(self._finish)
        return await asyncio.shield(self.running)

    def _finish(self, done: "asyncio.Task[str]") -> None:
        self.running = None
        if not done.cancelled() and done.exception() is None:
            self.last, self.name = time.monotonic(), done.result()

    async def _check(self) -> str:
        """Read the store, write nothing, and compute a list, all with the usual threads.

        The calls wait for a thread as requests do, but are not refused if a queue is full: a busy
        service is ready.
        """
        threads = self.threads
        found = await asyncio.gather(
            self._within(threads.answers, self._list, "Computing a list"),
            self._within(threads.reads, self.store.ping, "Reading the store"),
            self._within(threads.writes, self.store.ping, "Writing to the store"),
        )
        return found[0]

    def _list(self) -> str:
        served = self.versions.current()
        items = served.recommender.catalog.items.external([1])
        answers_of(served, [items], RecommendRequest(history=items, k=1))
        return served.name

    async def _within(self, pool: ThreadPool, function: Callable[[], T], what: str) -> T:
        """Run a function in a pool; it is an error if that takes longer than an answer may."""
        seconds = self.threads.answers.timeout
        try:
            return await asyncio.wait_for(pool.submit(function), seconds)
        except TimeoutError:
            reason = f"{what} took more than {seconds:g} seconds; try again."
            log.warning("not ready", extra={"fields": {"reason": reason}})
            raise ApiError("not_ready", reason) from None
