"""Co-occurrence rules: how often an item soon followed another, counted and retrieved by history.

    rules = RuleRetriever.count(split.train, catalog.size, backward=0.5, alpha=0.3, beta=0.3, weight=1)
    rules.scores(histories)        # sparse [B, V]

``evaluation.baselines.sequential_rules`` scores with the same counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Histories
from prismrec.errors import ConfigError, DataError

NEIGHBOURS = 200
"""Items kept after each item, the strongest."""
RECENCY = 0.8
"""Share of its weight that an item of the history keeps with each newer one."""


@dataclass(frozen=True, eq=False)
class RuleRetriever:
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
    ) -> "RuleRetriever":  # fmt: skip
        """Count rules in histories, the ``NEIGHBOURS`` strongest after each item."""
        table = count_rules(train, size, backward=backward, alpha=alpha, beta=beta)
        return cls(keep_strongest(table, NEIGHBOURS).astype(np.float32), weight)

    def extended(self, size: int) -> "RuleRetriever":
        """Give the same rules for a catalog with more items, of which there are none."""
        table = self.table.copy()
        table.resize((size, size))
        return RuleRetriever(table, self.weight)

    def scores(self, histories: Sequence[NDArray[np.int64]]) -> sparse.csr_array:
        """Score the items that follow each history, ``[B, V]``, in order of their numbers."""
        found = recency_weights(histories, self.table.shape[0], recency=RECENCY) @ self.table
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


def count_rules(
    train: Histories, size: int, *, window: int = 10, decay: float = 0.8, backward: float = 0.5,
    alpha: float = 0.0, beta: float = 0.3,
) -> sparse.csr_array:  # fmt: skip
    """Give the strength of each rule "j soon after i", ``[V, V]``: ``sequential_rules`` has the formula.

    Raises:
        ConfigError: ``window`` below 1, or ``decay`` not in (0, 1].
    """
    if window < 1 or not 0 < decay <= 1:
        raise ConfigError(
            f"Rules were to be counted with window {window} and decay {decay}; window must be at "
            "least 1, decay above 0 and at most 1."
        )
    rules = count_pairs(train, size, window=window, decay=decay)
    if backward:
        rules = rules + backward * rules.T
    counts = np.maximum(train.counts(size), 1).astype(np.float64)
    rules = sparse.csr_array(rules * (counts**-alpha)[:, None] * (counts**-beta)[None, :])
    return rules.astype(np.float32)


def count_pairs(train: Histories, size: int, *, window: int, decay: float) -> sparse.csr_array:
    """Sum decay**(distance - 1) over the pairs (i, then j) of each user, ``[V, V]``."""
    table = sparse.csr_array((size, size), dtype=np.float64)
    left = np.repeat(train.indptr[1:], train.lengths) - np.arange(len(train.items))  # to the end
    for distance in range(1, window + 1):
        first = (left > distance).nonzero()[0]  # the pair stays inside one user
        pairs = (train.items[first], train.items[first + distance])
        weight = np.full(len(first), decay ** (distance - 1))
        table = table + sparse.csr_array((weight, pairs), shape=(size, size))
    return table


def keep_strongest(block: sparse.csr_array, neighbours: int) -> sparse.csr_array:
    """Keep the highest entries of each row; ties go to the smaller column."""
    lengths = np.diff(block.indptr)
    if lengths.max(initial=0) <= neighbours:
        return block
    row = np.repeat(np.arange(block.shape[0]), lengths)
    order = np.lexsort((block.indices, -block.data, row))
    rank = np.arange(block.nnz) - np.repeat(block.indptr[:-1], lengths)
    kept = np.sort(order[rank < neighbours])
    return sparse.csr_array((block.data[kept], (row[kept], block.indices[kept])), shape=block.shape)


def recency_weights(
    histories: Sequence[NDArray[np.int64]], size: int, *, recency: float
) -> sparse.csr_array:
    """Give each history as a row of weights ``[B, V]``: recency**age, the newest of age 0.

    An item that stands in a history twice weighs the sum. With recency 1 all weigh 1.
    """
    lengths = np.array([len(history) for history in histories], dtype=np.int64)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    ages = np.repeat(indptr[1:], lengths) - 1 - np.arange(indptr[-1])
    items = np.concatenate([np.zeros(0, dtype=np.int64), *histories])
    weights = np.power(recency, ages, dtype=np.float64).astype(np.float32)
    return sparse.csr_array((weights, items, indptr), shape=(len(histories), size))
