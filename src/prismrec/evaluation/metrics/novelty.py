"""novelty@k and popularity_rank@k: how far from the best-sellers a list goes.

Source of novelty: Zhou et al., "Solving the Apparent Diversity-Accuracy Dilemma of Recommender
Systems", PNAS 2010, surprisal.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def novelty(answers: Answers, k: int) -> NDArray[np.float64]:
    """Give the mean self-information of the first k, in bits; NaN for an empty list.

    An item says -log2 of its share of the training events. One event is added to each, so that
    an item never seen in training is very surprising and not infinitely so.
    """
    share = (answers.counts + 1) / (answers.counts[1:] + 1).sum()
    return mean_of(-np.log2(share), answers.lists[:, :k])


def popularity_rank(answers: Answers, k: int) -> NDArray[np.float64]:
    """Give the mean popularity rank of the first k: 1 is the most popular item of training.

    Items of equal count share the mean of their ranks. Low means biased to what is popular. NaN
    for an empty list.
    """
    _, place, size = np.unique(-answers.counts[1:], return_inverse=True, return_counts=True)
    rank = (np.cumsum(size) - (size - 1) / 2)[place]
    return mean_of(np.concatenate([[0], rank]), answers.lists[:, :k])


def mean_of(value: NDArray[np.float64], items: NDArray[np.int64]) -> NDArray[np.float64]:
    """Average a value ``[V]`` over each list, padding left out."""
    count = (items > 0).sum(axis=1)
    total = np.where(items > 0, value[items], 0).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
