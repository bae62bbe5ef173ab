"""diversity@k: how much the items of a list differ in category.

    2 / (k (k - 1)) * sum over pairs of 1 - |C_i ∩ C_j| / |C_i ∪ C_j|

Source: Cen et al., "Controllable Multi-Interest Framework for Recommendation", KDD 2020, for
one category an item; the Jaccard distance extends it to several.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.evaluation.metrics.answers import Answers


def diversity(answers: Answers, k: int) -> NDArray[np.float64]:
    """Give the mean distance of the pairs of the first k, in [0, 1]; NaN below two items.

    With one category an item it is the share of pairs that differ. An item without a category
    differs from every other.

    Cost: O(B k²) time and memory where all share a category.
    """
    items = answers.lists[:, :k]
    count = (items > 0).sum(axis=1)
    alike = likeness(items, answers.categories)
    with np.errstate(invalid="ignore"):  # below two items 0 / 0: NaN, as it should be
        distance: NDArray[np.float64] = 1 - alike / (count * (count - 1))
    return distance.clip(0, 1)


def likeness(items: NDArray[np.int64], categories: sparse.csr_array) -> NDArray[np.float64]:
    """Sum |C_i ∩ C_j| / |C_i ∪ C_j| over the ordered pairs i ≠ j of each list."""
    users, width = items.shape
    own = categories[items.ravel()]  # [B k, C]; padding has none
    size = np.diff(own.indptr)
    slot = np.repeat(np.arange(users * width), size)
    # A column for each category of each user, so that one product finds the pairs of a user only.
    column = slot // max(width, 1) * own.shape[1] + own.indices
    distinct, column = np.unique(column, return_inverse=True)
    ones = np.ones(len(column), dtype=np.float64)
    belongs = sparse.csr_array((ones, column, own.indptr), shape=(users * width, len(distinct)))
    common = (belongs @ belongs.T).tocoo()
    jaccard = common.data / (size[common.row] + size[common.col] - common.data)
    jaccard[common.row == common.col] = 0
    total = np.bincount(common.row // max(width, 1), weights=jaccard, minlength=users)
    return total.astype(np.float64)
