"""From interests to one pool of candidates that may be recommended: search, bar, merge.

Exact with an exact index, whatever is barred: each interest is searched so deep that the pool's
items, and no others, are the best there are.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.numerics import top_k
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.merge import merge_candidates
from prismrec.types import Candidates, Interests, Pool, RankedItems

VectorsOf = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""From item numbers to their vectors."""
SMALL = 1 << 16
"""Items of an exact index up to which every score of a user is held at once."""
ENTRIES = 1 << 24
"""Scores held at once, 64 MiB."""
FEW = 8
"""Where less than one item in so many may be recommended, these are searched by themselves."""


@dataclass(frozen=True, eq=False)
class Query:
    """What a batch of users is searched for."""

    vectors: Float[np.ndarray, "B K D"]
    prior: Float[np.ndarray, "B K"]
    """Log prior of each interest; -inf for one that is not active."""
    excluded: Sequence[NDArray[np.int64]]
    """Item numbers that a user must not get."""

    @classmethod
    def of(cls, read: Interests, excluded: Sequence[NDArray[np.int64]]) -> "Query":
        """Search for interests as a model read them."""
        prior = np.where(read.active.cpu(), read.bias.float().cpu(), -np.inf)
        return cls(read.vectors.float().cpu().numpy(), prior.astype(np.float32), excluded)

    @classmethod
    def equal(
        cls, vectors: Float[np.ndarray, "B K D"], excluded: Sequence[NDArray[np.int64]]
    ) -> "Query":
        """Search for vectors none of which comes before another."""
        return cls(vectors, np.zeros(vectors.shape[:2], dtype=np.float32), excluded)

    def rows(self, which: NDArray[np.int64]) -> "Query":
        """Give some of the users."""
        excluded = [self.excluded[row] for row in which]
        return Query(self.vectors[which], self.prior[which], excluded)


def retrieve(
    index: Index,
    query: Query,
    depth: int,
    *,
    eligible: Bool[np.ndarray, " V"] | None,
    vectors_of: VectorsOf,
) -> RankedItems:
    """Give each user's ``depth`` best items that may be recommended; fewer only if there are.

    Args:
        index: Of the whole catalog.
        query: Interests and what is barred for each user.
        depth: M, the length of the pools.
        open_items: Items that may be recommended to anyone; None for all.
        vectors_of: Gives item vectors by number, where few items are open.

    Cost: one search for depth + barred items, deeper where many are closed; where few are open an
        exact search of these.
    """
    if isinstance(index, ExactIndex) and len(index) <= SMALL:
        return _whole(index, query, depth, eligible)
    closed = 0
    if eligible is not None:
        held = index.ids
        numbers = held[eligible[held]]
        closed = len(held) - len(numbers)
        if closed and len(numbers) * FEW < len(held):
            index, closed = ExactIndex.build(vectors_of(numbers), numbers), 0
    wanted = depth + max((len(np.unique(own)) for own in query.excluded), default=0)
    deepest = max(min(wanted + closed, len(index)), 1)
    m = min(wanted + min(closed, wanted), deepest)
    while True:
        found = index.search(query.vectors, m)
        if closed and eligible is not None:
            found = Candidates(np.where(eligible[found.items], found.items, 0), found.scores)
            short = (found.items > 0).sum(axis=2) < wanted
            if m < deepest and (short & ~np.isneginf(query.prior)).any():
                m = min(4 * m, deepest)
                continue
        return merge_candidates(found, query.prior, depth, excluded=query.excluded)


def _whole(
    index: ExactIndex,
    query: Query,
    depth: int,
    eligible: Bool[np.ndarray, " V"] | None,
) -> RankedItems:
    """Retrieve from a small catalog: every score at once, then the best of what is left.

    Search and merge in one: no interest's own list is put in order only to be taken apart again.
    """
    ids = index.ids
    step = max(ENTRIES // max(query.prior.shape[1] * len(ids), 1), 1)
    parts = []
    for start in range(0, len(query.excluded), step):
        block = slice(start, start + step)
        vectors = torch.from_numpy(np.ascontiguousarray(query.vectors[block]))
        scores = (vectors @ index.vectors.T).numpy() + query.prior[block, :, None]
        interest = scores.argmax(axis=1)
        best = np.take_along_axis(scores, interest[:, None], axis=1)[:, 0]
        if eligible is not None:
            best[:, ~eligible[ids]] = -np.inf
        for row, excluded in enumerate(query.excluded[block]):
            if len(excluded):
                place = np.minimum(np.searchsorted(ids, excluded), len(ids) - 1)
                best[row, place[ids[place] == excluded]] = -np.inf
        chosen = top_k(best, min(depth, len(ids)))
        found = np.take_along_axis(best, chosen, axis=1)
        there = ~np.isneginf(found)
        brought = np.take_along_axis(interest, chosen, axis=1)
        parts.append((np.where(there, ids[chosen], 0), found, np.where(there, brought, 0)))
    return RankedItems(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@dataclass(frozen=True, eq=False)
class InterestSource:
    """Candidates of users with a history, from their interests: a ``listing.Source``."""

    index: Index
    catalog: Catalog
    query: Query
    histories: Sequence[NDArray[np.int64]]
    eligible: NDArray[np.bool_] | None
    vectors_of: VectorsOf
    dim: int
    """Numbers of a vector that say what it is like; one more, if there is, is how common."""

    def __len__(self) -> int:
        return len(self.histories)

    def search(self, rows: NDArray[np.int64], depth: int) -> RankedItems:
        """See ``listing.Source.search``."""
        query = self.query.rows(rows)
        return retrieve(
            self.index, query, depth, eligible=self.eligible, vectors_of=self.vectors_of
        )

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """See ``listing.Source.pool``."""
        vectors = self.vectors_of(items)
        prior = self.query.prior[row]
        return Pool(
            scores=scores,
            category=self.catalog.single_category[items],
            categories=[self.catalog.categories_of(item).tolist() for item in items],
            vectors=vectors[:, : self.dim],
            interest_scores=vectors @ self.query.vectors[row].T + prior,
            history=[self.catalog.categories_of(item).tolist() for item in self.histories[row]],
        )


@dataclass(frozen=True, eq=False)
class PopularSource:
    """The same for users of whom nothing is known: the most popular items."""

    catalog: Catalog
    users: int
    eligible: NDArray[np.bool_] | None
    vectors_of: VectorsOf
    dim: int
    """Numbers of a vector that say what it is like; one more, if there is, is how common."""

    def __len__(self) -> int:
        return self.users

    def search(self, rows: NDArray[np.int64], depth: int) -> RankedItems:
        """See ``listing.Source.search``; the score is log(1 + events)."""
        items = self.catalog.by_count
        if self.eligible is not None:
            items = items[self.eligible[items]]
        scores = np.log1p(self.catalog.count[items[:depth]]).astype(np.float32)
        one = items[:depth], scores, np.zeros(len(scores), dtype=np.int64)
        return RankedItems(*(_filled(part, depth, len(rows)) for part in one))

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:  # noqa: ARG002
        """See ``listing.Source.pool``; the one interest is popularity itself."""
        return Pool(
            scores=scores,
            category=self.catalog.single_category[items],
            categories=[self.catalog.categories_of(item).tolist() for item in items],
            vectors=self.vectors_of(items)[:, : self.dim],
            interest_scores=scores[:, None],
            history=[],
        )


def _filled(part: NDArray[np.generic], width: int, rows: int) -> NDArray[np.generic]:
    """Repeat a row, filled up to a width: items with 0, scores with -inf."""
    empty = -np.inf if part.dtype == np.float32 else 0
    padded = np.pad(part, (0, width - len(part)), constant_values=empty)
    return np.tile(padded, (rows, 1))
