"""Popularity: the same list for everyone, the weakest baseline."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Histories
from prismrec.evaluation.baselines.score import Score


def popularity(train: Histories, size: int) -> Score:
    """Score every item by its training events or their weights, independent of the history."""
    counts = train.weighted_counts(size).astype(np.float64)

    def score(histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        return np.broadcast_to(counts, (len(histories), size))

    return score
