"""ndcg@k, and the variant of ComiRec's master branch as a metric with another name.

    DCG = sum over the hits of 1 / log2(rank + 1), ranks from 1

Source: Järvelin and Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", TOIS 2002.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def ndcg(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute DCG divided by the DCG of the best list of length k: all targets first."""
    return gain(answers, k) / best(k)[np.minimum(answers.relevant, k)]


def ndcg_of_hits(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute DCG divided by the DCG of the *hits*, all first; 0 without a hit.

    Misses cost nothing: one hit at rank 1 scores 1, however many targets were missed. Use it only
    to compare with ComiRec's master branch (src/train.py, evaluate_full).
    """
    hits = answers.hits[:, :k].sum(axis=1)
    return gain(answers, k) / np.where(hits, best(k)[hits], 1.0)


def gain(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute DCG of the first k items."""
    hits = answers.hits[:, :k]
    dcg: NDArray[np.float64] = hits @ discounts(hits.shape[1])
    return dcg


def best(k: int) -> NDArray[np.float64]:
    """Compute the DCG of lists that start with 0, 1, … k hits, ``[k + 1]``."""
    return np.concatenate([[0], np.cumsum(discounts(k))])


def discounts(k: int) -> NDArray[np.float64]:
    """Compute 1 / log2(rank + 1) of the ranks from 1, ``[k]``."""
    values: NDArray[np.float64] = 1 / np.log2(np.arange(k) + 2)
    return values
