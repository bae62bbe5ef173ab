"""ndcg@k, and the variant of ComiRec's master branch under a name of its own.

    DCG = sum over the hits of 1 / log2(rank + 1), ranks from 1

Source: Järvelin and Kekäläinen, "Cumulated Gain-Based Evaluation of IR Techniques", TOIS 2002.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def ndcg(answers: Answers, k: int) -> NDArray[np.float64]:
    """Divide DCG by that of the best list of length k: all targets on top."""
    return gain(answers, k) / best(k)[np.minimum(answers.relevant, k)]


def ndcg_of_hits(answers: Answers, k: int) -> NDArray[np.float64]:
    """Divide DCG by that of the *hits found*, all on top; 0 without a hit.

    Forgives every miss: one hit at rank 1 is 1, whatever else was wanted. For comparison with
    ComiRec's master branch only (src/train.py, evaluate_full).
    """
    found = answers.hits[:, :k].sum(axis=1)
    return gain(answers, k) / np.where(found, best(k)[found], 1.0)


def gain(answers: Answers, k: int) -> NDArray[np.float64]:
    """Give DCG of the first k."""
    hits = answers.hits[:, :k]
    dcg: NDArray[np.float64] = hits @ (1 / np.log2(np.arange(hits.shape[1]) + 2))
    return dcg


def best(k: int) -> NDArray[np.float64]:
    """Give the DCG of 0, 1, … k hits on top, ``[k + 1]``."""
    return np.concatenate([[0], np.cumsum(1 / np.log2(np.arange(k) + 2))])
