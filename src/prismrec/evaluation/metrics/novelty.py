"""novelty@k and popularity_rank@k: how far a list is from the most popular items.

Source of novelty: Zhou et al., "Solving the Apparent Diversity-Accuracy Dilemma of Recommender
Systems", PNAS 2010, surprisal.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def novelty(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the mean self-information of the first k items, in bits; NaN for an empty list.

    The self-information of an item is -log2 of its share of the training events. One event is
    added per item, so that it is finite for an item without training events.
    """
    share = (answers.counts + 1) / (answers.counts[1:] + 1).sum()
    return mean_of(-np.log2(share), answers.lists[:, :k])


def popularity_rank(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the mean popularity rank of the first k: 1 is the most popular training item.

    Items with equal counts share the mean of their ranks. A low value means a bias towards
    popular items. NaN for an empty list.
    """
    _, position, size = np.unique(-answers.counts[1:], return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[position]
    return mean_of(np.concatenate([[0], rank]), answers.lists[:, :k])


def mean_of(value: NDArray[np.float64], items: NDArray[np.int64]) -> NDArray[np.float64]:
    """Compute the mean of a value ``[V]`` over each list, without padding."""
    count = (items > 0).sum(axis=1)
    total = np.where(items > 0, value[items], 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
