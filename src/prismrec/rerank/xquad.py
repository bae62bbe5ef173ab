"""xQuAD with the interests as aspects: every interest is served before one is served twice.

    gain of i = Σ_k π_k p(i|k) Π_{j in the list} (1 - p(j|k))

Source: Santos, Macdonald and Ounis, "Exploiting Query Reformulations for Web Search Result
Diversification", WWW 2010: there the aspects are reformulations of the query.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.rerank.base import greedy, require_part
from prismrec.types import Pool


def xquad(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily by score + strength * what a candidate adds to interests not yet served.

    Reads the pool's ``interest_scores``. p(i|k) is the softmax of interest k's scores over the
    candidates, π_k the same for every active interest (docs/decisions/0050).

    Cost: O(k M K).
    """
    scores = require_part(pool.interest_scores, "interest_scores", "xquad").astype(np.float64)
    scores = np.where((pool.scores > -np.inf)[:, None], scores, -np.inf)
    top = scores.max(axis=0, initial=-np.inf)
    active = top > -np.inf
    likely = np.exp(scores[:, active] - top[active])
    likely /= likely.sum(axis=0)
    waiting = np.full(likely.shape[1], 1 / max(likely.shape[1], 1))  # π_k times the product

    def after(best: int) -> NDArray[np.float64]:
        np.multiply(waiting, 1 - likely[best], out=waiting)
        left: NDArray[np.float64] = likely @ waiting
        return left

    return greedy(pool, k, strength=strength, first=likely @ waiting, after=after)
