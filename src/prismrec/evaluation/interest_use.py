"""How many interests of a user a list shows, and how much of it the largest of them brings.

Both are measured on the first ``INTEREST_LENGTH`` items of the served list, however long it is: a
person sees about that many at once, and shares of lists of different lengths cannot be compared.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

INTEREST_LENGTH = 20
"""Number of items at the top of a list that are measured; all items of a shorter list."""


class InterestUse(NamedTuple):
    """The interests in each list; NaN for an empty list."""

    largest_share: Float[np.ndarray, " U"]
    """Share of the items that belong to the most frequent interest, in (0, 1]."""
    interests_used: Float[np.ndarray, " U"]
    """Number of different interests that the items belong to, from 1 to ``INTEREST_LENGTH``."""


def measure_interest_use(
    items: Int[np.ndarray, "U k"], interest: Int[np.ndarray, "U k"]
) -> InterestUse:
    """Measure which interests bring the first ``INTEREST_LENGTH`` items of each list.

    Args:
        items: Item numbers, best first; 0 where a list is shorter than k.
        interest: The interest that each item belongs to; any numbers.
    """
    shown = items[:, :INTEREST_LENGTH] > 0
    user, place = np.nonzero(shown)
    numbers, column = np.unique(interest[user, place], return_inverse=True)
    width = max(len(numbers), 1)
    # A pair of user and interest is one number, so that all users are counted at once.
    pair, count = np.unique(user * width + column, return_counts=True)
    largest = np.zeros(len(items), dtype=np.int64)
    np.maximum.at(largest, pair // width, count)
    used = np.bincount(pair // width, minlength=len(items))
    length = shown.sum(axis=1)
    return InterestUse(
        np.where(length > 0, largest / np.maximum(length, 1), np.nan),
        np.where(length > 0, used, np.nan),
    )


def median(values: NDArray[np.float64]) -> float | None:
    """Return the median of the values that are not NaN; None if there are none."""
    defined = values[~np.isnan(values)]
    return float(np.median(defined)) if len(defined) else None
