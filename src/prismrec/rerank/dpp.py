"""Determinantal point process (DPP): a list whose item vectors span a large volume.

    F(S) = Σ score + strength · log det(cosines of S)

Source: Chen, Zhang and Zhou, "Fast Greedy MAP Inference for Determinantal Point Process",
NeurIPS 2018: the greedy choice, with a Cholesky factor that grows by one row per chosen item.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.numerics import normalize
from prismrec.rerank.base import greedy, require_part
from prismrec.rerank.options import check_length
from prismrec.types import Pool

TOLERANCE = 1e-9
"""Smallest squared distance from the span of the list; a closer vector counts as inside it."""


def dpp(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily the candidate that raises F most.

    Reads ``vectors`` of the pool. When the list spans all D dimensions, the volume is 0 for every
    candidate, and the rest of the list is ordered by score.

    Cost: O(k² M + k M D) time, O(k M) memory.
    """
    check_length(k)
    direction = normalize(require_part(pool.vectors, "vectors", "dpp"))
    distance = np.einsum("md,md->m", direction, direction)  # squared, from the span of the list
    factors = np.empty(
        (min(k, len(direction)), len(direction))
    )  # Cholesky: one row per chosen item
    rows = 0

    def log_volume() -> NDArray[np.float64]:
        logarithm: NDArray[np.float64] = np.log(np.maximum(distance, TOLERANCE))
        return logarithm

    def next_gain(best: int) -> NDArray[np.float64]:
        nonlocal rows
        if distance[best] > TOLERANCE:  # otherwise it adds no dimension, and the row would be noise
            row = direction @ direction[best] - factors[:rows, best] @ factors[:rows]
            row /= np.sqrt(distance[best])
            factors[rows] = row
            np.subtract(distance, row**2, out=distance)
            rows += 1
        return log_volume()

    return greedy(pool, k, strength=strength, first_gain=log_volume(), next_gain=next_gain)
