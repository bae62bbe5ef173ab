"""coverage@k: the share of the catalog, and of its categories, in the lists."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.evaluation.metrics.answers import Answers


def coverage(shown: NDArray[np.bool_]) -> float:
    """Compute the share of the catalog that is in at least one list.

    Args:
        shown: ``[V]``, True for an item that is in any list; entry 0, padding, is not counted.
    """
    return float(shown[1:].mean())


def category_coverage(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the share of all C categories that the first k items cover."""
    mix = shares(answers.lists[:, :k], answers.categories)
    covered: NDArray[np.float64] = np.diff(mix.indptr) / mix.shape[1]
    return covered


def category_entropy(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the entropy of the category shares of the list, in nats, from 0 to log C.

    An item with several categories counts in part for each. NaN if no item has a category.
    """
    mix = shares(answers.lists[:, :k], answers.categories)
    row = np.repeat(np.arange(mix.shape[0]), np.diff(mix.indptr))
    entropy = np.bincount(
        row,
        -mix.data * np.log(mix.data),
        minlength=mix.shape[0],
    )
    return np.where(np.diff(mix.indptr) > 0, entropy, np.nan)


def shares(
    rows: Sequence[NDArray[np.int64]] | NDArray[np.int64], categories: sparse.csr_array
) -> sparse.csr_array:
    """Compute the share of each category per row of items, ``[B, C]``; a row sums to 1 or 0."""
    lengths = [len(row) for row in rows]
    indptr = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
    items = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
    parts = (np.ones(len(items)), items, indptr)
    total = sparse.csr_array(parts, shape=(len(rows), categories.shape[0])) @ categories
    total.sort_indices()
    total.data /= np.repeat(total.sum(axis=1), np.diff(total.indptr))
    return total
