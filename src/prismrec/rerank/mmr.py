"""Maximal marginal relevance (MMR): avoid items that are similar to an item of the list.

Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking", SIGIR 1998.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.numerics import normalize
from prismrec.rerank.base import greedy, require_part
from prismrec.types import Pool


def mmr(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily by score - strength * the largest cosine to a chosen item.

    Reads ``vectors`` of the pool. A vector of zeros has cosine 0 to every vector.

    Cost: O(k M D).
    """
    direction = normalize(require_part(pool.vectors, "vectors", "mmr"))
    nearest = np.full(len(direction), -1.0)

    def next_gain(best: int) -> NDArray[np.float64]:
        np.maximum(nearest, direction @ direction[best], out=nearest)
        return -nearest

    return greedy(
        pool, k, strength=strength, first_gain=np.zeros(len(direction)), next_gain=next_gain
    )
