"""EASE^R: the linear item-to-item model in closed form.

Source: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019, its closed-form
solution with a zero diagonal.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import spotrf, spotri

from prismrec.data import Histories
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.baselines.item_knn import incidence
from prismrec.evaluation.baselines.score import Score
from prismrec.retrieval import recency_weights

LARGEST = 30_000
"""Largest catalog: two dense matrices of 3.6 GB."""


def ease(train: Histories, size: int, *, l2: float = 200.0, recency: float = 1.0) -> Score:
    """Score by the linear model that best rebuilds each user's items from the others.

    With G = XᵀX + l2 I over the users' items and P its inverse, the weight of item i for item j
    is -P[i, j] / P[j, j], and 0 for j itself.

    Args:
        train: Histories to fit.
        size: V, at most 30 000.
        l2: Strength of the regularisation; grows with the data set's events an item.
        recency: Share of its weight that an item of the history keeps with each newer one.

    Raises:
        ConfigError: ``l2`` is not positive: G may have no inverse.
        DataError: The catalog is too large for a dense matrix of V by V.

    Cost: O(V³) time, 8 V² bytes of memory; V = 12 000 takes a minute on one core and 1.2 GB.
    """
    if not l2 > 0:
        raise ConfigError(f"l2 is {l2}; it must be above 0, usually 50 to 1000.")
    if size > LARGEST:
        raise DataError(
            f"EASE of {size - 1:,} items needs two dense matrices of {4e-9 * size**2:,.0f} GB; it "
            f"goes up to {LARGEST - 1:,} items: take item_knn or sequential_rules instead."
        )
    events = incidence(train, size)
    weights = solve((events.T @ events).toarray(), l2)

    def score(histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        found: NDArray[np.floating] = recency_weights(histories, size, recency=recency) @ weights
        return found

    return score


def solve(gram: NDArray[np.float32], l2: float) -> NDArray[np.float32]:
    """Give the weights ``[V, V]`` from XᵀX."""
    diagonal = np.arange(len(gram))
    gram[diagonal, diagonal] += l2
    # Cholesky, then the inverse from it, both in place: half the work of a general inverse.
    factor, _ = spotrf(gram.T, lower=True, overwrite_a=True, clean=True)  # 0 above the diagonal
    inverse, _ = spotri(factor, lower=True, overwrite_c=True)
    weights: NDArray[np.float32] = inverse + inverse.T  # the diagonal twice
    weights /= -weights[diagonal, diagonal] / 2
    weights[diagonal, diagonal] = 0
    return weights
