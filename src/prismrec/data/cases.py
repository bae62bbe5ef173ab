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
from prismrec.data.ids import as_item_numbers
from prismrec.errors import DataError


@dataclass(frozen=True, slots=True, repr=False)
class Case:
    """One user of validation or test: the known history and the targets that follow it.

    Raises:
        ConfigError, DataError: The history, the targets or the dislikes are no list of whole item
            numbers, or there is another number of weights than of targets.
    """

    history: NDArray[np.int64]
    """Item numbers, oldest first, complete. A model uses the newest ``max_len`` of them."""
    targets: NDArray[np.int64]
    """Item numbers, at least one, in time order. Metrics use them as a set."""
    weights: NDArray[np.float32] | None = None
    """One weight per target; None if events have none."""
    dislikes: NDArray[np.int64] | None = None
    """Items that the user disliked before the targets; None if nothing marks dislikes."""

    def __post_init__(self) -> None:
        """Check the values; other lists of whole numbers than arrays are made arrays."""
        for name in ("history", "targets", "dislikes"):
            given = getattr(self, name)
            if given is not None or name != "dislikes":
                numbers = as_item_numbers(given, f"The field {name} of a case")
                if numbers is not given:
                    object.__setattr__(self, name, numbers)
        if self.weights is not None and np.shape(self.weights) != self.targets.shape:
            raise DataError(
                f"A case has {len(self.targets)} targets, but weights of shape "
                f"{np.shape(self.weights)}; give one weight per target."
            )

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
