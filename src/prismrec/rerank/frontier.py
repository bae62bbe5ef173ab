"""The exact trade-off between relevance and diversity: all lists that any strength can make.

    lists = frontier(scores, categories, k=20)         # one user
    lists.strength, lists.relevance, lists.diversity   # one value per list
    lists.strength_for_diversity(0.6)                  # the smallest that reaches diversity 0.6
    lists.strength_for_relevance_loss(0.02)            # the largest that costs 2 % of Σ score

The value of a candidate, score - λ · rank in its category, is a linear function of λ, so ``swaps``
finds all lists; from each to the next, relevance falls and diversity rises.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError
from prismrec.rerank.category import rank_in_category
from prismrec.rerank.options import check_length
from prismrec.rerank.swaps import sets_along

ROUNDING = 1e-12
"""Share of the relevance by which sums of the same scores in another order may differ."""


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
        enough = np.flatnonzero(self.relevance >= least_relevance(self.relevance[0], max_loss))
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


def least_relevance(best: float, max_loss: float) -> float:
    """Return the smallest relevance within a budget; a rounding error is allowed.

    Args:
        best: Relevance of the ranking by score.
        max_loss: Largest share of it to lose.

    Raises:
        ConfigError: The relevance is negative, so that a share of it has no meaning.
    """
    if best < 0:
        raise ConfigError(
            f"The relevance loss was limited to a share, but the scores of the best list sum "
            f"to {best:.4g}; scale the scores to 0…1 with normalize_scores()."
        )
    return (1 - max_loss - ROUNDING) * best


def _distinct(numbers: NDArray[np.integer]) -> int:
    return len(np.unique(numbers))


def _check_share(name: str, share: float) -> None:
    if not 0 <= share <= 1:
        raise ConfigError(f"The {name} is {share}, which is not a share; use a number from 0 to 1.")
