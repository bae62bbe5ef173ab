"""From a function that scores the whole catalog to one that recommends.

    recommend = by_score(popularity(split.train, size=catalog.size), filter_seen=True)
    recommend([history], 20).items      # [1, 20]

A score is kept apart from the list made of it, so that keeping and filtering what a user has
seen, ties and short lists are decided here, once, for every baseline.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from prismrec.errors import DataError
from prismrec.numerics import top_k
from prismrec.types import RankedItems, Recommend

Score = Callable[[Sequence[NDArray[np.int64]]], NDArray[np.floating]]
"""Histories, whole, oldest first → a score of every item, ``[B, V]``; column 0 is padding."""

ROWS = 64
"""Histories scored at a time: 64 rows of 400 000 items are 100 MB."""


def by_score(score: Score, *, exclude_seen: bool) -> Recommend:
    """Make the function that recommends the k items of highest score.

    Padding is never listed. Ties go to the smaller item number.

    Args:
        score: Of every item for each history; -inf bars an item.
        filter_seen: Bar the items of the history: a list may then be shorter than k, and ends
            in 0. Otherwise they stay in the list where their scores put them.

    Raises:
        DataError: When recommending: a score is NaN.

    Cost: O(V) time and memory a history, in blocks of ``ROWS``.
    """

    def recommend(histories: Sequence[NDArray[np.int64]], k: int) -> RankedItems:
        items = np.zeros((len(histories), k), dtype=np.int64)
        scores = np.zeros((len(histories), k), dtype=np.float32)
        for start in range(0, len(histories), ROWS):
            block = histories[start : start + ROWS]
            table = np.array(score(block))  # a copy: barred below
            table[:, 0] = -np.inf
            if exclude_seen:
                rows = np.repeat(np.arange(len(block)), [len(history) for history in block])
                table[rows, np.concatenate(block)] = -np.inf
            found, value = top(table, k)
            items[start : start + ROWS, : found.shape[1]] = found
            scores[start : start + ROWS, : found.shape[1]] = value
        return RankedItems(items, scores, np.zeros_like(items))

    return recommend


def top(
    table: NDArray[np.floating], k: int
) -> tuple[NDArray[np.int64], NDArray[np.floating]]:  # fmt: skip
    """Give the columns of the k highest values of each row, and the values, best first.

    Ties go to the smaller column; a column of -inf is given as 0, with value 0.

    Raises:
        DataError: A value is NaN, which has no place in an order.
    """
    if np.isnan(table).any():
        raise DataError(
            f"{int(np.isnan(table).any(axis=1).sum())} of {len(table)} histories were scored NaN "
            "for some item, which has no place in a ranking; look at the score's arithmetic."
        )
    columns = top_k(table, min(k, table.shape[1]))
    values = np.take_along_axis(table, columns, axis=1)
    listed = values > -np.inf
    return np.where(listed, columns, 0), np.where(listed, values, 0)
