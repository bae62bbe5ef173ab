"""Histories of item numbers, as a model reads them."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from prismrec.errors import DataError
from prismrec.types import Interests

FEW_SLOTS = 2_048
"""Up to this many padded events, all sequences are read in one batch."""


def padded(histories: Sequence[NDArray[np.int64]], longest: int) -> Int[Tensor, "B L"]:
    """Return the newest ``longest`` events of each history, padded on the right with 0.

    Raises:
        DataError: A history has item number 0.
    """
    newest = [history[-longest:] for history in histories]
    width = max((len(history) for history in newest), default=0) or 1
    batch = np.zeros((len(newest), width), dtype=np.int64)
    for row, history in enumerate(newest):
        batch[row, : len(history)] = history
    if np.count_nonzero(batch) < sum(map(len, newest)):
        raise DataError(
            "A history has item number 0, which is padding and no item; leave out unknown items."
        )
    return torch.from_numpy(batch)


def groups_of_similar_length(lengths: Int[Tensor, " N"]) -> Iterator[Int[Tensor, " M"]]:
    """Yield the positions of sequences that are read in one batch.

    A batch is padded to its longest sequence. If there are many, those of each doubling of the
    length are one batch.
    """
    every = torch.arange(len(lengths), device=lengths.device)
    if not len(lengths) or len(lengths) * int(lengths.max()) <= FEW_SLOTS:
        yield every
        return
    power = lengths.clamp(min=1).float().log2().floor()
    for value in range(int(power.max()) + 1):
        some = every[power == value]
        if len(some):
            yield some


def read_in_groups(
    histories: Sequence[NDArray[np.int64]],
    longest: int,
    read: Callable[[Int[Tensor, "B L"]], Interests],
) -> Interests:
    """Return the interests of histories, read together if they have similar lengths.

    Args:
        histories: Item numbers, oldest first; the newest ``longest`` of each are read.
        longest: Largest number of events.
        read: Returns the interests of a padded batch.
    """
    lengths = torch.tensor([min(len(h), longest) for h in histories], dtype=torch.int64)
    groups = groups_of_similar_length(lengths)
    parts = [
        (rows, read(padded([histories[n] for n in rows.tolist()], longest))) for rows in groups
    ]
    return join_rows(parts)


def join_rows(parts: Sequence[tuple[Tensor, Interests]]) -> Interests:
    """Return the interests of a whole batch from those of its groups, padded to the longest.

    Args:
        parts: The positions of the rows of each group, and their interests.
    """
    if len(parts) == 1:
        return parts[0][1]
    width = max(interests.weights.shape[-1] for _, interests in parts)
    back = torch.cat([rows for rows, _ in parts]).argsort().to(parts[0][1].vectors.device)
    wide = [_padded_to(interests, width) for _, interests in parts]
    # A field that one group has, all groups have.
    return Interests._make(
        None if values[0] is None else torch.cat(values)[back] for values in zip(*wide, strict=True)
    )


def _padded_to(interests: Interests, width: int) -> Interests:
    """Return interests with weights and states for ``width`` events, 0 at the new ones."""
    more = width - interests.weights.shape[-1]
    states = interests.states
    return interests._replace(
        weights=pad(interests.weights, (0, more)),
        states=None if states is None else pad(states, (0, 0, 0, more)),
    )


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
