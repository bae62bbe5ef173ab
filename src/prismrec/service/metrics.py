"""What Prometheus reads, and what tells whether the recommendations are alive.

Several workers add up through files in PROMETHEUS_MULTIPROC_DIR, which ``prismrec serve`` makes.
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

from prismrec.service.responses import Latency, ServedAnswer, StoredEvents

NEWEST = 2_000
"""Recommendations that the shares are over."""


class Metrics:
    """Counters of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of: dict[str, Any] = {"registry": self.registry}
        self.requests = Counter("prismrec_requests", "Answers.", ["route", "status"], **of)
        self.seconds = Histogram(
            "prismrec_request_seconds",
            "Time to answer.",
            ["route"],
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.5, 1, 5),
            **of,
        )
        self.lists = Counter("prismrec_lists", "Lists, by where they came from.", ["source"], **of)
        self.events = Counter("prismrec_events", "Events stored, and duplicates.", ["kind"], **of)
        self.brought = Counter(
            "prismrec_interest_items", "Items that interests brought.", ["interest"], **of
        )
        self.reloads = Counter("prismrec_reloads", "Artifacts taken up, or refused.", ["end"], **of)
        self.distinct = Gauge(
            "prismrec_distinct_lists",
            f"Distinct among a worker's newest {NEWEST} lists, a share; of the worker with least.",
            multiprocess_mode="livemin",
            **of,
        )
        self.waiting = Gauge(
            "prismrec_waiting",
            "Requests that compute or wait to.",
            multiprocess_mode="livesum",
            **of,
        )
        self.age = Gauge(
            "prismrec_artifact_seconds",
            "Since the artifact was opened.",
            multiprocess_mode="livemax",
            **of,
        )
        self.index_age = Gauge(
            "prismrec_index_age_seconds",
            "Since the artifact and its index were written.",
            multiprocess_mode="livemax",
            **of,
        )
        self.newest: deque[int] = deque()
        self.held: Counts[int] = Counts()
        self.lock = threading.Lock()
        self.times: deque[float] = deque(maxlen=NEWEST)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)
        if route == "/v1/recommend" and status == 200:
            self.times.append(seconds)

    def count_list(self, answer: ServedAnswer) -> None:
        """Count one list."""
        self.lists.labels(answer.source).inc()
        self._newer(hash(tuple(item.id for item in answer.items)))
        if answer.source == "popular":  # no interest found these
            return
        for interest, items in Counts(item.interest for item in answer.items).items():
            self.brought.labels(str(interest)).inc(items)

    def count_events(self, stored: StoredEvents) -> None:
        """Count stored events and duplicates."""
        self.events.labels("stored").inc(stored.stored)
        self.events.labels("duplicates").inc(stored.duplicates)

    def latency(self) -> Latency:
        """Give the newest recommendations' times in milliseconds."""
        if not self.times:
            return Latency(None, None, 0)
        p50, p99 = np.percentile(np.array(self.times) * 1e3, (50, 99)).tolist()
        return Latency(p50, p99, len(self.times))

    def _newer(self, found: int) -> None:
        """Take a list among the newest, and the oldest of them out."""
        with self.lock:
            self.newest.append(found)
            self.held[found] += 1
            if len(self.newest) > NEWEST:
                oldest = self.newest.popleft()
                self.held[oldest] -= 1
                if not self.held[oldest]:
                    del self.held[oldest]
            self.distinct.set(self.share_distinct())

    def share_distinct(self) -> float:
        """Give the share of distinct lists among the newest; 1 without any."""
        return len(self.held) / len(self.newest) if self.newest else 1.0

    def text(self, *, waiting: int, age: float, index_age: float) -> bytes:
        """Give everything in Prometheus' text format."""
        self.waiting.set(waiting)
        self.age.set(age)
        self.index_age.set(index_age)
        self.distinct.set(self.share_distinct())
        registry = self.registry
        if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    def notes(self) -> Sequence[str]:
        """Say what an operator should look at, a sentence each."""
        found = []
        if len(self.newest) >= 50 and self.share_distinct() < 0.2:
            found.append(
                f"Only {100 * self.share_distinct():.0f} % of the newest {len(self.newest):,} "
                "lists are distinct: nearly everyone gets the same."
            )
        return found
