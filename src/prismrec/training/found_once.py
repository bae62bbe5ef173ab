"""Candidates of the interests that are found once, and then blended with many rules.

    found = find_once(recommender, cases, depth=512, exclude_seen=True)
    report = evaluate(found.lists(rules), cases)

The model and the search cost far more than the blending, and do not depend on the rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Case
from prismrec.recommend import Recommender
from prismrec.rerank import Filter
from prismrec.retrieval import BlendedSource, Found, InterestSource, Query, RuleRetriever
from prismrec.types import RankedItems

BATCH = 256
"""Users whose interests are computed at once."""


@dataclass(frozen=True, eq=False, repr=False)
class FoundOnce(InterestSource):
    """An ``InterestSource`` whose candidates are known up to a depth."""

    found: Found

    def find(self, rows: NDArray[np.int64], depth: int) -> Found:
        """Return what was found; see ``InterestSource.find``."""
        items, scores, certified = self.found
        return Found(items[rows, :depth], scores[rows, :depth], certified[rows])

    def lists(self, rules: RuleRetriever | None, every: int = 1) -> "ListsInOrder":
        """Return a function that makes the lists of every n-th user, batch by batch, in order."""
        return ListsInOrder(self, rules, np.arange(0, len(self), every))


@dataclass
class ListsInOrder:
    """Makes the lists of users whose candidates were found once: a ``Recommend``."""

    found: FoundOnce
    rules: RuleRetriever | None
    left: NDArray[np.int64]
    """Users whose lists are not made yet."""

    def __call__(self, histories: Sequence[NDArray[np.int64]], k: int) -> RankedItems:
        """Return the lists of the next users."""
        source = self.found if self.rules is None else BlendedSource(self.found, self.rules)
        rows, self.left = self.left[: len(histories)], self.left[len(histories) :]
        return source.search(rows, k).ranked


def find_once(
    recommender: Recommender, cases: Sequence[Case], *, depth: int, exclude_seen: bool
) -> FoundOnce:
    """Find the candidates of users who all have a history.

    Args:
        recommender: Its interests are searched; its rules are not used.
        cases: The users.
        depth: Candidates per user.
        exclude_seen: Exclude the items of the history.

    Raises:
        ConfigError: The model was trained further, so that the index does not fit it.

    Cost: one forward pass and one search per user; O(U (K D + depth)) memory.
    """
    recommender.check_weights()
    histories = [case.history for case in cases]
    retriever, eligible = recommender.retriever, recommender.eligible(Filter())
    queries, found = [], []
    for start in range(0, len(histories), BATCH):
        some = histories[start : start + BATCH]
        read = recommender.model.interests_of(some)
        query = retriever.query_of(some, read, exclude_seen=exclude_seen)
        queries.append(query)
        found.append(retriever.item_search.find(query, depth, eligible))
    query = Query.joined(queries)
    every = Found(*(np.concatenate(part) for part in zip(*found, strict=True)))
    return FoundOnce(
        retriever.item_search, retriever.catalog, query, histories, eligible, None, every
    )
