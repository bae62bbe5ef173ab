"""Functions of numbers and arrays, and a constant, that more than one package uses. NumPy only."""

from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped
from numpy.typing import NDArray

CALIBRATION_SMOOTHING = 0.01
"""Share of the history that the metric ``calibration`` and the re-ranker ``calibrated`` mix into a
list; a missing category then costs at most log 100."""


def normalize(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Scale vectors to length 1, ``[…, D]``; a vector of zeros stays zero."""
    length = np.linalg.norm(vectors.astype(np.float64), axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1)


def softmax(logits: Float[np.ndarray, "... K"]) -> Float[np.ndarray, "... K"]:
    """Return the softmax over the last axis; SciPy's takes several times as long for a few rows.

    Args:
        logits: At least one finite number per row; -inf is allowed.
    """
    share: NDArray[np.floating] = np.exp(logits - logits.max(axis=-1, keepdims=True))
    share /= share.sum(axis=-1, keepdims=True)
    return share


def logsumexp(values: NDArray[np.floating], axis: int) -> NDArray[Any]:
    """Return log Σ exp over an axis; SciPy's takes several times as long for a few rows.

    Args:
        values: No NaN and no +inf. Where all numbers are -inf, the result is -inf.
        axis: The axis that is summed.
    """
    largest = values.max(axis=axis, keepdims=True)
    largest[np.isneginf(largest)] = 0
    summed = np.exp(values - largest).sum(axis=axis)
    with np.errstate(divide="ignore"):  # log(0) where all are -inf
        total: NDArray[Any] = np.log(summed) + largest.squeeze(axis)
    return total


def position_in_group(counts: Int[np.ndarray, " G"]) -> Int[np.ndarray, " N"]:
    """Return the position of each entry in its group, from 0.

    Args:
        counts: Number of entries per group; groups follow one another, and N is the sum.
    """
    begin = counts.cumsum() - counts
    position: Int[np.ndarray, " N"] = np.arange(counts.sum()) - np.repeat(begin, counts)
    return position


def top_k(value: Float[np.ndarray, "B M"], k: int) -> Int[np.ndarray, "B k"]:
    """Return the columns of the k largest values of each row, largest first, ties by column.

    Args:
        value: No NaN; -inf is allowed.
        k: From 0 to M.

    Cost: O(B M) time.
    """
    b, m = value.shape
    if k == 0:
        return np.empty((b, 0), dtype=np.int64)
    cost = -value
    last = np.partition(cost, k - 1, axis=1)[:, k - 1 : k]
    inside = cost <= last
    if np.count_nonzero(inside) > b * k:  # of ties for the last rank, keep the first
        tied = cost == last
        room = k - np.count_nonzero(cost < last, axis=1, keepdims=True)
        inside &= ~tied | (np.cumsum(tied, axis=1) <= room)
    columns = np.flatnonzero(inside).reshape(b, k)
    order = np.argsort(cost.ravel().take(columns), axis=1, kind="stable")
    columns -= m * np.arange(b)[:, None]
    return at_columns(columns, order)


def at_columns(value: Shaped[np.ndarray, "B M"], column: Int[np.ndarray, "B k"]) -> NDArray[Any]:
    """Return the values at some columns of each row: ``np.take_along_axis``, several times faster.

    Args:
        value: In C order, else it is copied.
        column: Columns, from 0 to M - 1.
    """
    rows, width = value.shape
    chosen: NDArray[Any] = value.ravel().take(column + width * np.arange(rows)[:, None])
    return chosen
