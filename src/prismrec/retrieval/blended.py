"""A second channel beside the interests: what was often taken soon after items of the history.

    rules, how = fit_rules(recommender, split.train, split.valid)
    recommender = recommender.with_rules(rules)

Sixty-four numbers an item cannot hold every rare pair that a table of counts holds exactly. Both
are joined on the union of their candidates:

    score = log( p_interests + weight · p_rules )

with ``p_interests`` the softmax of the interests' scores over their ``REFERENCE`` best items and
``p_rules`` the rules' scores brought to sum 1. At weight 0 this orders as the interests do.

Source of the rules: ``baselines.sequential_rules``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from prismrec.numerics import top_k
from prismrec.retrieval.rules import RuleRetriever
from prismrec.retrieval.sources import InterestSource
from prismrec.types import Pool, RankedItems

CANDIDATES = 300
"""Items of a user that the rules bring."""
REFERENCE = 512
"""Items of the interests over which their probabilities are made."""


@dataclass(frozen=True, eq=False)
class BlendedSource:
    """Candidates of interests and rules together: a ``listing.Source``."""

    base: InterestSource
    rules: RuleRetriever

    def __len__(self) -> int:
        return len(self.base)

    def search(self, rows: NDArray[np.int64], depth: int) -> RankedItems:
        """See ``listing.Source.search``.

        An item that neither channel brings scores at most the last one given: the interests are
        searched for ``depth`` items or more, and each of these keeps at least its own part.
        """
        pool = self.base.search(rows, max(depth, REFERENCE))
        # A user's item is one number, its key, so that all users are joined at once.
        size = self.rules.table.shape[0]
        at, column = np.nonzero(pool.items)
        key = at * size + pool.items[at, column]
        by_item = np.argsort(key)
        key, at, column = key[by_item], at[by_item], column[by_item]
        ruled, strength = self._ruled(rows, size)
        place = np.searchsorted(key, ruled)
        new = np.append(key, -1)[place] != ruled
        follows = np.zeros(len(key))
        follows[place[~new]] = strength[~new]
        own, brought = self._scored(rows[ruled[new] // size], ruled[new] % size)
        every = np.concatenate([key, ruled[new]])
        scores = np.concatenate([pool.scores[at, column].astype(np.float64), own])
        total = logsumexp(pool.scores[:, :REFERENCE].astype(np.float64), axis=1)[every // size]
        with np.errstate(divide="ignore"):  # what the rules do not bring
            ruling = np.log(self.rules.weight * np.concatenate([follows, strength[new]]))
        joined = np.logaddexp(scores - total, ruling)
        interest = np.concatenate([pool.interest[at, column], brought])
        by_item = np.argsort(every)
        return _best(len(rows), depth, size, every[by_item], joined[by_item], interest[by_item])

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """See ``listing.Source.pool``."""
        return self.base.pool(row, items, scores)

    def _ruled(
        self, rows: NDArray[np.int64], size: int
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Give what the rules bring that may be recommended: keys, ascending, and strengths.

        The strongest of each user, of sum 1.
        """
        found = self.rules.scores([self.base.histories[row] for row in rows.tolist()])
        at = np.repeat(np.arange(len(rows)), np.diff(found.indptr))
        key, strength = at * size + found.indices, found.data.astype(np.float64)
        excluded = [place * size + self.base.query.excluded[row] for place, row in enumerate(rows)]
        kept = ~np.isin(key, np.concatenate(excluded))
        if self.base.eligible is not None:
            kept &= self.base.eligible[found.indices]
        key, strength = _candidates(key[kept], strength[kept], at[kept], len(rows))
        at = key // size
        total = np.bincount(at, strength, minlength=len(rows))
        return key, strength / np.maximum(total, 1e-300)[at]

    def _scored(
        self, rows: NDArray[np.int64], items: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Give what the interests of a user make of an item, pair by pair, and which of them."""
        query, vectors = self.base.query, self.base.vectors_of(items)
        every = query.vectors.transpose(1, 0, 2)
        scores = np.array([np.einsum("nd,nd->n", vectors, own[rows]) for own in every])
        scores += query.prior[rows].T
        best = scores.argmax(axis=0)
        return scores[best, np.arange(len(items))].astype(np.float64), best


def _candidates(
    key: NDArray[np.int64], strength: NDArray[np.float64], at: NDArray[np.int64], users: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Keep the ``CANDIDATES`` strongest of each user, in order of keys; of equal ones the first.

    As ``keep_strongest`` does of a table's rows, but on a padded array: few users, and no sort.
    """
    place, width = _places(at, users)
    if width <= CANDIDATES:
        return key, strength
    every = np.full((users, width), -np.inf)
    every[at, place] = strength
    kept = np.zeros(every.shape, dtype=bool)
    np.put_along_axis(kept, top_k(every, CANDIDATES), values=True, axis=1)
    among = kept[at, place]
    return key[among], strength[among]


def _places(at: NDArray[np.int64], users: int) -> tuple[NDArray[np.int64], int]:
    """Give the place of each entry among its user's, users ascending, and the most one has."""
    count = np.bincount(at, minlength=users)
    return np.arange(len(at)) - (count.cumsum() - count)[at], int(count.max(initial=0))


def _best(
    users: int,
    depth: int,
    size: int,
    key: NDArray[np.int64],
    scores: NDArray[np.float64],
    interest: NDArray[np.int64],
) -> RankedItems:
    """Give each user's best items, ties by item number, of what stands in order of keys."""
    row = key // size
    place, width = _places(row, users)
    every = np.full((users, max(width, depth)), -np.inf)
    every[row, place] = scores
    chosen = top_k(every, depth)
    found = np.zeros((2, *every.shape), dtype=np.int64)
    found[:, row, place] = key % size, interest
    items, brought = np.take_along_axis(found, chosen[None], axis=2)
    return RankedItems(items, np.take_along_axis(every, chosen, axis=1).astype(np.float32), brought)
