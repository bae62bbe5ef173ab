"""Popularity: the same list for everyone, the weakest baseline."""

import numpy as np

from prismrec.data import Histories
from prismrec.evaluation.baselines.score import SameScores


def popularity(train: Histories, size: int) -> SameScores:
    """Score every item by its training events or their weights, independent of the history."""
    return SameScores(train.weighted_counts(size).astype(np.float64))
