"""Boosts: what is added to the scores of some items, so that a list prefers them.

    boosts = ScoreBoosts.of([is_new, is_cheap], [log(2), log(1.5)])
    boosts.at(items)                 # what is added to each score
    boosts.parts(eligible)           # masks: in each part, the same is added to every item

An item that is not among the best M without boosts scores at most as the last of them, plus the
largest boost. If enough of the M score more, they have the best items with boosts. Otherwise each
part is searched as a filter is: within a part boosts change no order, so the best items with boosts
are among the best of each part. Both are as exact as the search of the index.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, repr=False)
class ScoreBoosts:
    """What is added to the score of each item."""

    part_of: NDArray[np.uint8]
    """``[V]``: the part of each item: one bit per boost."""
    added: NDArray[np.float64]
    """What is added in each part."""

    @classmethod
    def of(cls, masks: Sequence[Bool[np.ndarray, " V"]], added: Sequence[float]) -> Self:
        """Return boosts from the items of each of them, at most 8, and what each adds.

        Cost: O(V) per boost.
        """
        part_of = np.zeros(len(masks[0]), dtype=np.uint8)
        for number, mask in enumerate(masks):
            part_of |= mask.astype(np.uint8) << np.uint8(number)
        parts = np.arange(1 << len(masks))
        each = np.array([(parts >> number & 1) * one for number, one in enumerate(added)])
        return cls(part_of, each.sum(axis=0))

    def at(self, items: Int[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Return what is added to the scores of some items; 0 for item 0."""
        added: NDArray[np.float64] = self.added[self.part_of[items]]
        return np.where(items > 0, added, 0.0)

    def parts(self, eligible: Bool[np.ndarray, " V"] | None) -> Iterator[Bool[np.ndarray, " V"]]:
        """Yield the eligible items of each part that has any."""
        used = self.part_of[1:] if eligible is None else self.part_of[eligible]
        for part in np.flatnonzero(np.bincount(used, minlength=len(self.added))):
            mask = self.part_of == part
            mask[0] = False
            yield mask if eligible is None else mask & eligible
