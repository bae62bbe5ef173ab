"""Which thread computes now: single requests first, and batches of requests between them.

    with turns.single():       # a group of single requests
        answer(requests)
    with turns.batch():        # requests of a batch: others may compute between the steps of a list
        answer(batch)

Threads that compute at the same time delay each other by more than their work: each of the many
short calls that make a list waits for Python's lock. So as many compute as have a place, and a
batch gives its place away before and after each step of an answer (search, rerank, …) if a single
request waits. While some always wait, batches get ``SHARE`` of the time, and may use it for several
steps in a row.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

from prismrec.io import listening_to_steps

SHARE = 1 / 3
"""Share of the time that batches get while single requests wait."""
POLL = 0.002
"""Seconds after which a waiting batch looks again whether single requests wait. It gets no notice
when a caller leaves, or a request first waits for a slow store."""
MOST_CREDIT = 0.05
"""Largest credit and debt of batches in seconds: no longer time in a row is made up for."""
PATIENCE = 1.0
"""Longest time in seconds that a batch waits for single requests, whatever keeps them waiting."""


class Turns:
    """The places of the threads that compute.

    Args:
        places: Number of threads that compute at a time, from 1.
        pending: Returns whether single requests wait that have no thread yet.
    """

    def __init__(self, places: int, pending: Callable[[], bool]) -> None:
        self.free, self.pending = places, pending
        self.asking, self.batches, self.held_up = 0, 0, 0
        """Threads with single requests that wait for a place; with batches; those that wait."""
        self.credit = 0.0
        """Seconds that batches may compute although single requests wait."""
        self.changed = threading.Condition()

    @contextmanager
    def single(self) -> Iterator[None]:
        """Wait for a place for single requests; cost: microseconds if one is free."""
        with self.changed:
            self.asking += 1
            self.changed.wait_for(lambda: self.free)
            self.asking -= 1
            self.free -= 1
        began = perf_counter()
        try:
            yield
        finally:
            # A batch that computes in another place meanwhile has lost nothing.
            lost = perf_counter() - began if self.held_up else 0.0
            self._give_back(lost * SHARE / (1 - SHARE))

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Wait for a place for requests of a batch; others may have it between the steps."""
        with self.changed:
            self.credit = self.credit if self.batches else 0.0
            self.batches += 1
        began = self._take()

        @contextmanager
        def around(_: str) -> Iterator[None]:
            nonlocal began
            began = self._give_way(began)
            yield
            began = self._give_way(began)

        try:
            with listening_to_steps(around):
                yield
        finally:
            with self.changed:
                self.batches -= 1
            self._give_back(began - perf_counter())

    def _give_way(self, began: float) -> float:
        """Release the place if single requests wait; return since when the batch's time counts."""
        if self.free or not self._singles_wait():
            return perf_counter()  # nobody waited for what was computed until now
        self._give_back(began - perf_counter())
        return self._take()

    def _singles_wait(self) -> bool:
        return self.asking > 0 or self.pending()

    def _take(self) -> float:
        """Wait for a place for a batch; return the time."""
        end = perf_counter() + PATIENCE
        with self.changed:
            self.held_up += 1
            while not self.free or (
                self._singles_wait() and self.credit <= 0 and perf_counter() < end
            ):
                self.changed.wait(POLL)
            self.held_up -= 1
            self.free -= 1
        return perf_counter()

    def _give_back(self, credit: float) -> None:
        """Release a place, and add to the credit of batches."""
        with self.changed:
            self.free += 1
            self.credit = max(-MOST_CREDIT, min(self.credit + credit, MOST_CREDIT))
            self.changed.notify_all()
