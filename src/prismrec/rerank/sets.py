"""Sets of categories as rows of an array."""

from collections.abc import Collection, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray


def sets_as_rows(sets: Sequence[Collection[int]]) -> NDArray[np.float64]:
    """Return ``[sets, C]``: 1 where a set contains a category, for the C categories that occur."""
    sizes = [len(categories) for categories in sets]
    flat = np.fromiter(chain.from_iterable(sets), dtype=np.int64, count=sum(sizes))
    distinct, column = np.unique(flat, return_inverse=True)
    belongs = np.zeros((len(sets), len(distinct)))
    belongs[np.repeat(np.arange(len(sets)), sizes), column] = 1
    return belongs
