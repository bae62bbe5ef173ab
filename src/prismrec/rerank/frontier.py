"""The exact trade-off between relevance and diversity: all lists that any strength can make.

    lists = frontier(scores, categories, k=20)         # one user
    lists.strength, lists.relevance, lists.diversity   # one value per list
    lists.strength_for_diversity(0.6)                  # the smallest that reaches diversity 0.6
    lists.strength_for_relevance_loss(0.02)            # the largest that costs 2 % of Σ score

The value of a candidate, score - λ · rank in its category, is a linear function of λ. The list
changes only where the value of a candidate outside the list crosses that of one inside. All lists
are found by going from one crossing to the next; at each, relevance falls and diversity rises.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError
from prismrec.numerics import top_k
from prismrec.rerank.category import rank_in_category
from prismrec.rerank.options import check_length


@dataclass(frozen=True, eq=False)
class Frontier:
    """F lists of one user, from the most relevant to the most diverse.

    List 0 is the ranking by score. List f > 0 is the best list at every strength above
    ``breakpoints[f]``, up to ``breakpoints[f + 1]``.
    """

    breakpoints: NDArray[np.float64]
    """``[F]``, ascending from 0, in the unit of the scores."""
    relevance: NDArray[np.float64]
    """``[F]``, descending: the sum of the scores of each list."""
    diversity: NDArray[np.float64]
    """``[F]``, ascending: share of pairs that differ in category; NaN for lists below two items."""

    def __len__(self) -> int:
        return len(self.breakpoints)

    def __repr__(self) -> str:
        relevance, diversity = self.relevance, self.diversity
        return (
            f"Frontier({len(self)} lists, relevance {relevance[0]:.4g} to {relevance[-1]:.4g}, "
            f"diversity {diversity[0]:.4g} to {diversity[-1]:.4g})"
        )

    @property
    def strength(self) -> NDArray[np.float64]:
        """Return a strength for each list, ``[F]``: between its breakpoints, and 0 for list 0."""
        end = self.breakpoints[-1]
        following = np.append(self.breakpoints[1:], 2 * end or 1)
        middle: NDArray[np.float64] = (self.breakpoints + following) / 2
        middle[0] = 0
        return middle

    def strength_for_diversity(self, target: float) -> float:
        """Return the strength of the most relevant list whose diversity is at least ``target``.

        Args:
            target: Share of the pairs of the list that differ in category, 0 to 1.

        Raises:
            ConfigError: No list of these candidates is as diverse, or ``target`` is not a share.
        """
        _check_share("target diversity", target)
        most = self.diversity[-1]
        if not most >= target:
            raise ConfigError(
                f"The target diversity is {target}, but the most diverse list of these candidates "
                f"has {most:.4g}; use a lower target, or retrieve more candidates."
            )
        return float(self.strength[np.searchsorted(self.diversity, target)])

    def strength_for_relevance_loss(self, max_loss: float) -> float:
        """Return the strength of the most diverse list within a relevance budget.

        Args:
            max_loss: Largest share of the relevance of the ranking by score to lose, 0 to 1.

        Raises:
            ConfigError: ``max_loss`` is not a share, or the relevance is negative, so that a share
                of it has no meaning.
        """
        _check_share("relevance loss", max_loss)
        best = self.relevance[0]
        if best < 0:
            raise ConfigError(
                f"The relevance loss was limited to a share, but the scores of the best list sum "
                f"to {best:.4g}; scale the scores to 0…1 with normalize_scores()."
            )
        enough = np.flatnonzero(self.relevance >= (1 - max_loss) * best)
        return float(self.strength[enough[-1]])


def frontier(
    scores: Float[np.ndarray, " M"], categories: Int[np.ndarray, " M"], k: int
) -> Frontier:
    """Find all lists of one user that ``diversify`` makes at any strength.

    Args:
        scores: In any order; -inf for no candidate.
        categories: One per candidate; -1 for none, which differs from every category.
        k: Length of the lists; shorter if there are fewer candidates.

    Raises:
        ConfigError: ``k`` is below 1.
        DataError: A score is NaN.

    Cost: O(M log M), and O(R² + M) per list with R ranks; there are fewer than k² / 2 lists,
        usually about k.
    """
    check_length(k)
    present = scores > -np.inf
    scores, categories = scores[present].astype(np.float64), categories[present]
    rank = rank_in_category(scores[None], categories[None])[0]
    size = min(k, len(scores))
    points = [
        (at, scores[chosen].sum(), rank[chosen].sum())  # the ranks count pairs of one category
        for at, chosen in lists_along(scores, rank, k, rank)
    ]
    at, relevance, same = (np.array(part, dtype=np.float64) for part in zip(*points, strict=True))
    return Frontier(
        at, relevance, 1 - same / (size * (size - 1) / 2) if size > 1 else np.full(len(at), np.nan)
    )


def lists_along(
    scores: Float[np.ndarray, " M"],
    rank: NDArray[np.integer] | NDArray[np.floating],
    k: int,
    chain: NDArray[np.integer],
) -> Iterator[tuple[float, NDArray[np.bool_]]]:
    """Yield all sets of k candidates with the largest score - λ · rank, for any λ from 0.

    Args:
        scores: One per candidate.
        rank: One per candidate.
        k: Size of the sets.
        chain: A number per candidate. Candidates with the same number never change their order: if
            one has a larger score than another, its rank is not larger. So of each chain only the
            last candidate of a set can leave it, and only the next one can enter.

    Yields:
        The smallest λ of each set, ascending, and which candidates are in it.

    Cost: O(M log M), and O(C² + M) per set with C chains.
    """
    inside = np.zeros(len(scores), dtype=bool)
    inside[top_k(scores[None], min(k, len(scores)))[0]] = True
    at, found, is_first = 0.0, inside.copy(), True
    for crossing, leaves, enters in _crossings(scores, rank, chain, inside):
        if crossing > at or is_first:  # equal crossings may differ by a rounding error
            yield at, found
        at, is_first = max(crossing, at), False
        inside[leaves], inside[enters] = False, True
        found = inside.copy()
    yield at, found


def _crossings(
    scores: NDArray[np.float64],
    rank: NDArray[np.integer] | NDArray[np.floating],
    chain: NDArray[np.integer],
    inside: NDArray[np.bool_],
) -> Iterator[tuple[float, int, int]]:
    """Yield the strengths at which the list changes, each with the candidates that swap.

    These are the candidate that leaves the list and the one that enters it. The first candidates
    of each chain are in the list, so their number describes it; the caller must not change
    ``inside`` before the first yield.
    """
    order = np.lexsort((rank, ~inside, -scores, chain))
    begin = np.flatnonzero(np.diff(chain[order], prepend=np.nan))
    end = np.append(begin[1:], len(order))
    next_place = begin + np.add.reduceat(inside[order], begin) if len(order) else begin
    scores, rank = scores[order], rank[order]
    while True:
        used, left = np.flatnonzero(next_place > begin), np.flatnonzero(next_place < end)
        last, following = next_place[used] - 1, next_place[left]
        if len(last):  # only a candidate of a smaller rank can enter
            left = left[rank[following] < rank[last].max()]
            following = next_place[left]
        if not len(last) or not len(following):
            return
        steeper = rank[last][:, None] - rank[following]
        ahead = scores[last][:, None] - scores[following]
        crossing = np.full(steeper.shape, np.inf)
        np.divide(ahead, steeper, out=crossing, where=steeper > 0)
        leaves, enters = np.unravel_index(crossing.argmin(), crossing.shape)
        yield (
            float(crossing[leaves, enters]),
            int(order[last[leaves]]),
            int(order[following[enters]]),
        )
        next_place[used[leaves]] -= 1
        next_place[left[enters]] += 1


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigError(f"The {name} is {share}, which is not a share; use a number from 0 to 1.")
