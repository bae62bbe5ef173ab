"""EASE^R: the linear item-to-item model in closed form.

Source: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019: closed-form solution
with a zero diagonal.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Histories
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.baselines.item_knn import incidence
from prismrec.evaluation.baselines.score import Score, score_by_items

LARGEST = 30_000
"""Largest catalog size V: two dense matrices of 3.6 GB."""
EASE_L2 = 500.0
"""``l2``, unless another is given."""
MOST_SQUARES = 400_000
"""Largest sum of the squared weights of an item's events, in multiples of l2: beyond, the weights
of EASE have errors of 0.01 and more in single precision, or cannot be computed."""
BLOCK = 512
"""Items whose products with all items are computed at a time."""


def ease(train: Histories, size: int, *, l2: float = EASE_L2, recency: float = 1.0) -> Score:
    """Score an item by its weights in the linear model: see ``ease_weights``.

    Args:
        train: Histories to fit.
        size: V, at most 30,000.
        l2: Strength of the regularization; data sets with more events per item need a larger one.
        recency: Factor, in (0, 1], by which the weight of an item of the history falls per newer
            item.

    Raises:
        ConfigError: ``l2`` is not positive, or ``recency`` not in (0, 1].
        DataError: The catalog is too large for a dense matrix of V by V; and see ``check_squares``.
    """
    if not 0 < recency <= 1:
        raise ConfigError(f"ease got recency {recency}; use a number above 0 and at most 1.")
    weights = ease_weights(train, size, l2)
    return score_by_items(weights, train, size, recency=recency)


def ease_weights(train: Histories, size: int, l2: float) -> NDArray[np.float32]:
    """Fit the linear model that best predicts each item of a user from the other items, ``[V, V]``.

    With X the matrix of users and items (see ``incidence``), G = XᵀX + l2 I and P its inverse, the
    weight of item i for item j is -P[i, j] / P[j, j], and 0 for j itself.

    Raises:
        ConfigError: ``l2`` is not positive, so G may have no inverse.
        DataError: The catalog is too large for a dense matrix of V by V; and see ``check_squares``.

    Cost: O(V³) time, 8 V² bytes of memory; V = 12,000 takes half a minute on one core and 1.2 GB.
    """
    if not l2 > 0:
        raise ConfigError(f"l2 is {l2}, but it must be above 0; use 50 to 1,000.")
    if size > LARGEST:
        raise DataError(
            f"EASE of {size - 1:,} items needs two dense matrices of {4e-9 * size**2:,.0f} GB, but "
            f"the limit is {LARGEST - 1:,} items; use item_knn or sequential_rules instead."
        )
    check_squares(train, l2)
    events = incidence(train, size)
    return solve(gram(events), l2)


def check_squares(train: Histories, l2: float) -> None:
    """Check that EASE of these events is exact enough in single precision.

    Raises:
        DataError: The squared relative weights of the events of an item (1 each if events have no
            weights) sum to more than ``MOST_SQUARES`` times ``l2``.

    Cost: O(E).
    """
    weights = train.relative_weights
    squares = np.bincount(train.items, None if weights is None else weights**2)
    largest = float(squares.max(initial=0))
    if largest > MOST_SQUARES * l2:
        raise DataError(
            f"EASE with l2 {l2:g} cannot be computed in single precision: the squared weights of "
            f"the events of one item, in multiples of the mean weight, sum to {largest:.3g}, more "
            f"than {MOST_SQUARES:,} times l2; limit the largest weights, or use a larger l2."
        )


def gram(events: sparse.csr_array) -> NDArray[np.float32]:
    """Compute XᵀX ``[V, V]``; one user of all items would make a sparse product a large one."""
    columns = events.T.tocsr()
    size = columns.shape[0]
    table = np.empty((size, size), dtype=np.float32)
    for start in range(0, size, BLOCK):
        rows = slice(start, start + BLOCK)
        table[rows] = (columns[rows] @ events).toarray()
    return table


def solve(products: NDArray[np.float32], l2: float) -> NDArray[np.float32]:
    """Compute the weights ``[V, V]`` from XᵀX, which is changed."""
    import torch  # not needed by the other baselines

    table = torch.from_numpy(products)
    table.diagonal().add_(l2)
    # Cholesky and then the inverse in place: half the work of a general inverse. In torch, other
    # threads continue meanwhile, such as the one that reports the progress.
    factor = torch.linalg.cholesky(table)
    torch.cholesky_inverse(factor, out=factor)
    factor /= -factor.diagonal().clone()
    factor.fill_diagonal_(0)
    weights: NDArray[np.float32] = factor.numpy()
    return weights
