"""Popularity: the same list for everyone, the weakest baseline."""

import numpy as np

from prismrec.data import Histories
from prismrec.evaluation.baselines.score import OrderedScores, SameScores, break_ties


def popularity(train: Histories, size: int) -> OrderedScores:
    """Score every item by its training events or their weights, independent of the history."""
    scores = SameScores(train.weighted_counts(size).astype(np.float64))
    return break_ties(scores, train, size)
