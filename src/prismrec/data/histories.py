"""Histories of different lengths, stored in flat arrays.

The arrays may be memory-mapped; no method copies them completely into memory.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismrec.data.ids import as_item_numbers, check_order
from prismrec.errors import DataError
from prismrec.io import copy_rows


@dataclass(frozen=True, repr=False)
class Histories:
    """The E events of U users, in time order per user; ties in the order of the log.

    ``histories[u]`` are the items of user u, oldest first, and ``len`` is U.

    Raises:
        DataError: The arrays do not fit together.
    """

    indptr: NDArray[np.int64]
    """``[U + 1]``: the events of user u are at ``indptr[u]`` to ``indptr[u + 1]``."""
    items: NDArray[np.int64]
    """``[E]``: item numbers, oldest first within a user."""
    times: NDArray[np.int64]
    """``[E]``: microseconds since 1970 UTC, ascending within a user."""
    weights: NDArray[np.float32] | None = None
    """``[E]``: how much each event counts, from 0; None: all events count alike."""

    def __post_init__(self) -> None:
        """Raise DataError if the arrays do not fit together."""
        if self.indptr[0] != 0 or self.indptr[-1] != len(self.items):
            raise DataError(
                f"Histories of {len(self.items)} events have offsets from {self.indptr[0]} "
                f"to {self.indptr[-1]}; offsets must go from 0 to the number of events."
            )
        if len(self.times) != len(self.items):
            raise DataError(
                f"Histories have {len(self.items)} items but {len(self.times)} times; give one "
                "time per event."
            )
        if self.weights is not None and len(self.weights) != len(self.items):
            raise DataError(
                f"Histories have {len(self.items)} items but {len(self.weights)} weights; give one "
                "weight per event."
            )

    def __repr__(self) -> str:
        return f"Histories({len(self):,} users, {len(self.items):,} events)"

    def __len__(self) -> int:
        return len(self.indptr) - 1

    def __getitem__(self, user: int) -> NDArray[np.int64]:
        """Return the items of one user, oldest first."""
        return self.items[self.indptr[user] : self.indptr[user + 1]]

    def __iter__(self) -> Iterator[NDArray[np.int64]]:
        return (self[user] for user in range(len(self)))

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Number of events per user, ``[U]``."""
        return np.diff(self.indptr)

    def times_of(self, user: int) -> NDArray[np.int64]:
        """Return the times of one user's events, ascending, in microseconds since 1970 UTC."""
        return self.times[self.indptr[user] : self.indptr[user + 1]]

    def select(self, users: NDArray[np.int64]) -> "Histories":
        """Return the histories of some users, in the order of ``users``; see ``take``."""
        lengths = self.lengths[users]
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        if (np.diff(users) > 0).all():  # a mask takes an eighth of the memory of row numbers
            chosen = np.zeros(len(self), dtype=np.bool_)
            chosen[users] = True
            return self.take(indptr, np.repeat(chosen, self.lengths))
        starts = np.repeat(self.indptr[users] - indptr[:-1], lengths)
        rows = starts + np.arange(indptr[-1])
        return self.take(indptr, rows)

    def take(
        self, indptr: NDArray[np.int64], rows: NDArray[np.int64] | NDArray[np.bool_] | slice
    ) -> "Histories":
        """Return histories with other offsets, made of some events, in the order of ``rows``.

        Copies the events, unless they are a slice; many events are copied to disk.
        """

        def taken(array: NDArray[Any]) -> NDArray[Any]:
            return array[rows] if isinstance(rows, slice) else copy_rows(array, rows)

        weights = None if self.weights is None else taken(self.weights)
        return Histories(indptr, taken(self.items), taken(self.times), weights)

    @cached_property
    def relative_weights(self) -> NDArray[np.float64] | None:
        """The weights divided by their mean, ``[E]``; None if all events count alike.

        So counts have the same size with weights as without, and only ratios of weights matter.
        """
        if self.weights is None:
            return None
        weights = self.weights.astype(np.float64)
        mean = weights.mean() if len(weights) else 0.0
        return weights / mean if mean > 0 else weights

    def counts(self, size: int) -> NDArray[np.int64]:
        """Count the events of each item, ``[size]``, by item number."""
        return np.bincount(self.items, minlength=size).astype(np.int64)

    def weighted_counts(self, size: int) -> NDArray[np.int64] | NDArray[np.float64]:
        """Sum the relative weights of the events of each item, ``[size]``; else count them."""
        if self.relative_weights is None:
            return self.counts(size)
        return np.bincount(self.items, self.relative_weights, minlength=size)

    @classmethod
    def of(cls, rows: Sequence[Sequence[int]]) -> "Histories":
        """Build histories from lists of item numbers, with times 0, 1, 2, … per user.

        Raises:
            ConfigError, DataError: See ``as_item_numbers``.
        """
        check_order(rows, "The list of histories")
        own = [as_item_numbers(row, "A history") for row in rows]
        lengths = np.array([len(row) for row in own], dtype=np.int64)
        indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        items = np.concatenate([np.empty(0, dtype=np.int64), *own])
        return cls(indptr, items, np.arange(len(items)) - np.repeat(indptr[:-1], lengths))


def count_before(histories: Histories, moment: int) -> NDArray[np.int64]:
    """Count each user's events before a moment, ``[U]``: a binary search, all users at once."""
    low, high = histories.indptr[:-1].copy(), histories.indptr[1:].copy()
    while (wide := low < high).any():
        middle = (low[wide] + high[wide]) // 2
        is_before = histories.times[middle] < moment
        low[wide] = np.where(is_before, middle + 1, low[wide])
        high[wide] = np.where(is_before, high[wide], middle)
    return low - histories.indptr[:-1]
