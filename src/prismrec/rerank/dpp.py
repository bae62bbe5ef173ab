"""Determinantal point process: a list whose item vectors span a large volume.

    F(S) = Σ score + strength · log det(cosines of S)

Source: Chen, Zhang and Zhou, "Fast Greedy MAP Inference for Determinantal Point Process",
NeurIPS 2018: the greedy choice by Cholesky factors that grow by one row.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.numerics import normalize
from prismrec.rerank.base import greedy, require_part
from prismrec.types import Pool, check_length, check_strength

TOLERANCE = 1e-9
"""Least squared distance from the span of the list: what lies closer is taken to lie in it."""


def dpp(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily the candidate that raises F most.

    Reads the pool's ``vectors``. Once the list spans all D normalize the volume is 0 whatever
    is added, and the rest follow by score.

    Cost: O(k² M + k M D) time, O(k M) memory.
    """
    check_length(k)
    check_strength(strength)
    direction = normalize(require_part(pool.vectors, "vectors", "dpp"))
    beyond = np.einsum("md,md->m", direction, direction)  # squared distance from the list's span
    factors = np.empty((min(k, len(direction)), len(direction)))  # Cholesky: a row a chosen item
    rows = 0

    def volume() -> NDArray[np.float64]:
        logarithm: NDArray[np.float64] = np.log(np.maximum(beyond, TOLERANCE))
        return logarithm

    def after(best: int) -> NDArray[np.float64]:
        nonlocal rows
        if beyond[best] > TOLERANCE:  # otherwise it adds no direction, and dividing by it is noise
            row = direction @ direction[best] - factors[:rows, best] @ factors[:rows]
            row /= np.sqrt(beyond[best])
            factors[rows] = row
            np.subtract(beyond, row**2, out=beyond)
            rows += 1
        return volume()

    return greedy(pool, k, strength=strength, first=volume(), after=after)
