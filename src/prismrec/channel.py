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

from prismrec.baselines.score import weigh
from prismrec.baselines.sequential_rules import rules_table
from prismrec.data.histories import Histories
from prismrec.errors import DataError
from prismrec.merge import Merged
from prismrec.rerank.base import Pool
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
        return cls(strongest(table), weight)

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


def strongest(table: sparse.csr_array, most: int = NEIGHBOURS) -> sparse.csr_array:
    """Keep the largest entries of each row, of equal ones the earlier."""
    order = np.lexsort((table.indices, -table.data, np.repeat(np.arange(table.shape[0]),
                                                              np.diff(table.indptr))))  # fmt: skip
    rank = np.arange(table.nnz) - np.repeat(table.indptr[:-1], np.diff(table.indptr))
    kept = np.sort(order[rank < most])
    rows = np.repeat(np.arange(table.shape[0]), np.diff(table.indptr))[kept]
    entries = (table.data[kept].astype(np.float32), (rows, table.indices[kept]))
    return sparse.csr_array(entries, shape=table.shape)


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
        ruled = self.rules.scores([self.base.histories[row] for row in rows.tolist()])
        items = np.zeros((len(rows), depth), dtype=np.int64)
        scores = np.full((len(rows), depth), -np.inf, dtype=np.float32)
        interest = np.zeros((len(rows), depth), dtype=np.int64)
        for place, row in enumerate(rows.tolist()):
            own = slice(ruled.indptr[place], ruled.indptr[place + 1])
            follow = self._open(row, ruled.indices[own].astype(np.int64), ruled.data[own])
            candidates = Merged(*(part[place : place + 1] for part in pool))
            found = self._joined(row, candidates, *follow)
            length = min(depth, len(found[0]))
            items[place, :length] = found[0][:length]
            scores[place, :length] = found[1][:length]
            interest[place, :length] = found[2][:length]
        return Merged(items, scores, interest)

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """See ``listing.Source.pool``."""
        return self.base.pool(row, items, scores)

    def _joined(
        self,
        row: int,
        pool: Merged,
        ruled: NDArray[np.int64],
        strength: NDArray[np.float64],
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
        """Give one user's candidates of both channels, best first, ties by item number."""
        there = pool.items[0] > 0
        items, scores, interest = (part[0][there] for part in pool)
        scores = scores.astype(np.float64)
        total = logsumexp(scores[:REFERENCE]) if len(scores) else 0.0
        if not len(ruled):
            return items, scores - total, interest
        new = ~np.isin(ruled, items)
        own, brought = self._scored(row, ruled[new])
        every = np.concatenate([items, ruled[new]])
        follows = np.zeros(len(every))
        order = np.argsort(every)
        follows[order[np.searchsorted(every, ruled, sorter=order)]] = strength
        with np.errstate(divide="ignore"):  # what the rules do not bring
            follows = np.log(self.rules.weight * follows)
        joined = np.logaddexp(np.concatenate([scores, own]) - total, follows)
        best = np.lexsort((every, -joined))
        return every[best], joined[best], np.concatenate([interest, brought])[best]

    def _open(
        self, row: int, items: NDArray[np.int64], scores: NDArray[np.float32]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Keep what the rules bring that may be recommended, the strongest, of sum 1."""
        open_ = ~np.isin(items, self.base.query.barred[row])
        if self.base.open_items is not None:
            open_ &= self.base.open_items[items]
        items, scores = items[open_], scores[open_]
        if len(items) > CANDIDATES:
            kept = np.sort(np.lexsort((items, -scores))[:CANDIDATES])
            items, scores = items[kept], scores[kept]
        total = scores.sum(dtype=np.float64)
        return items, scores.astype(np.float64) / max(total, 1e-300)

    def _scored(
        self, row: int, items: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Give what the interests make of some items, and which of them does."""
        query = self.base.query
        scores = self.base.vectors_of(items) @ query.vectors[row].T + query.prior[row]
        best = scores.argmax(axis=1)
        return scores[np.arange(len(items)), best].astype(np.float64), best
