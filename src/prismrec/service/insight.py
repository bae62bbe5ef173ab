"""What the page shows of the model beyond lists: example users and the health of the interests."""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import numpy as np

from prismrec.data import load_dataset
from prismrec.numerics import normalize
from prismrec.recommend import Recommender
from prismrec.service.health import diagnosed, report_in
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.metrics import Metrics
from prismrec.service.responses import Example, Examples, HealthReport
from prismrec.service.settings import ServePaths

MOST_EXAMPLES = 2_000
"""Users of the data set that are offered as examples, evenly spread over it."""
BLOCK = 256
"""Users whose interests are computed together."""


class Insight:
    """Computes what is expensive once, and keeps it.

    Args:
        paths: Where the data set and the report are.
        metrics: Latency and notes of the service.
    """

    def __init__(self, paths: ServePaths, metrics: Metrics) -> None:
        self.paths, self.metrics = paths, metrics
        self._examples: list[Example] | None = None
        self._diagnosed: tuple[str, dict[str, Any]] | None = None

    def examples(
        self,
        served: LoadedArtifact,
        search: str,
        order: Literal["random", "different"],
        seed: int,
        limit: int,
    ) -> Examples:
        """Return users of the data set: by name, at random, or with the most different interests."""
        if self._examples is None:
            data = self.paths.data
            self._examples = example_users(served.recommender, data) if data else []
        found = [user for user in self._examples if search in user.user]
        if order == "different":
            found.sort(key=lambda user: -user.spread)
        else:
            found.sort(key=lambda user: hash_of(user.user, seed))
        if search:  # the very name first, then names that begin with the text
            found.sort(key=lambda u: (u.user != search, not u.user.startswith(search)))
        return Examples(found[:limit])

    def health_report(self, served: LoadedArtifact) -> HealthReport:
        """Return how the model and the service are doing; the first call diagnoses the interests."""
        data = self.paths.data
        if data and (self._diagnosed is None or self._diagnosed[0] != served.name):
            self._diagnosed = served.name, diagnosed(served.recommender, data)
        found = self._diagnosed[1] if self._diagnosed else None
        return HealthReport(
            diagnostics=found,
            report=report_in(self.paths.report) or served.manifest["about"].get("result"),
            latency=self.metrics.latency(),
            notes=[*self.metrics.notes(), *(found or {}).get("notes", [])],
        )


def example_users(
    recommender: Recommender, data: Path, *, most: int = MOST_EXAMPLES
) -> list[Example]:
    """Return users of a data set with how different their interests are.

    Args:
        recommender: Extracts the interests.
        data: The data set; its ids are looked up in the recommender's catalog.
        most: Number of users, evenly spread over the data set.
    """
    dataset = load_dataset(data)
    step = max(len(dataset.users) // most, 1)
    users = list(range(0, len(dataset.users), step))[:most]
    names = dataset.users.external(users)
    found = []
    for start in range(0, len(users), BLOCK):
        block = users[start : start + BLOCK]
        histories = [dataset.catalog.items.external(dataset.histories[u].tolist()) for u in block]
        spreads = interest_spreads(recommender, histories)
        rows = zip(names[start : start + BLOCK], histories, spreads, strict=True)
        found += [Example(name, len(own), spread, own) for name, own, spread in rows]
    return found


def interest_spreads(recommender: Recommender, histories: Sequence[Sequence[str]]) -> list[float]:
    """Return 1 - the mean cosine of each history's interests; 0 with a single interest."""
    numbers = [recommender.catalog.items.index_known(history) for history in histories]
    interests = recommender.model.interests_of(numbers)
    vectors = interests.vectors[:, :, : recommender.model.extractor.dim].double().cpu().numpy()
    active = interests.active.cpu().numpy()
    spreads = []
    for own, present in zip(vectors, active, strict=True):
        unit = normalize(own[present])
        pairs = np.triu_indices(len(unit), 1)
        spreads.append(float(1 - (unit @ unit.T)[pairs].mean()) if len(pairs[0]) else 0.0)
    return spreads


def hash_of(name: str, seed: int) -> int:
    """Return a number that orders names at random by a seed, the same on every machine."""
    return int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=8).digest())
