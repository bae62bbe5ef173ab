"""The exact trade-off between relevance and diversity: all lists that any strength can make.

    lists = frontier(scores, categories, k=20)         # one user
    lists.strength, lists.relevance, lists.diversity   # one value per list
    lists.strength_for_diversity(0.6)                  # the smallest that reaches diversity 0.6
    lists.strength_for_relevance_loss(0.02)            # the largest that costs 2 % of Σ score

The value of a candidate, score - λ · rank in its category, is a linear function of λ. The list
changes only where the value of a candidate outside the list crosses that of one inside. All lists
are found by going from one crossing to the next; at each, relevance falls and diversity rises.
"""

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

    Cost: O(k M) per list; there are fewer than k² / 2 lists, usually about k.
    """
    check_length(k)
    present = scores > -np.inf
    scores, categories = scores[present].astype(np.float64), categories[present]
    rank = rank_in_category(scores[None], categories[None])[0]
    points = lists_along(scores, rank, k)
    size = np.count_nonzero(points[0][1])
    same = np.array([rank[chosen].sum() for _, chosen in points])  # pairs of the same category
    return Frontier(
        np.array([at for at, _ in points]),
        np.array([scores[chosen].sum() for _, chosen in points]),
        1 - same / (size * (size - 1) / 2) if size > 1 else np.full(len(points), np.nan),
    )


def lists_along(
    scores: Float[np.ndarray, " M"], rank: NDArray[np.integer] | NDArray[np.floating], k: int
) -> list[tuple[float, NDArray[np.bool_]]]:
    """Return all sets of k candidates with the largest score - λ · rank, for any λ from 0.

    Returns:
        The smallest λ of each set, ascending, and which candidates are in it.

    Cost: O(k M) per set.
    """
    inside = np.zeros(len(scores), dtype=bool)
    inside[top_k(scores[None], min(k, len(scores)))[0]] = True
    points = [(0.0, inside.copy())]
    while (swap := _next_crossing(scores, rank, inside)) is not None:
        at, leaves, enters = swap
        inside[leaves], inside[enters] = False, True
        at = max(at, points[-1][0])  # equal crossings may differ by a rounding error
        if at == points[-1][0] and len(points) > 1:
            points.pop()
        points.append((at, inside.copy()))
    return points


def _next_crossing(
    scores: NDArray[np.float64],
    rank: NDArray[np.integer] | NDArray[np.floating],
    inside: NDArray[np.bool_],
) -> tuple[float, int, int] | None:
    """Return the smallest strength at which a candidate enters the list, and the two that swap.

    These are the candidate that leaves the list and the one that enters it. None if there is none.
    """
    within, without = np.flatnonzero(inside), np.flatnonzero(~inside)
    steeper = rank[within][:, None] - rank[without]
    ahead = scores[within][:, None] - scores[without]
    crossing = np.full(steeper.shape, np.inf)
    np.divide(ahead, steeper, out=crossing, where=steeper > 0)
    least = crossing.min(initial=np.inf)
    if least == np.inf:
        return None
    leaves, enters = np.unravel_index(crossing.argmin(), crossing.shape)
    return float(least), int(within[leaves]), int(without[enters])


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigError(f"The {name} is {share}, which is not a share; use a number from 0 to 1.")
