"""xQuAD with interests as aspects: items of interests that are not yet in the list gain score.

    gain of i = Σ_k π_k p(i|k) Π_{j in the list} (1 - p(j|k))

Source: Santos, Macdonald and Ounis, "Exploiting Query Reformulations for Web Search Result
Diversification", WWW 2010, where the aspects are reformulations of the query.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.rerank.base import greedy, require_part
from prismrec.types import Pool


def xquad(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily by score + strength * the gain of interests that are not yet in the list.

    Reads ``interest_scores`` of the pool. p(i|k) is the softmax of the scores of interest k over
    the candidates; π_k is the same for every active interest (docs/decisions/0050).

    Cost: O(k M K).
    """
    scores = require_part(pool.interest_scores, "interest_scores", "xquad").astype(np.float64)
    scores = np.where((pool.scores > -np.inf)[:, None], scores, -np.inf)
    top = scores.max(axis=0, initial=-np.inf)
    active = top > -np.inf
    probability = np.exp(scores[:, active] - top[active])
    probability /= probability.sum(axis=0)
    missing = np.full(
        probability.shape[1], 1 / max(probability.shape[1], 1)
    )  # π_k times the product over the list

    def next_gain(best: int) -> NDArray[np.float64]:
        np.multiply(missing, 1 - probability[best], out=missing)
        gain: NDArray[np.float64] = probability @ missing
        return gain

    return greedy(pool, k, strength=strength, first_gain=probability @ missing, next_gain=next_gain)
