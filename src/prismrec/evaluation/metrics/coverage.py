"""coverage@k: how much of the catalog, and of its categories, is shown."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.evaluation.metrics.answers import Answers


def coverage(shown: NDArray[np.bool_]) -> float:
    """Give the share of the catalog that stands in anyone's list.

    Args:
        shown: ``[V]``, True at an item that any list held; slot 0, padding, is not counted.
    """
    return float(shown[1:].mean())


def category_coverage(answers: Answers, k: int) -> NDArray[np.float64]:
    """Give the share of all C categories that the first k touch."""
    found = shares(answers.lists[:, :k], answers.categories)
    covered: NDArray[np.float64] = np.diff(found.indptr) / found.shape[1]
    return covered


def category_entropy(answers: Answers, k: int) -> NDArray[np.float64]:
    """Give the entropy of the list's category shares, in nats: 0 to log C.

    An item of several categories counts for each in part. NaN where no item has a category.
    """
    found = shares(answers.lists[:, :k], answers.categories)
    row = np.repeat(np.arange(found.shape[0]), np.diff(found.indptr))
    entropy = np.bincount(row, -found.data * np.log(found.data), minlength=found.shape[0])
    return np.where(np.diff(found.indptr) > 0, entropy, np.nan)


def shares(
    rows: Sequence[NDArray[np.int64]] | NDArray[np.int64], categories: sparse.csr_array
) -> sparse.csr_array:
    """Give the share of each category in each row of items, ``[B, C]``; a row sums to 1 or 0."""
    lengths = [len(row) for row in rows]
    indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    items = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
    parts = (np.ones(len(items)), items, indptr)
    total = sparse.csr_array(parts, shape=(len(rows), categories.shape[0])) @ categories
    total.sort_indices()
    total.data /= np.repeat(total.sum(axis=1), np.diff(total.indptr))
    return total
