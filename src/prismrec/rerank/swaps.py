"""All sets of k candidates with the largest score - λ · rank, from λ = 0 on.

The value of a candidate is a line over λ. The set changes only where the lowest line inside it
crosses the highest line outside it. All sets are found by going from one crossing to the next.

    sets = sets_along(scores, rank, k, chain)
    sets.strength            # the smallest λ of each set
    sets.sums(scores)        # the sum of the scores of each set
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from prismrec.numerics import top_k


@dataclass(frozen=True, eq=False)
class SetsAlong:
    """F sets of k candidates, each made of the one before by swaps."""

    strength: NDArray[np.float64]
    """``[F]``, ascending from 0: the smallest λ of each set."""
    first: NDArray[np.bool_]
    """``[M]``: which candidates are in the set of λ = 0."""
    leaves: NDArray[np.int64]
    """``[T]``: the candidates that leave, one per swap."""
    enters: NDArray[np.int64]
    """``[T]``: the candidates that enter."""
    swaps: NDArray[np.int64]
    """``[F]``: number of swaps before each set."""

    def sums(self, values: NDArray[Any]) -> NDArray[Any]:
        """Return the sums of values over each set: ``[M, …]`` to ``[F, …]``."""
        changes = values[self.enters] - values[self.leaves]
        whole = np.concatenate([values[self.first].sum(axis=0)[None], changes])
        sums: NDArray[Any] = whole.cumsum(axis=0)[self.swaps]
        return sums


def sets_along(
    scores: Float[np.ndarray, " M"],
    rank: NDArray[np.integer] | NDArray[np.floating],
    k: int,
    chain: NDArray[np.integer],
) -> SetsAlong:
    """Find all sets of min(k, M) candidates with the largest score - λ · rank, for any λ from 0.

    Args:
        scores: One per candidate; finite.
        rank: One per candidate; finite.
        k: Size of the sets.
        chain: A number per candidate. Candidates with the same number never change their order: if
            one has a larger score than another, its rank is not larger. So of each chain only the
            last candidate of a set can leave it, and only the next one can enter.

    Cost: O(M log M), and O(C) per swap with C chains.
    """
    first = np.zeros(len(scores), dtype=bool)
    first[top_k(scores[None], min(k, len(scores)))[0]] = True
    found = list(_swaps(scores, rank, chain, first))
    strength, swaps, at = [0.0], [0], 0.0
    for number, (crossing, _, _) in enumerate(found):
        if number and crossing > at:  # equal crossings may differ by a rounding error
            strength.append(at)
            swaps.append(number)
        at = max(crossing, at)
    if found:
        strength.append(at)
        swaps.append(len(found))
    leaves, enters = np.array([pair for _, *pair in found], dtype=np.int64).reshape(-1, 2).T
    return SetsAlong(np.array(strength), first, leaves, enters, np.array(swaps))


def _swaps(
    scores: NDArray[np.float64],
    rank: NDArray[np.integer] | NDArray[np.floating],
    chain: NDArray[np.integer],
    inside: NDArray[np.bool_],
) -> Iterator[tuple[float, int, int]]:
    """Yield the λ of each swap, the candidate that leaves, and the one that enters.

    The first candidates of each chain are in the set, so their number describes it.
    """
    if inside.all():
        return
    order = np.lexsort((rank, ~inside, -scores, chain))
    first_places = np.flatnonzero(np.diff(chain[order], prepend=np.nan))
    begin, end = first_places.tolist(), [*first_places[1:].tolist(), len(order)]
    place = (first_places + np.add.reduceat(inside[order], first_places)).tolist()
    lines = _Lines(scores[order].tolist(), rank[order].tolist(), len(begin))
    for number in range(len(begin)):
        lines.put(number, place[number], begin[number], end[number])
    at = 0.0
    while (found := lines.next_crossing(at, place)) is not None:
        crossing, leaving, entering = found
        yield crossing, int(order[place[leaving] - 1]), int(order[place[entering]])
        place[leaving] -= 1
        place[entering] += 1
        for number in (leaving, entering):
            lines.put(number, place[number], begin[number], end[number])
        at = max(at, crossing)


class _Lines:
    """The lines that may swap: per chain, that of its last candidate inside and the next outside.

    Args:
        scores: Of the candidates, chain by chain.
        rank: Of the candidates.
        chains: Number of chains.
    """

    def __init__(self, scores: list[float], rank: list[float], chains: int) -> None:
        self.scores, self.rank = scores, rank
        # Row 0 has the lines inside and row 1 the negative lines outside: the lowest of each swap.
        self.height = np.full((2, chains), np.inf)
        self.slope = np.zeros((2, chains))
        self.value = np.empty((2, chains))

    def put(self, chain: int, place: int, begin: int, end: int) -> None:
        """Set the lines of a chain: its candidates before ``place`` are inside, the others not."""
        height, slope = self.height, self.slope
        height[0, chain], slope[0, chain] = np.inf, 0
        height[1, chain], slope[1, chain] = np.inf, 0
        if place > begin:
            height[0, chain], slope[0, chain] = self.scores[place - 1], self.rank[place - 1]
        if place < end:
            height[1, chain], slope[1, chain] = -self.scores[place], -self.rank[place]

    def next_crossing(self, at: float, place: list[int]) -> tuple[float, int, int] | None:
        """Return the next crossing from a λ on, and its chains; None if there is no more.

        The distance of the lowest line inside to the highest one outside is a concave function of
        λ. It is not negative now, so its next root is found with Newton's method from the right:
        the crossing of the two lines that are lowest and highest now is not before it.
        """
        pair = self._lowest(at)
        crossing = self._crossing(pair, place)
        if crossing == np.inf:  # now the distance does not fall
            pair = self._steepest()
            crossing = self._crossing(pair, place)
        if crossing == np.inf:
            return None
        while True:
            lower = self._lowest(crossing)
            earlier = self._crossing(lower, place)
            if earlier >= crossing:
                return crossing, *pair
            pair, crossing = lower, earlier

    def _crossing(self, pair: tuple[int, int], place: list[int]) -> float:
        """Return the λ at which the lines of two chains cross; infinity if they do not."""
        last, following = place[pair[0]] - 1, place[pair[1]]
        steeper = self.rank[last] - self.rank[following]
        return (self.scores[last] - self.scores[following]) / steeper if steeper > 0 else np.inf

    def _lowest(self, at: float) -> tuple[int, int]:
        """Return the chains of the lowest line inside and of the highest outside, at a λ."""
        np.multiply(self.slope, -at, out=self.value)
        np.add(self.value, self.height, out=self.value)
        leaving, entering = self.value.argmin(axis=1).tolist()
        return leaving, entering

    def _steepest(self) -> tuple[int, int]:
        """Return the chains of the lines that are lowest and highest when λ grows."""
        slope = np.where(np.isinf(self.height), -np.inf, self.slope)
        leaving, entering = slope.argmax(axis=1).tolist()
        return leaving, entering
