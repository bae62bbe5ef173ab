"""Histories of item numbers, as a model reads them."""

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor

from prismrec.errors import DataError


def padded(histories: Sequence[NDArray[np.int64]], longest: int) -> Int[Tensor, "B L"]:
    """Return the newest ``longest`` events of each history, padded on the right with 0."""
    newest = [history[-longest:] for history in histories]
    width = max((len(history) for history in newest), default=0) or 1
    batch = np.zeros((len(newest), width), dtype=np.int64)
    for row, history in enumerate(newest):
        batch[row, : len(history)] = history
    return torch.from_numpy(batch)


def check_items(history: Int[Tensor, "B L"], size: int) -> None:
    """Check item numbers.

    Raises:
        DataError: A number that no item has.
    """
    highest = int(history.max()) if history.numel() else 0
    if highest >= size or (history.numel() and int(history.min()) < 0):
        wrong = highest if highest >= size else int(history.min())
        raise DataError(
            f"A history has item number {wrong}, but this model has items 1 to {size - 1}; map ids "
            "with the catalog of its training data."
        )
