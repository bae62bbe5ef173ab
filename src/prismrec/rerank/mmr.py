"""Maximal marginal relevance: no item close to one already in the list.

Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.numerics import normalize
from prismrec.rerank.base import greedy, require_part
from prismrec.types import Pool


def mmr(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily by score - strength * the largest cosine to an item already chosen.

    Reads the pool's ``vectors``. A vector of zeros has cosine 0 to every other.

    Cost: O(k M D).
    """
    direction = normalize(require_part(pool.vectors, "vectors", "mmr"))
    nearest = np.full(len(direction), -1.0)

    def after(best: int) -> NDArray[np.float64]:
        np.maximum(nearest, direction @ direction[best], out=nearest)
        return -nearest

    return greedy(pool, k, strength=strength, first=np.zeros(len(direction)), after=after)
