"""Example users and the health report: what the page shows besides lists."""

import math
import threading
from typing import Any, Literal

from prismrec.service.examples import (
    SECONDS,
    example_users,
    hash_of,
    most_mixed,
    with_spreads,
)
from prismrec.service.health import diagnose_interests, read_report
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.metrics import Metrics
from prismrec.service.page_responses import HealthReport
from prismrec.service.responses import Example, Examples
from prismrec.service.settings import ServePaths
from prismrec.service.verdict import find_entry, verdict


class Insight:
    """Computes example users and diagnostics once per artifact and keeps them.

    Args:
        paths: Paths of the data set and the report.
        metrics: For the latency and the notes of the service.
    """

    def __init__(self, paths: ServePaths, metrics: Metrics) -> None:
        self.paths, self.metrics = paths, metrics
        self.lock, self.finishing, self.diagnosing = (threading.Lock() for _ in range(3))
        self._examples: tuple[str, list[Example]] | None = None
        self._measured: str | None = None
        self._diagnosed: tuple[str, dict[str, Any]] | None = None

    def examples(
        self,
        served: LoadedArtifact,
        search: str,
        order: Literal["random", "different"],
        seed: int,
        limit: int,
    ) -> Examples:
        """Return users of the data set.

        Args:
            served: Computes the lists.
            search: Text that the names of the users contain.
            order: "random", or "different": users whose interests mix most in their list first.
            seed: Seed of the random order.
            limit: Largest number of users.
        """
        users = [user for user in self._all(served) if search in user.user]
        if order == "different":
            users.sort(key=most_mixed)
        else:
            users.sort(key=lambda user: hash_of(user.user, seed))
        if search:  # the exact name first, then names that begin with the text
            users.sort(key=lambda u: (u.user != search, not u.user.startswith(search)))
        return Examples(users[:limit])

    def example(self, served: LoadedArtifact, name: str) -> Example | None:
        """Return the example user of this name; None if there is none."""
        return next((user for user in self._all(served) if user.user == name), None)

    def _all(self, served: LoadedArtifact) -> list[Example]:
        """Return all example users; the first call per artifact measures a sample of them."""
        if not self.paths.data:
            return []
        with self.lock:  # several visitors of a new service wait for one measurement
            if self._examples is None or self._examples[0] != served.name:
                users = example_users(self.paths.data)
                self._examples = served.name, with_spreads(served.recommender, users, SECONDS)
            return self._examples[1]

    def measure_examples(self, served: LoadedArtifact) -> None:
        """Measure the rest of the sample of example users, however long it takes; once."""
        if self._measured == served.name or not self.finishing.acquire(blocking=False):
            return
        try:
            users = with_spreads(served.recommender, self._all(served), math.inf)
            with self.lock:
                if self._examples and self._examples[0] == served.name:
                    self._examples, self._measured = (served.name, users), served.name
        finally:
            self.finishing.release()

    def health_report(self, served: LoadedArtifact) -> HealthReport:
        """Return diagnostics, report, latency and notes; the first call diagnoses the interests."""
        data = self.paths.data
        with self.diagnosing:  # several callers wait for one diagnosis
            if data and (self._diagnosed is None or self._diagnosed[0] != served.name):
                self._diagnosed = served.name, diagnose_interests(served.recommender, data)
            diagnostics = self._diagnosed[1] if self._diagnosed else None
        report = read_report(self.paths.report) or served.manifest["about"].get("result")
        folder = self.paths.artifact.resolve().name  # that of the version, not of the link to it
        entry, notes = find_entry(report, served.name, folder)
        return HealthReport(
            verdict=verdict(diagnostics, report, entry),
            diagnostics=diagnostics,
            report=report,
            latency=self.metrics.latency(),
            notes=[
                *self.metrics.notes(),
                *(diagnostics or {}).get("notes", []),
                *notes,
            ],
        )
