"""Candidates of a batch of users: search each interest, leave out items, and merge.

With an exact index the candidates are exactly the best eligible items, however many items are
excluded: each interest is searched deep enough.
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
"""Item numbers ``[N]`` → their vectors ``[N, W]``; W is D, or D + 1 with item biases."""
SMALL = 1 << 16
"""Largest exact index for which all scores of a user are computed at once."""
MAX_SCORES = 1 << 24
"""Scores in memory at once, 64 MiB."""
FEW = 8
"""If less than one item in ``FEW`` is eligible, only the eligible items are searched."""


@dataclass(frozen=True, eq=False, repr=False)
class Query:
    """The query vectors of a batch of users, and the items that each user must not get."""

    vectors: Float[np.ndarray, "B K D"]
    prior: Float[np.ndarray, "B K"]
    """Log prior of each interest; -inf for one that is not active."""
    excluded: Sequence[NDArray[np.int64]]
    """Item numbers that a user must not get, per user."""

    @classmethod
    def of(cls, interests: Interests, excluded: Sequence[NDArray[np.int64]]) -> "Query":
        """Return the query of a batch of interests."""
        prior = np.where(interests.active.cpu(), interests.bias.float().cpu(), -np.inf)
        return cls(interests.vectors.float().cpu().numpy(), prior.astype(np.float32), excluded)

    @classmethod
    def equal(
        cls, vectors: Float[np.ndarray, "B K D"], excluded: Sequence[NDArray[np.int64]]
    ) -> "Query":
        """Return a query in which all vectors have the same prior."""
        return cls(vectors, np.zeros(vectors.shape[:2], dtype=np.float32), excluded)

    def rows(self, which: NDArray[np.int64]) -> "Query":
        """Return the query of some of the users."""
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
    """Retrieve the ``depth`` best eligible items per user; fewer only if there are no more.

    Args:
        index: An index of the whole catalog.
        query: Interests and excluded items of each user.
        depth: M, the number of candidates per user.
        eligible: Items that may be recommended to anyone; None for all.
        vectors_of: Returns item vectors; used if few items are eligible.

    Cost: one search for ``depth`` + excluded items, and deeper searches if many items are not
        eligible; if few items are eligible, an exact search of these.
    """
    if isinstance(index, ExactIndex) and len(index) <= SMALL:
        return _retrieve_from_all_scores(index, query, depth, eligible)
    ineligible = 0
    if eligible is not None:
        every = index.ids
        numbers = every[eligible[every]]
        ineligible = len(every) - len(numbers)
        if ineligible and len(numbers) * FEW < len(every):
            index, ineligible = ExactIndex.build(vectors_of(numbers), numbers), 0
    wanted = depth + max((len(np.unique(numbers)) for numbers in query.excluded), default=0)
    deepest = max(min(wanted + ineligible, len(index)), 1)
    m = min(wanted + min(ineligible, wanted), deepest)
    while True:
        found = index.search(query.vectors, m)
        if ineligible and eligible is not None:
            found = Candidates(np.where(eligible[found.items], found.items, 0), found.scores)
            short = (found.items > 0).sum(axis=2) < wanted
            if m < deepest and (short & ~np.isneginf(query.prior)).any():
                m = min(4 * m, deepest)
                continue
        return merge_candidates(found, query.prior, depth, excluded=query.excluded)


def _retrieve_from_all_scores(
    index: ExactIndex,
    query: Query,
    depth: int,
    eligible: Bool[np.ndarray, " V"] | None,
) -> RankedItems:
    """Retrieve from a small catalog: compute all scores, and return the best eligible items.

    This joins search and merge, so that the items of each interest need not be sorted first.
    """
    ids = index.ids
    step = max(MAX_SCORES // max(query.prior.shape[1] * len(ids), 1), 1)
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
                column = np.minimum(np.searchsorted(ids, excluded), len(ids) - 1)
                best[row, column[ids[column] == excluded]] = -np.inf
        chosen = top_k(best, min(depth, len(ids)))
        top_scores = np.take_along_axis(best, chosen, axis=1)
        present = ~np.isneginf(top_scores)
        by_interest = np.where(present, np.take_along_axis(interest, chosen, axis=1), 0)
        parts.append((np.where(present, ids[chosen], 0), top_scores, by_interest))
    return RankedItems(*(np.concatenate(part) for part in zip(*parts, strict=True)))


@dataclass(frozen=True, eq=False, repr=False)
class InterestSource:
    """Candidates of users with a history, from their interests: a ``CandidateSource``."""

    index: Index
    catalog: Catalog
    query: Query
    histories: Sequence[NDArray[np.int64]]
    eligible: NDArray[np.bool_] | None
    vectors_of: VectorsOf
    dim: int
    """Width of an item vector without its bias, which is the last number if the model has one."""

    def __len__(self) -> int:
        return len(self.histories)

    def search(self, rows: NDArray[np.int64], depth: int) -> RankedItems:
        """See ``CandidateSource.search``."""
        query = self.query.rows(rows)
        return retrieve(
            self.index, query, depth, eligible=self.eligible, vectors_of=self.vectors_of
        )

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """See ``CandidateSource.pool``."""
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


@dataclass(frozen=True, eq=False, repr=False)
class PopularSource:
    """Candidates of users without a history: the most popular items. A ``CandidateSource``."""

    catalog: Catalog
    users: int
    eligible: NDArray[np.bool_] | None
    vectors_of: VectorsOf
    dim: int
    """Width of an item vector without its bias, which is the last number if the model has one."""

    def __len__(self) -> int:
        return self.users

    def search(self, rows: NDArray[np.int64], depth: int) -> RankedItems:
        """See ``CandidateSource.search``; the score is log(1 + events)."""
        items = self.catalog.by_count
        if self.eligible is not None:
            items = items[self.eligible[items]]
        scores = np.log1p(self.catalog.count[items[:depth]]).astype(np.float32)
        one = items[:depth], scores, np.zeros(len(scores), dtype=np.int64)
        return RankedItems(*(_padded(part, depth, len(rows)) for part in one))

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:  # noqa: ARG002
        """See ``CandidateSource.pool``; popularity is the only interest."""
        return Pool(
            scores=scores,
            category=self.catalog.single_category[items],
            categories=[self.catalog.categories_of(item).tolist() for item in items],
            vectors=self.vectors_of(items)[:, : self.dim],
            interest_scores=scores[:, None],
            history=[],
        )


def _padded(part: NDArray[np.generic], width: int, rows: int) -> NDArray[np.generic]:
    """Pad a row to a width, items with 0 and scores with -inf, and repeat it."""
    empty = -np.inf if part.dtype == np.float32 else 0
    padded = np.pad(part, (0, width - len(part)), constant_values=empty)
    return np.tile(padded, (rows, 1))
