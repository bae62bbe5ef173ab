"""The lists of a batch of users, and how they were made."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Int
from numpy.typing import NDArray

from prismrec.types import RankedItems


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Lists of B users and how they were made; item 0 where a list is shorter than k."""

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    interest: NDArray[np.int64]
    rank: NDArray[np.int64]
    """``[B, k]``: rank of each item by score alone, from 0."""
    plain: NDArray[np.int64]
    """``[B, k]``: the list at strength 0 with neutral options of the interests."""
    strength: NDArray[np.float64]
    """``[B]``: λ."""
    relevance: NDArray[np.float64]
    """``[B]``: sum of the scaled scores, as a share of that of ``plain``; NaN if that is 0."""
    certified: NDArray[np.bool_]
    """``[B]``: whether the list is known to be the best of the whole catalog at that λ."""
    popular: NDArray[np.bool_]
    """``[B]``: whether the list shows popular items, since the user has no interests."""

    @classmethod
    def empty(cls, users: int, k: int) -> "RankedLists":
        """Return empty lists."""
        return cls(
            items=np.zeros((users, k), dtype=np.int64),
            scores=np.zeros((users, k), dtype=np.float32),
            interest=np.zeros((users, k), dtype=np.int64),
            rank=np.zeros((users, k), dtype=np.int64),
            plain=np.zeros((users, k), dtype=np.int64),
            strength=np.zeros(users),
            relevance=np.ones(users),
            certified=np.ones(users, dtype=bool),
            popular=np.zeros(users, dtype=bool),
        )

    def __repr__(self) -> str:
        users, k = self.items.shape
        return f"RankedLists({users} users, k {k}, {int(self.certified.sum())} certified)"

    def write(
        self, rows: NDArray[np.int64], candidates: RankedItems, chosen: Int[np.ndarray, "R k"]
    ) -> None:
        """Write the chosen columns of the candidates as the lists of some rows; -1 for no item."""
        width = chosen.shape[1]
        parts = (np.take_along_axis(part, chosen, axis=1) for part in candidates)
        items, scores, interest = parts
        items = np.where(chosen >= 0, items, 0)
        present = items > 0
        self.items[rows, :width] = items
        self.scores[rows, :width] = np.where(present, scores, 0)
        self.interest[rows, :width] = np.where(present, interest, 0)
        self.rank[rows, :width] = np.where(present, chosen, 0)

    def fill(self, rows: NDArray[np.int64], other: "RankedLists") -> None:
        """Copy the lists of another batch into some rows."""
        for field in fields(self):
            whole: NDArray[Any] = getattr(self, field.name)
            whole[rows] = getattr(other, field.name)
