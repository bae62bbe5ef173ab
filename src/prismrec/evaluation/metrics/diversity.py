"""diversity@k: how much the items of a list differ in category.

    2 / (k (k - 1)) * sum over pairs of 1 - |C_i ∩ C_j| / |C_i ∪ C_j|

Source: Cen et al., "Controllable Multi-Interest Framework for Recommendation", KDD 2020, for one
category per item; the Jaccard distance extends it to several categories.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.evaluation.metrics.answers import Answers


def diversity(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the mean distance of the pairs of the first k, in [0, 1]; NaN below two items.

    With one category per item it is the share of pairs that differ. An item without a category
    differs from every other item.

    Cost: O(B k²) time and memory if all items share a category.
    """
    items = answers.lists[:, :k]
    count = (items > 0).sum(axis=1)
    overlap = category_overlap(items, answers.categories)
    with np.errstate(invalid="ignore"):  # below two items: 0 / 0 = NaN
        distance: NDArray[np.float64] = 1 - overlap / (count * (count - 1))
    return distance.clip(0, 1)


def category_overlap(items: NDArray[np.int64], categories: sparse.csr_array) -> NDArray[np.float64]:
    """Compute the sum of |C_i ∩ C_j| / |C_i ∪ C_j| over the ordered pairs i ≠ j of each list."""
    users, width = items.shape
    item_categories = categories[items.ravel()]  # [B k, C]; empty for padding
    size = np.diff(item_categories.indptr)
    slot = np.repeat(np.arange(users * width), size)
    # One column per category and user, so that one product pairs only items of the same user.
    column = slot // max(width, 1) * item_categories.shape[1] + item_categories.indices
    distinct, column = np.unique(column, return_inverse=True)
    ones = np.ones(len(column), dtype=np.float64)
    shape = (users * width, len(distinct))
    belongs = sparse.csr_array((ones, column, item_categories.indptr), shape=shape)
    common = (belongs @ belongs.T).tocoo()
    jaccard = common.data / (size[common.row] + size[common.col] - common.data)
    jaccard[common.row == common.col] = 0
    total = np.bincount(common.row // max(width, 1), weights=jaccard, minlength=users)
    return total.astype(np.float64)
