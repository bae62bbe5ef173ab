"""Example users and the health report: what the page shows besides lists."""

import threading
from typing import Any, Literal

from prismrec.service.examples import example_users, hash_of, most_mixed
from prismrec.service.health import diagnose_interests, read_report
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.metrics import Metrics
from prismrec.service.responses import Example, Examples, HealthReport
from prismrec.service.settings import ServePaths
from prismrec.service.verdict import verdict


class Insight:
    """Computes example users and diagnostics once per artifact and keeps them.

    Args:
        paths: Paths of the data set and the report.
        metrics: For the latency and the notes of the service.
    """

    def __init__(self, paths: ServePaths, metrics: Metrics) -> None:
        self.paths, self.metrics, self.lock = paths, metrics, threading.Lock()
        self._examples: tuple[str, list[Example]] | None = None
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
                self._examples = served.name, example_users(served.recommender, self.paths.data)
            return self._examples[1]

    def health_report(self, served: LoadedArtifact) -> HealthReport:
        """Return diagnostics, report, latency and notes; the first call diagnoses the interests."""
        data = self.paths.data
        if data and (self._diagnosed is None or self._diagnosed[0] != served.name):
            self._diagnosed = served.name, diagnose_interests(served.recommender, data)
        diagnostics = self._diagnosed[1] if self._diagnosed else None
        report = read_report(self.paths.report) or served.manifest["about"].get("result")
        return HealthReport(
            verdict=verdict(diagnostics, report, self.paths.artifact.name),
            diagnostics=diagnostics,
            report=report,
            latency=self.metrics.latency(),
            notes=[*self.metrics.notes(), *(diagnostics or {}).get("notes", [])],
        )
