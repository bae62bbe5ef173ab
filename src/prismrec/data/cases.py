"""Users of validation and test: their known histories and the targets that follow.

The arrays of a case are views of the arrays of the data set.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

import numpy as np
from numpy.typing import NDArray

from prismrec.data.dislikes import known_dislikes
from prismrec.data.histories import Histories


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """One user of validation or test: the known history and the targets that follow it."""

    history: NDArray[np.int64]
    """Item numbers, oldest first, complete. A model uses the newest ``max_len`` of them."""
    targets: NDArray[np.int64]
    """Item numbers, at least one, in time order. Metrics use them as a set."""
    weights: NDArray[np.float32] | None = None
    """One weight per target; None if events have none."""
    dislikes: NDArray[np.int64] | None = None
    """Items that the user disliked before the targets; None if nothing marks dislikes."""

    def __repr__(self) -> str:
        return f"Case({len(self.history)} history items, {len(self.targets)} targets)"


@dataclass(frozen=True, repr=False)
class Cases(Sequence[Case]):
    """The cases of N users, each made when it is read; a slice is again ``Cases``."""

    histories: Histories
    dislikes: Histories | None
    users: NDArray[np.int64]
    """Number of the user of each case, ``[N]``."""
    bounds: NDArray[np.int64]
    """Events at which the history begins, the targets begin and the targets end, ``[N, 3]``."""

    def __repr__(self) -> str:
        return f"Cases({len(self):,} users)"

    def __len__(self) -> int:
        return len(self.users)

    @overload
    def __getitem__(self, place: int) -> Case: ...

    @overload
    def __getitem__(self, place: slice) -> "Cases": ...

    def __getitem__(self, place: int | slice) -> "Case | Cases":
        if isinstance(place, slice):
            return replace(self, users=self.users[place], bounds=self.bounds[place])
        start, middle, end = self.bounds[place].tolist()
        of, dislikes = self.histories, self.dislikes
        return Case(
            of.items[start:middle],
            of.items[middle:end],
            None if of.weights is None else of.weights[middle:end],
            None if dislikes is None
            else known_dislikes(dislikes, int(self.users[place]), of.times[middle]),
        )  # fmt: skip
