"""Build a function that recommends from a function that scores the whole catalog.

    recommend = by_score(popularity(split.train, size=catalog.size), exclude_seen=True)
    recommend([history], 20).items      # [1, 20]

A baseline only scores. Seen items, ties and short lists are handled here, once for all baselines.
Items are numbered by their events in the whole log, so the order of their numbers knows the test
events. Therefore equal scores are never listed by item number: ``break_ties`` orders them by
training events, and ``by_score`` orders those of any other function at random, always alike.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Histories
from prismrec.errors import DataError
from prismrec.io import track
from prismrec.numerics import top_k
from prismrec.retrieval import recency_weights
from prismrec.types import RankedItems, Recommend

Score = Callable[[Sequence[NDArray[np.int64]]], NDArray[np.floating]]
"""Maps whole histories, oldest first, to a score per item, ``[B, V]``; column 0 is padding."""

ROWS = 64
"""Histories scored at a time; 64 rows of 400,000 items take 100 MB."""


@dataclass(frozen=True, eq=False)
class SameScores:
    """A ``Score`` that is the same for all histories: lists need one order of all items."""

    values: NDArray[np.floating]
    """``[V]``."""

    def __call__(self, histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        """Return the scores, ``[B, V]``."""
        return np.broadcast_to(self.values, (len(histories), len(self.values)))


@dataclass(frozen=True, eq=False)
class OrderedScores:
    """A ``Score`` with an order for items that it scores alike."""

    score: Score
    order: NDArray[np.int64]
    """``[V]``: all item numbers; of equal scores the first one here is listed first."""

    def __call__(self, histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        """Return the scores, ``[B, V]``."""
        return self.score(histories)


def break_ties(score: Score, train: Histories, size: int) -> OrderedScores:
    """Order items of equal scores by their training events, and equal ones of these at random.

    A score that has an order keeps it.

    Cost: O(V log V).
    """
    if isinstance(score, OrderedScores):
        return score
    order = _random_order(size)
    order[1:] = order[1:][np.argsort(-train.weighted_counts(size)[order[1:]], kind="stable")]
    return OrderedScores(score, order)


def _random_order(size: int) -> NDArray[np.int64]:
    """Return all item numbers in an order that is random, but the same in every call; 0 is first.

    Cost: O(V).
    """
    return np.concatenate([[0], np.random.default_rng(0).permutation(np.arange(1, size))])


def score_by_items(
    table: NDArray[np.floating] | sparse.csr_array, train: Histories, size: int, *, recency: float
) -> OrderedScores:
    """Return a ``Score``: the sum of the rows of a table for the items of the history.

    Args:
        table: What an item of the history adds to the score of each item, ``[V, V]``.
        train: Orders items of equal scores; see ``break_ties``.
        size: V.
        recency: Factor, in (0, 1], by which the weight of an item falls per newer item.
    """

    def score(histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        scores = recency_weights(histories, size, recency=recency) @ table
        dense: NDArray[np.floating] = scores.toarray() if sparse.issparse(scores) else scores
        return dense

    return break_ties(score, train, size)


def by_score(score: Score, *, exclude_seen: bool) -> Recommend:
    """Return a function that recommends the k items with the highest scores.

    Padding is never in a list. Of equal scores the first in the order of ``OrderedScores`` is
    listed first. A score without an order gets a random one, the same for all lists: see above.

    Args:
        score: Scores every item for each history; -inf excludes an item. With ``break_ties``, the
            number of columns is compared with the size of the catalog.
        exclude_seen: Leave out the items of the history. A list may then be shorter than k, and
            ends in 0.

    Raises:
        DataError: Raised by the returned function: a score is NaN, the scores are no numbers
            ``[B, V]`` with one V for all histories, or a history has an item outside of V.

    Cost: O(V) time and memory per history, in blocks of ``ROWS``; for ``SameScores`` O(V log V)
        once, and O(k + L) per history, but for a logarithm.
    """
    plain, order = (score.score, score.order) if isinstance(score, OrderedScores) else (score, None)
    if (
        isinstance(plain, SameScores) and np.isfinite(plain.values).all()
        and (order is None or len(order) == len(plain.values))
    ):  # fmt: skip
        return _same_lists(plain.values, order, exclude_seen=exclude_seen)

    def recommend(histories: Sequence[NDArray[np.int64]], k: int) -> RankedItems:
        nonlocal order
        items = np.zeros((len(histories), k), dtype=np.int64)
        scores = np.zeros((len(histories), k), dtype=np.float32)
        starts = range(0, len(histories), ROWS)
        for start in track(starts, "scoring histories", len(starts)):
            block = histories[start : start + ROWS]
            table = _table_of(score(block), block, None if order is None else len(order))
            order = _random_order(table.shape[1]) if order is None else order
            table[:, 0] = -np.inf
            if exclude_seen:
                rows = np.repeat(np.arange(len(block)), [len(history) for history in block])
                table[rows, np.concatenate(block)] = -np.inf
            best, values = top(table, k, order)
            items[start : start + ROWS, : best.shape[1]] = best
            scores[start : start + ROWS, : best.shape[1]] = values
        return RankedItems(items, scores, np.zeros_like(items))

    return recommend


def _table_of(
    scores: NDArray[np.floating], block: Sequence[NDArray[np.int64]], size: int | None
) -> NDArray[np.floating]:
    """Return a copy of the scores of some histories, after a check of them.

    Args:
        scores: What a ``Score`` returned for the histories.
        block: The histories.
        size: V; None if it is not known yet.

    Raises:
        DataError: They are no table of numbers with a row per history and V columns; or V is too
            small for an item of a history.
    """
    table = np.array(scores)
    if (
        table.ndim != 2 or len(table) != len(block) or table.dtype.kind not in "fiub"
        or table.shape[1] != (size or max(table.shape[1], 1))
    ):  # fmt: skip
        needed = f"({len(block)}, {size or 'V'})"
        raise DataError(
            f"A function returned scores of shape {table.shape} and type {table.dtype} for "
            f"{len(block)} histories, but must return numbers of shape {needed}: one row per "
            "history, and one column per item of the catalog after column 0 for padding."
        )
    items = np.concatenate(block)
    outside = items[(items < 0) | (items >= table.shape[1])]
    if len(outside):
        raise DataError(
            f"A history has item number {outside[0]}, but a function returned scores of the items "
            f"1 to {table.shape[1] - 1}; return one column per item after column 0 for padding."
        )
    return table if table.dtype.kind == "f" else table.astype(np.float64)


def _same_lists(
    values: NDArray[np.floating], ties: NDArray[np.int64] | None, *, exclude_seen: bool
) -> Recommend:
    """Return what ``by_score`` returns for scores that are the same for all histories."""
    items = (_random_order(len(values)) if ties is None else ties)[1:]
    order = items[np.argsort(-values[items], kind="stable")]

    def recommend(histories: Sequence[NDArray[np.int64]], k: int) -> RankedItems:
        items = np.zeros((len(histories), k), dtype=np.int64)
        for row, history in enumerate(histories):
            own = order[: k + len(history)]
            if exclude_seen:
                own = own[~np.isin(own, history)]
            items[row, : len(own[:k])] = own[:k]
        scores = np.where(items, values[items], 0).astype(np.float32)
        return RankedItems(items, scores, np.zeros_like(items))

    return recommend


def top(
    table: NDArray[np.floating], k: int, order: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """Return the columns of the k highest values of each row, and the values, highest first.

    Ties go to the first column in ``order``. A value of -inf is returned as column 0 with value 0.

    Raises:
        DataError: A value is NaN, so the row has no order.
    """
    if np.isnan(table).any():
        raise DataError(
            f"{int(np.isnan(table).any(axis=1).sum())} of {len(table)} histories were scored NaN "
            "for an item, which cannot be ranked; fix the function that scores."
        )
    # table[:, order] would have its columns in memory one after the other: top_k is then slow.
    columns = order[top_k(np.take(table, order, axis=1), min(k, table.shape[1]))]
    values = np.take_along_axis(table, columns, axis=1)
    listed = values > -np.inf
    return np.where(listed, columns, 0), np.where(listed, values, 0)
