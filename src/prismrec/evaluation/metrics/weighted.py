"""weighted_recall@k and weighted_ndcg@k: a target counts by the weight of its event.

A repeated target counts once, with its largest weight. With equal weights the two are recall@k and
ndcg@k. They are undefined for a user whose targets all have weight 0.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers
from prismrec.evaluation.metrics.ndcg import discounts
from prismrec.numerics import position_in_group


def weighted_recall(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the weight of the targets in the first k divided by the weight of *all* targets."""
    found = np.where(answers.hits, answers.hit_weights, 0)[:, :k].sum(axis=1)
    user, weight = answers.weighted_targets
    return _share(found, _sums(user, weight, len(answers.lists)))


def weighted_ndcg(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the weighted DCG divided by that of the best list: the largest weights first.

    DCG = sum over the hits of weight / log2(rank + 1), ranks from 1.
    """
    gains = np.where(answers.hits, answers.hit_weights, 0)[:, :k]
    found = gains @ discounts(gains.shape[1])
    user, weight = answers.weighted_targets
    order = np.lexsort((-weight, user))
    user, weight = user[order], weight[order]
    rank = position_in_group(np.bincount(user, minlength=len(answers.lists)))
    inside = rank < k
    best = weight[inside] * discounts(k)[rank[inside]]
    return _share(found, _sums(user[inside], best, len(answers.lists)))


def _sums(user: NDArray[np.int64], values: NDArray[np.float64], users: int) -> NDArray[np.float64]:
    """Return the sum of the values of each user."""
    return np.bincount(user, values, minlength=users).astype(np.float64)


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return part / whole; NaN where whole is 0."""
    share = np.full(len(whole), np.nan)
    np.divide(part, whole, out=share, where=whole > 0)
    return share
