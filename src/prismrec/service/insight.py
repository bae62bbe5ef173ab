"""Example users and the health report: what the page shows besides lists."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np

from prismrec.data import load_dataset
from prismrec.numerics import normalize
from prismrec.recommend import Recommender
from prismrec.service.health import diagnose_interests, read_report
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.metrics import Metrics
from prismrec.service.responses import Example, Examples, HealthReport
from prismrec.service.settings import ServePaths

MOST_EXAMPLES = 2_000
"""Number of example users, evenly spread over the data set."""
BLOCK = 256
"""Number of users whose interests are computed together."""


class Insight:
    """Computes example users and diagnostics once per artifact and keeps them.

    Args:
        paths: Paths of the data set and the report.
        metrics: For the latency and the notes of the service.
    """

    def __init__(self, paths: ServePaths, metrics: Metrics) -> None:
        self.paths, self.metrics = paths, metrics
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
            served: Extracts the interests.
            search: Text that the names of the users contain.
            order: "random", or "different": the most different interests first.
            seed: Seed of the random order.
            limit: Largest number of users.
        """
        data = self.paths.data
        if data and (self._examples is None or self._examples[0] != served.name):
            self._examples = served.name, example_users(served.recommender, data)
        examples = self._examples[1] if self._examples else []
        users = [user for user in examples if search in user.user]
        if order == "different":
            users.sort(key=lambda user: -user.spread)
        else:
            users.sort(key=lambda user: hash_of(user.user, seed))
        if search:  # the exact name first, then names that begin with the text
            users.sort(key=lambda u: (u.user != search, not u.user.startswith(search)))
        return Examples(users[:limit])

    def health_report(self, served: LoadedArtifact) -> HealthReport:
        """Return diagnostics, report, latency and notes; the first call diagnoses the interests."""
        data = self.paths.data
        if data and (self._diagnosed is None or self._diagnosed[0] != served.name):
            self._diagnosed = served.name, diagnose_interests(served.recommender, data)
        diagnostics = self._diagnosed[1] if self._diagnosed else None
        return HealthReport(
            diagnostics=diagnostics,
            report=read_report(self.paths.report) or served.manifest["about"].get("result"),
            latency=self.metrics.latency(),
            notes=[*self.metrics.notes(), *(diagnostics or {}).get("notes", [])],
        )


def example_users(
    recommender: Recommender, data: Path, *, most: int = MOST_EXAMPLES
) -> list[Example]:
    """Return users of a data set, each with the spread of the interests.

    Args:
        recommender: Extracts the interests.
        data: The data set folder; its ids are looked up in the recommender's catalog.
        most: Number of users, evenly spread over the data set.
    """
    dataset = load_dataset(data)
    step = max(len(dataset.users) // most, 1)
    users = list(range(0, len(dataset.users), step))[:most]
    names = dataset.users.external(users)
    examples: list[Example] = []
    for start in range(0, len(users), BLOCK):
        block = users[start : start + BLOCK]
        histories = [dataset.catalog.items.external(dataset.histories[u].tolist()) for u in block]
        spreads = interest_spreads(recommender, histories)
        rows = zip(names[start : start + BLOCK], histories, spreads, strict=True)
        examples += [Example(name, len(events), spread, events) for name, events, spread in rows]
    return examples


def interest_spreads(recommender: Recommender, histories: Sequence[Sequence[str]]) -> list[float]:
    """Return 1 - the mean cosine between the interests, per history; 0 with a single interest."""
    numbers = [recommender.catalog.items.index_known(history) for history in histories]
    interests = recommender.model.interests_of(numbers)
    vectors = interests.vectors[:, :, : recommender.model.extractor.dim].double().cpu().numpy()
    active = interests.active.cpu().numpy()
    spreads = []
    for interest_vectors, present in zip(vectors, active, strict=True):
        unit = normalize(interest_vectors[present])
        pairs = np.triu_indices(len(unit), 1)
        spreads.append(float(1 - (unit @ unit.T)[pairs].mean()) if len(pairs[0]) else 0.0)
    return spreads


def hash_of(name: str, seed: int) -> int:
    """Return a number that puts names in a random order per seed, the same on every machine."""
    return int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=8).digest())
