"""Candidates of a batch of users with a history, or without one.

With an exact index the candidates are exactly the best eligible items, however many items are
excluded: each interest is searched deep enough.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.io import as_step
from prismrec.numerics import softmax
from prismrec.rerank import ListOptions, Ranking, adds_interests
from prismrec.retrieval.boosts import ScoreBoosts
from prismrec.retrieval.query import Found, Query
from prismrec.retrieval.search import MAX_DEPTH, ItemSearch
from prismrec.types import Interests, Pool, RankedItems

CANDIDATES_PER_BOOSTED = 4, 16
"""Candidates per item of a list with boosts, at first and for the users for whom they are too few;
boosts of 6 and less rarely need more."""


@dataclass(frozen=True, eq=False, repr=False)
class InterestSource:
    """Candidates of users with a history, from their interests: a ``CandidateSource``."""

    item_search: ItemSearch
    catalog: Catalog
    query: Query
    histories: Sequence[NDArray[np.int64]]
    eligible: NDArray[np.bool_] | None
    boosts: ScoreBoosts | None

    def __len__(self) -> int:
        return len(self.histories)

    @as_step("search")
    def search(self, rows: NDArray[np.int64], depth: int) -> Ranking:
        """See ``CandidateSource.search``."""
        if self.boosts is None:
            found = self.find(rows, depth)
        else:
            found = self.find(rows, max(min(CANDIDATES_PER_BOOSTED[0] * depth, MAX_DEPTH), depth))
            found = self.enough_for_boosts(rows, depth, self.boosts, found)
            found = _with_boosts(found, self.boosts, depth)
        interest = self.belongs(rows, found.items)
        return Ranking(RankedItems(found.items, found.scores, interest), found.certified)

    def belongs(
        self, rows: NDArray[np.int64], items: Int[np.ndarray, "R M"]
    ) -> Int[np.ndarray, "R M"]:
        """Return the interest that each item of some users belongs to; see ``Query.belongs``."""
        return self.query.rows(rows).belongs(items, self.item_search.vectors_of)

    def find(self, rows: NDArray[np.int64], depth: int) -> Found:
        """Return the ``depth`` best eligible items of some users."""
        return self.item_search.find(self.query.rows(rows), depth, self.eligible)

    def enough_for_boosts(
        self, rows: NDArray[np.int64], depth: int, boosts: ScoreBoosts, found: Found
    ) -> Found:
        """Return candidates that have the ``depth`` best items with boosts; see ``ScoreBoosts``.

        Args:
            rows: Some users.
            depth: Number of items.
            boosts: What is added to the scores.
            found: Candidates of these users from ``find``; more than ``depth``, if there are more.

        Returns:
            Those of ``found``; for users for whom they are too few, those of a deeper search, or
            of ``find_in_parts``. All have scores without boosts.
        """
        deeper = min(CANDIDATES_PER_BOOSTED[1] * depth, MAX_DEPTH)
        short = _too_few(found, boosts, depth)
        if len(short) and deeper > found.items.shape[1]:
            found = _replaced(found, short, self.find(rows[short], deeper))
            short = _too_few(found, boosts, depth)
        if not len(short):
            return found
        return _replaced(found, short, self.find_in_parts(rows[short], depth, boosts))

    def find_in_parts(self, rows: NDArray[np.int64], depth: int, boosts: ScoreBoosts) -> Found:
        """Return the ``depth`` best eligible items of each part of the catalog, without boosts.

        Cost: that of ``find`` per part; an index is searched once if all parts are large.
        """
        found = [
            replace(self, eligible=part).find(rows, depth) for part in boosts.parts(self.eligible)
        ]
        found = found or [self.find(rows, depth)]  # nothing is eligible
        return Found(
            np.concatenate([one.items for one in found], axis=1),
            np.concatenate([one.scores for one in found], axis=1),
            np.all([one.certified for one in found], axis=0),
        )

    def shares(self, rows: NDArray[np.int64]) -> Float[np.ndarray, "R K"]:
        """Return the prior of each interest that items belong to; a row sums to 1."""
        given = self.query.prior if self.query.log_prior is None else self.query.log_prior
        prior = given[rows].astype(np.float64)
        if self.query.parts is not None:
            several = (~np.isneginf(prior)).sum(axis=1) > 1
            prior[several, 0] = -np.inf
        return softmax(prior)

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """See ``CandidateSource.pool``."""
        vectors = self.item_search.vectors_of(items)
        query = self.query.rows(np.array([row]))
        return Pool(
            scores=scores,
            category=self.catalog.single_category[items],
            categories=[self.catalog.categories_of(item).tolist() for item in items],
            vectors=vectors[:, : self.item_search.dim],
            interest_scores=query.scores_of(vectors[None])[0],
            history=[self.catalog.categories_of(item).tolist() for item in self.histories[row]],
        )


@dataclass(frozen=True, eq=False, repr=False)
class PopularSource:
    """Candidates of users without a history: the most popular items. A ``CandidateSource``."""

    item_search: ItemSearch
    catalog: Catalog
    users: int
    eligible: NDArray[np.bool_] | None
    boosts: ScoreBoosts | None

    def __len__(self) -> int:
        return self.users

    @as_step("search")
    def search(self, rows: NDArray[np.int64], depth: int) -> Ranking:
        """See ``CandidateSource.search``; the score is log(1 + events), and what boosts add."""
        items = self.catalog.by_count
        if self.eligible is not None:
            items = items[self.eligible[items]]
        if self.boosts is None:
            items = items[:depth]
            scores = np.log1p(self.catalog.count[items])
        else:
            scores = np.log1p(self.catalog.count[items]) + self.boosts.at(items)
            best = np.argsort(-scores, kind="stable")[:depth]
            items, scores = items[best], scores[best]
        one = items, scores.astype(np.float32), np.zeros(len(items), dtype=np.int64)
        ranked = RankedItems(*(_padded(part, depth, len(rows)) for part in one))
        return Ranking(ranked, np.ones(len(rows), dtype=bool))

    def shares(self, rows: NDArray[np.int64]) -> Float[np.ndarray, "R K"]:
        """See ``CandidateSource.shares``; popularity is the only interest."""
        return np.ones((len(rows), 1))

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:  # noqa: ARG002
        """See ``CandidateSource.pool``; popularity is the only interest."""
        return Pool(
            scores=scores,
            category=self.catalog.single_category[items],
            categories=[self.catalog.categories_of(item).tolist() for item in items],
            vectors=self.item_search.content(items),
            interest_scores=scores[:, None],
            history=[],
        )


def without_interests(
    histories: Sequence[NDArray[np.int64]], interests: Interests, options: ListOptions
) -> Bool[np.ndarray, " B"]:
    """Return the users without a history, unless an interest is added for them."""
    if adds_interests(options.interests, interests.bias.shape[1]):
        return np.zeros(len(histories), dtype=bool)
    return np.array([len(history) == 0 for history in histories], dtype=bool)


def _padded(part: NDArray[np.generic], width: int, rows: int) -> NDArray[np.generic]:
    """Pad a row to a width, items with 0 and scores with -inf, and repeat it."""
    empty = -np.inf if part.dtype == np.float32 else 0
    padded = np.pad(part, (0, width - len(part)), constant_values=empty)
    return np.tile(padded, (rows, 1))


def _too_few(found: Found, boosts: ScoreBoosts, depth: int) -> Int[np.ndarray, " N"]:
    """Return the users whose candidates may lack some of the ``depth`` best items with boosts."""
    best = _with_boosts(found, boosts, depth).scores[:, -1]
    last = found.scores[:, -1]  # -inf if there are no other items
    return np.flatnonzero(~((best > last + boosts.added.max()) | np.isneginf(last)))


def _replaced(found: Found, rows: Int[np.ndarray, " N"], new: Found) -> Found:
    """Return candidates in which those of some users are new ones, of another number."""
    missing = max(new.items.shape[1] - found.items.shape[1], 0)
    items = np.pad(found.items, ((0, 0), (0, missing)))
    scores = np.pad(found.scores, ((0, 0), (0, missing)), constant_values=-np.inf)
    items[rows], scores[rows] = 0, -np.inf
    width = new.items.shape[1]
    items[rows, :width], scores[rows, :width] = new.items, new.scores
    certified = found.certified.copy()
    certified[rows] = new.certified
    return Found(items, scores, certified)


def _with_boosts(found: Found, boosts: ScoreBoosts, depth: int) -> Found:
    """Return the ``depth`` items that are best with boosts; ties are ordered by item number."""
    present = found.items > 0
    scores = np.where(present, found.scores + boosts.at(found.items), -np.inf).astype(np.float32)
    order = np.lexsort((found.items, -scores), axis=1)[:, :depth]
    items, scores = (np.take_along_axis(part, order, axis=1) for part in (found.items, scores))
    return Found(items, scores, found.certified)
