"""Read the arrays of a data set, and check that their numbers can be used.

A model reads item numbers without any check. So a number that no item has would be an error far
from its cause, or change the results silently.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismrec.data.histories import Histories
from prismrec.io import FLOATS, INTEGERS, damaged, read_array, read_blocks

REPAIR = "prepare the data set again"


def read_histories(folder: Path, items: int, *, prefix: str = "") -> Histories:
    """Read histories, memory-mapped, without weights.

    Args:
        folder: The folder of a data set.
        items: The number of items of its catalog.
        prefix: Beginning of the names of the files.

    Raises:
        DataError: A file is missing or damaged, or the arrays do not fit together or the catalog.

    Cost: one pass over the item numbers, in blocks: O(E) time, O(users) memory.
    """
    indptr, numbers, times = (
        read_array(folder / f"{prefix}{name}.npy", INTEGERS, 1, repair=REPAIR, mode="r")
        for name in ("indptr", "items", "times")
    )
    offsets = folder / f"{prefix}indptr.npy"
    if not len(indptr) or (indptr[1:] < indptr[:-1]).any():
        raise damaged(offsets, "its offsets are not ascending", REPAIR)
    if indptr[0] != 0 or indptr[-1] != len(numbers):
        reason = f"its offsets are from {indptr[0]} to {indptr[-1]} for {len(numbers)} events"
        raise damaged(offsets, reason, REPAIR)
    if len(times) != len(numbers):
        raise damaged(
            folder / f"{prefix}times.npy", f"{len(times)} for {len(numbers)} events", REPAIR
        )
    _check_blocks(
        folder / f"{prefix}items.npy",
        lambda block: block.min() >= 1 and block.max() <= items,
        f"its item numbers are not all from 1 to {items}",
    )
    return Histories(indptr, numbers, times)


def read_weights(folder: Path, events: int) -> NDArray[np.float32]:
    """Read the weights of events, memory-mapped.

    Raises:
        DataError: The file is missing or damaged, has another number of weights, or a weight is
            negative or not finite.

    Cost: one pass, in blocks.
    """
    path = folder / "weights.npy"
    weights = read_array(path, FLOATS, 1, repair=REPAIR, mode="r")
    if len(weights) != events:
        raise damaged(path, f"{len(weights)} weights for {events} events", REPAIR)
    _check_blocks(
        path,
        lambda block: block.min() >= 0 and block.max() < np.inf,  # both are False for NaN
        "it has a weight that is negative or not finite",
    )
    return weights


def _check_blocks(path: Path, is_valid: Callable[[NDArray[Any]], bool], reason: str) -> None:
    if not all(is_valid(block) for block in read_blocks(path)):
        raise damaged(path, reason, REPAIR)
