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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import logsumexp

from prismrec.baselines.item_knn import nearest
from prismrec.baselines.score import weigh
from prismrec.baselines.sequential_rules import rules_table
from prismrec.data.histories import Histories
from prismrec.errors import DataError
from prismrec.merge import Merged
from prismrec.rerank.base import Pool
from prismrec.rerank.category import largest
from prismrec.retrieval import InterestSource

NEIGHBOURS = 200
"""Items kept after each item, the strongest."""
CANDIDATES = 300
"""Items of a user that the rules bring."""
REFERENCE = 512
"""Items of the interests over which their probabilities are made."""
RECENCY = 0.8
"""Share of its weight that an item of the history keeps with each newer one."""


@dataclass(frozen=True, eq=False)
class Rules:
    """What follows what.

    Raises:
        DataError: The table is no square of finite numbers of 0 or more, or the weight negative.
    """

    table: sparse.csr_array
    """``[V, V]``: strength of "j soon after i"; row and column 0 are empty."""
    weight: float
    """Of the rules beside the interests."""

    def __post_init__(self) -> None:
        """Refuse what cannot score."""
        square = self.table.shape[0] == self.table.shape[1]
        if not (square and np.isfinite(self.table.data).all() and (self.table.data >= 0).all()):
            raise DataError(
                "A table of rules is not square or holds a number that is not finite or negative; "
                "train again."
            )
        if not 0 <= self.weight < np.inf:
            raise DataError(f"The rules' weight is {self.weight}; it must be a number from 0 up.")

    @classmethod
    def count(
        cls, train: Histories, size: int, *, backward: float, alpha: float, beta: float,
        weight: float,
    ) -> "Rules":  # fmt: skip
        """Count rules in histories, the ``NEIGHBOURS`` strongest after each item."""
        table = rules_table(train, size, backward=backward, alpha=alpha, beta=beta)
        return cls(nearest(table, NEIGHBOURS).astype(np.float32), weight)

    def extended(self, size: int) -> "Rules":
        """Give the same rules for a catalog with more items, of which there are none."""
        table = self.table.copy()
        table.resize((size, size))
        return Rules(table, self.weight)

    def scores(self, histories: Sequence[NDArray[np.int64]]) -> sparse.csr_array:
        """Score the items that follow each history, ``[B, V]``, in order of their numbers."""
        found = weigh(histories, self.table.shape[0], recency=RECENCY) @ self.table
        found.sort_indices()
        return found

    def reasons(
        self, history: NDArray[np.int64], items: Sequence[int]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Give, for each item, those of a history after which it is taken and their shares of why.

        Strongest first, shares of sum 1, none where no rule speaks for the item; what stands in
        the history twice counts once, with both weights.
        """
        names, place = np.unique(history, return_inverse=True)
        ages = len(history) - 1 - np.arange(len(history))
        weights = np.bincount(place, RECENCY**ages, minlength=len(names))
        parts = weights[:, None] * self.table[names, :][:, list(items)].toarray()
        found = []
        for own in parts.T:
            order = np.argsort(-own, kind="stable")[: int((own > 0).sum())]
            found.append((names[order], own[order] / max(own.sum(), 1e-300)))
        return found


@dataclass(frozen=True, eq=False)
class JoinedSource:
    """Candidates of interests and rules together: a ``listing.Source``."""

    base: InterestSource
    rules: Rules

    def __len__(self) -> int:
        return len(self.base)

    def search(self, rows: NDArray[np.int64], depth: int) -> Merged:
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
        barred = [place * size + self.base.query.barred[row] for place, row in enumerate(rows)]
        kept = ~np.isin(key, np.concatenate(barred))
        if self.base.open_items is not None:
            kept &= self.base.open_items[found.indices]
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

    As ``nearest`` does of a table's rows, but on a padded array: few users, and no sort.
    """
    place, width = _places(at, users)
    if width <= CANDIDATES:
        return key, strength
    every = np.full((users, width), -np.inf)
    every[at, place] = strength
    kept = np.zeros(every.shape, dtype=bool)
    np.put_along_axis(kept, largest(every, CANDIDATES), values=True, axis=1)
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
) -> Merged:
    """Give each user's best items, ties by item number, of what stands in order of keys."""
    row = key // size
    place, width = _places(row, users)
    every = np.full((users, max(width, depth)), -np.inf)
    every[row, place] = scores
    chosen = largest(every, depth)
    found = np.zeros((2, *every.shape), dtype=np.int64)
    found[:, row, place] = key % size, interest
    items, brought = np.take_along_axis(found, chosen[None], axis=2)
    return Merged(items, np.take_along_axis(every, chosen, axis=1).astype(np.float32), brought)
