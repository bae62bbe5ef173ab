"""Prometheus metrics, and warnings for the operator.

The metrics of several workers are added up through files in PROMETHEUS_MULTIPROC_DIR, a folder that
``prismrec serve`` creates.
"""

import os
import threading
from collections import Counter as Counts
from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from prismrec.service.page_responses import Latency
from prismrec.service.responses import ServedAnswer, StoredEvents

NEWEST = 2_000
"""Number of the newest lists that the share of distinct lists and the latency refer to."""


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter(
            "prismrec_requests", "Answered requests.", ["route", "status"], **of
        )
        self.seconds = Histogram(
            "prismrec_request_seconds",
            "Time until the answer, in seconds.",
            ["route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1, 5),
            **of,
        )
        self.lists = Counter(
            "prismrec_lists", "Lists that callers got: of interests, or popular.", ["source"], **of
        )
        self.events = Counter("prismrec_events", "Stored events and duplicates.", ["kind"], **of)
        self.by_interest = Counter(
            "prismrec_interest_items",
            "Items of these lists, by their interest.",
            ["interest"],
            **of,
        )
        self.reloads = Counter(
            "prismrec_reloads",
            "Reloads, done or refused; each worker counts its own.",
            ["end"],
            **of,
        )
        for end in ("done", "refused"):  # 0 before the first one: an increase is seen from 0
            self.reloads.labels(end)
        self.distinct = Gauge(
            "prismrec_distinct_lists",
            f"Share of distinct lists among a worker's newest {NEWEST:,} lists; the lowest one.",
            multiprocess_mode="livemin",
            **of,
        )
        self.waiting = Gauge(
            "prismrec_waiting",
            "Requests that are computed or wait.",
            multiprocess_mode="livesum",
            **of,
        )
        self.age = Gauge(
            "prismrec_artifact_seconds",
            "Seconds since the artifact was opened.",
            multiprocess_mode="livemax",
            **of,
        )
        self.index_age = Gauge(
            "prismrec_index_age_seconds",
            "Seconds since the artifact and its index were written.",
            multiprocess_mode="livemax",
            **of,
        )
        self.newest: deque[int] = deque()
        self.counts: Counts[int] = Counts()
        self.lock = threading.Lock()
        self.times: deque[float] = deque(maxlen=NEWEST)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)
        if route == "/v1/recommend" and status == 200:
            self.times.append(seconds)

    def count_list(self, answer: ServedAnswer) -> None:
        """Count one list and its items per interest."""
        self.lists.labels(answer.source).inc()
        self._add_newest(hash(tuple(item.id for item in answer.items)))
        if answer.source == "popular":  # these items belong to no interest
            return
        for interest, items in Counts(item.interest for item in answer.items).items():
            self.by_interest.labels(str(interest)).inc(items)

    def count_events(self, stored: StoredEvents) -> None:
        """Count stored events and duplicates."""
        self.events.labels("stored").inc(stored.stored)
        self.events.labels("duplicates").inc(stored.duplicates)

    def latency(self) -> Latency:
        """Return the times of the newest recommendations, in milliseconds."""
        if not self.times:
            return Latency(None, None, 0)
        p50, p99 = np.percentile(np.array(self.times) * 1e3, (50, 99)).tolist()
        return Latency(p50, p99, len(self.times))

    def _add_newest(self, list_hash: int) -> None:
        """Add a list to the newest ones and remove the oldest."""
        with self.lock:
            self.newest.append(list_hash)
            self.counts[list_hash] += 1
            if len(self.newest) > NEWEST:
                oldest = self.newest.popleft()
                self.counts[oldest] -= 1
                if not self.counts[oldest]:
                    del self.counts[oldest]
            self.distinct.set(self.share_distinct())

    def share_distinct(self) -> float:
        """Return the share of distinct lists among the newest; 1 if there are none."""
        return len(self.counts) / len(self.newest) if self.newest else 1.0

    def measure(self, *, waiting: int, age: float, index_age: float) -> None:
        """Set the gauges of this process."""
        self.waiting.set(waiting)
        self.age.set(age)
        self.index_age.set(index_age)
        self.distinct.set(self.share_distinct())

    def text(self) -> bytes:
        """Return the metrics of all workers in the text format of Prometheus."""
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def notes(self) -> Sequence[str]:
        """Return warnings for the operator, one sentence each."""
        notes = []
        if len(self.newest) >= 50 and self.share_distinct() < 0.2:
            notes.append(
                f"Only {100 * self.share_distinct():.0f} % of the newest {len(self.newest):,} "
                "lists are distinct: almost all users get the same list."
            )
        return notes
