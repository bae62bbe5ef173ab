"""The exact trade-off between relevance and diversity: all lists that any strength can make.

    lists = frontier(scores, categories, k=20)         # one user
    lists.strength, lists.relevance, lists.diversity   # one value per list

The value of a candidate, score - λ · rank in its category, is a linear function of λ, so ``swaps``
finds all lists; from each to the next, relevance falls and diversity rises.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.rerank.category import rank_in_category
from prismrec.rerank.options import check_length
from prismrec.rerank.swaps import sets_along


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

    Cost: O(M log M), and O(C) per swap with C categories or ranks, whichever are fewer; there are
        fewer than k² / 2 swaps, usually about k.
    """
    check_length(k)
    present = scores > -np.inf
    scores, categories = scores[present].astype(np.float64), categories[present]
    rank = rank_in_category(scores[None], categories[None])[0]
    size = min(k, len(scores))
    # Both number the candidates so that equal numbers keep their order; fewer numbers are faster.
    chain = min(rank, categories, key=_distinct)
    sets = sets_along(scores, rank, k, chain)
    same = sets.sums(rank)  # the ranks count pairs of one category
    pairs = size * (size - 1) / 2
    diversity = 1 - same / pairs if size > 1 else np.full(len(same), np.nan)
    return Frontier(sets.strength, sets.sums(scores), diversity)


def _distinct(numbers: NDArray[np.integer]) -> int:
    return len(np.unique(numbers))
