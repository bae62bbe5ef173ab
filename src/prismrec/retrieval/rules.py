"""Rules between items: how strongly an item of the history points to another item.

    options = {"backward": 0.5, "alpha": 0.3, "beta": 0.3, "weight": 1}
    rules = RuleRetriever.count(split.train, catalog.size, **options)
    rules.scores(histories)        # sparse [B, V]

A rule retriever is one table and a weight of each event by its age. The table has one of three
kinds, named like the baselines whose tables they are:

    sequential-rules    how often j followed i soon after: ``count_rules``
    item-knn            how similar the users of i and of j are
    ease                the weight of i for j in the linear model EASE

Where the order of events matters little, the last two find more. ``training.fit_rule_retriever``
chooses the kind on validation.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Histories
from prismrec.errors import ConfigError, DataError
from prismrec.io import track
from prismrec.numerics import position_in_group, top_k

NEIGHBOURS = 200
"""Rules kept per item: the strongest."""
RECENCY = 0.8
"""Factor on the weight of an item of the history per newer item."""
SEQUENTIAL = "sequential-rules"
"""Kind of a table of counted rules."""
BLOCK = 1024
"""Rows of a dense table that are cut at a time."""
COUNTED_EVENTS = 1_000_000
"""Events whose pairs are counted at a time, about."""


@dataclass(frozen=True, eq=False)
class RuleRetriever:
    """Finds items to which the items of a history point.

    Raises:
        DataError: The table is not square or has a number that is not finite or is negative, the
            weight is negative, or the recency is not in (0, 1].
    """

    table: sparse.csr_array
    """``[V, V]``: strength of the rule from item i to item j; row and column 0 are empty."""
    weight: float
    """Weight of the rules when they are blended with the interests; 0 or more."""
    kind: str = SEQUENTIAL
    """What the table was made of: "sequential-rules", "item-knn" or "ease"."""
    recency: float = RECENCY
    """Factor, in (0, 1], on the weight of an item of the history per newer item; with 1 all items
    have the same weight."""

    def __post_init__(self) -> None:
        """Check the table, the weight and the recency."""
        square = self.table.shape[0] == self.table.shape[1]
        if not (square and np.isfinite(self.table.data).all() and (self.table.data >= 0).all()):
            raise DataError(
                "A table of rules is not square, or contains a number that is not finite or "
                "negative; train again."
            )
        if not 0 <= self.weight < np.inf:
            raise DataError(f"The weight of rules is {self.weight}; use a number of 0 or more.")
        if not 0 < self.recency <= 1:
            raise DataError(
                f"The recency of rules is {self.recency}; use a number above 0 and at most 1."
            )

    def __repr__(self) -> str:
        size = self.table.shape[0]
        rules = f"{self.kind}, {self.table.nnz:,} rules, {size - 1:,} items"
        return f"RuleRetriever({rules}, recency {self.recency:g}, weight {self.weight:g})"

    @classmethod
    def count(
        cls, train: Histories, size: int, *, backward: float, alpha: float, beta: float,
        weight: float,
    ) -> "RuleRetriever":  # fmt: skip
        """Count sequential rules, and keep the ``NEIGHBOURS`` strongest per item."""
        table = count_rules(
            train, size, backward=backward, alpha=alpha, beta=beta, neighbours=NEIGHBOURS
        )
        return cls(table, weight)

    def extended(self, size: int) -> "RuleRetriever":
        """Return the same rules for a larger catalog; there are no rules for the new items."""
        table = self.table.copy()
        table.resize((size, size))
        return replace(self, table=table)

    def scores(self, histories: Sequence[NDArray[np.int64]]) -> sparse.csr_array:
        """Score items for each history, ``[B, V]``; the indices of a row ascend.

        The score of item j is the sum over the history of recency**age * table[i, j].
        """
        scores = recency_weights(histories, self.table.shape[0], recency=self.recency) @ self.table
        scores.sort_indices()
        return scores

    def reasons(
        self, history: NDArray[np.int64], items: Sequence[int]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Return, per item, the items of the history that point to it, and their shares.

        The strongest comes first, and the shares sum to 1. An item without a rule has no reasons.
        An item that is in the history twice is one reason, with the sum of both weights.
        """
        distinct, position = np.unique(history, return_inverse=True)
        ages = len(history) - 1 - np.arange(len(history))
        weights = np.bincount(position, self.recency**ages, minlength=len(distinct))
        parts = weights[:, None] * self._entries(distinct, np.array(items, dtype=np.int64))
        order = np.argsort(-parts, axis=0, kind="stable").T
        number = np.count_nonzero(parts > 0, axis=0).tolist()
        shares = parts / np.maximum(parts.sum(axis=0), 1e-300)
        return [
            (distinct[best[:last]], share[best[:last]])
            for best, last, share in zip(order, number, shares.T, strict=True)
        ]

    def _entries(
        self, rows: Int[np.ndarray, " R"], columns: Int[np.ndarray, " C"]
    ) -> Float[np.ndarray, "R C"]:
        """Return entries of the table as a matrix; for a few rows faster than SciPy's selection."""
        start = self.table.indptr[rows]
        counts = self.table.indptr[rows + 1] - start
        place = np.repeat(start, counts) + position_in_group(counts)
        by_column = np.argsort(columns, kind="stable")
        at = np.searchsorted(columns[by_column], self.table.indices[place])
        inside = columns[by_column].take(at, mode="clip") == self.table.indices[place]
        entries = np.zeros((len(rows), len(columns)))
        row = np.repeat(np.arange(len(rows)), counts)[inside]
        entries[row, by_column[at[inside]]] = self.table.data[place[inside]]
        return entries


def count_rules(
    train: Histories, size: int, *, window: int = 10, decay: float = 0.8, backward: float = 0.5,
    alpha: float = 0.0, beta: float = 0.3, neighbours: int | None = None,
) -> sparse.csr_array:  # fmt: skip
    """Compute the strength of each rule "j soon after i", ``[V, V]``, in float32.

        pairs(i, j) / (count(i)**alpha * count(j)**beta)

    where ``pairs(i, j)`` is the sum of decay**(distance - 1) over all places where j followed i
    at a distance of at most ``window``, plus ``backward`` times the same with i and j exchanged.
    If events have weights, a pair is multiplied by the relative weights of both events, and
    ``count`` sums those of the item.

    Args:
        train: Histories to count.
        size: V.
        window: Largest distance of a pair, in events of one user.
        decay: Factor, in (0, 1], by which the weight of a pair falls per step of distance.
        backward: Weight of the pairs in the opposite order.
        alpha: Exponent of the count of the item of the history.
        beta: Exponent of the count of the scored item.
        neighbours: Number of strongest rules to keep per item i; None keeps all.

    Raises:
        ConfigError: ``window`` below 1, or ``decay`` not in (0, 1].

    Cost: O(window * E) time; memory for the rules that are kept, and for the pairs of about
        ``COUNTED_EVENTS`` events.
    """
    if window < 1 or not 0 < decay <= 1:
        raise ConfigError(
            f"Rules were to be counted with window {window} and decay {decay}; use a window of at "
            "least 1, and a decay above 0 and at most 1."
        )
    counts, weights = train.counts(size), train.relative_weights
    counted = train.weighted_counts(size)
    counted = np.where(counted > 0, counted, 1).astype(np.float64)  # 0 has no pairs
    of_first, of_second = counted**-alpha, counted**-beta
    by_item = np.argsort(train.items, kind="stable")
    ends = np.cumsum(counts)
    edges = np.searchsorted(ends, np.arange(COUNTED_EVENTS, len(train.items), COUNTED_EVENTS)) + 1
    bounds = np.unique([0, *edges, size])
    blocks = []
    for first, last in track(pairwise(bounds.tolist()), "counting rules", len(bounds) - 1):
        events = by_item[ends[first] - counts[first] : ends[last - 1]]
        count = partial(
            count_pairs, train, size, events, window=window, decay=decay, weights=weights
        )
        pairs = count()
        if backward:
            pairs = pairs + backward * count(backward=True)
        pairs = pairs[first:last]
        rules = sparse.csr_array(pairs * of_first[first:last, None] * of_second[None, :])
        rules = rules.astype(np.float32)
        blocks.append(rules if neighbours is None else keep_strongest(rules, neighbours))
    return sparse.vstack(blocks, format="csr")


def count_pairs(
    train: Histories, size: int, events: NDArray[np.int64], *, window: int, decay: float,
    backward: bool = False, weights: NDArray[np.float64] | None = None,
) -> sparse.csr_array:  # fmt: skip
    """Sum decay**(distance - 1) over all pairs "i, then j" of one user: ``[V, V]``.

    Args:
        train: Histories to count.
        size: V.
        events: Numbers of the events whose items are i.
        window: Largest distance of a pair, in events.
        decay: Factor per step of distance.
        backward: Count "j, then i" instead.
        weights: One per event; a pair is multiplied by the weights of both events.
    """
    table = sparse.csr_array((size, size), dtype=np.float64)
    user = np.searchsorted(train.indptr, events, side="right") - 1
    others = events - train.indptr[user] if backward else train.indptr[user + 1] - 1 - events
    for distance in range(1, window + 1):
        first = events[others >= distance]  # both events are of the same user
        second = first - distance if backward else first + distance
        weight = np.full(len(first), decay ** (distance - 1), dtype=np.float64)
        if weights is not None:
            weight *= weights[first] * weights[second]
        pairs = (train.items[first], train.items[second])
        table = table + sparse.csr_array((weight, pairs), shape=(size, size))
    if weights is not None:
        table.eliminate_zeros()
    return table


def keep_strongest(block: sparse.csr_array, neighbours: int) -> sparse.csr_array:
    """Return the table with the highest entries of each row only; ties go to the smaller column.

    Entries of ``block`` are sorted in place. Cost: O(entries) time if they are sorted already.
    """
    lengths = np.diff(block.indptr)
    if lengths.max(initial=0) <= neighbours:
        return block
    block.sort_indices()
    kept = np.ones(block.nnz, dtype=bool)
    for row in np.flatnonzero(lengths > neighbours).tolist():
        entries = slice(block.indptr[row], block.indptr[row + 1])
        values = block.data[entries]
        place = len(values) - neighbours
        least = np.partition(values, place)[place]
        ties = np.flatnonzero(values == least)
        here = values >= least
        here[ties[neighbours - np.count_nonzero(values > least) :]] = False
        kept[entries] = here
    indptr = np.append(0, np.cumsum(np.minimum(lengths, neighbours)))
    return sparse.csr_array((block.data[kept], block.indices[kept], indptr), shape=block.shape)


def keep_strongest_positive(table: NDArray[np.floating], neighbours: int) -> sparse.csr_array:
    """Return the highest positive entries of each row of a dense table, in float32.

    Ties go to the smaller column. Entries of 0 and below are dropped, so that the scores of a
    history can be shares of a sum.

    Cost: O(V²) time, in blocks of ``BLOCK`` rows.
    """
    blocks = []
    for start in range(0, len(table), BLOCK):
        rows = table[start : start + BLOCK]
        columns = np.sort(top_k(rows, min(neighbours, rows.shape[1])), axis=1)
        values = np.maximum(np.take_along_axis(rows, columns, axis=1), 0).astype(np.float32)
        indptr = np.arange(len(rows) + 1) * columns.shape[1]
        parts = (values.ravel(), columns.ravel(), indptr)
        block = sparse.csr_array(parts, shape=rows.shape)
        block.eliminate_zeros()
        blocks.append(block)
    return sparse.vstack(blocks, format="csr")


def recency_weights(
    histories: Sequence[NDArray[np.int64]], size: int, *, recency: float
) -> sparse.csr_array:
    """Return each history as a row of weights, ``[B, V]``: recency**age; the newest has age 0.

    An item that is in a history twice has the sum of both weights.

    Raises:
        DataError: An item number of a history is not below ``size``, or is negative.
    """
    lengths = np.array([len(history) for history in histories], dtype=np.int64)
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    ages = np.repeat(indptr[1:], lengths) - 1 - np.arange(indptr[-1])
    items = np.concatenate([np.zeros(0, dtype=np.int64), *histories])
    if items.min(initial=0) < 0 or items.max(initial=0) >= size:  # SciPy would read other memory
        wrong = items[(items < 0) | (items >= size)][0]
        raise DataError(
            f"A history has item number {wrong}, but the rules have items 1 to {size - 1}; map ids "
            "with the catalog of their training data."
        )
    weights = np.power(recency, ages, dtype=np.float64).astype(np.float32)
    return sparse.csr_array((weights, items, indptr), shape=(len(histories), size))
