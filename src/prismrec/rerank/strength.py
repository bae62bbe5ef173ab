"""The strength λ of a user that meets a target or a relevance budget, without the whole frontier.

    strength_for(Diversity(target=0.8), scores, categories, k=20).strength

The value of a list at λ is Σ score - λ · Σ rank: a line over λ. The best list at a λ has the
highest line there. Two lists follow one another on the frontier if one of them is best where their
lines cross; otherwise the best list there lies between them, and the search goes on with one half.
So it makes some twenty lists, where the frontier of 500 items has some 200.

Source: Eisner and Severance, Mathematical techniques for efficient record segmentation in large
shared databases, JACM 23(4), 1976.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from prismrec.errors import ConfigError
from prismrec.numerics import top_k
from prismrec.rerank.category import rank_in_category
from prismrec.rerank.options import Diversity, check_length

BESIDE = 1e-9
"""Distance to a crossing at which the best list is looked for, relative to the range of the scores:
at the crossing itself, lists that are best nowhere else may have the same value."""
ROUNDING = 1e-12
"""Share of the relevance by which sums of the same scores in another order may differ."""


class Strength(NamedTuple):
    """The strength of one user."""

    strength: float
    proof: float
    """If no item that is not a candidate can enter the best list at this strength, more candidates
    would not change ``strength``. Infinity if that would need all items."""


class Strengths(NamedTuple):
    """The strengths λ of B users."""

    strength: Float[np.ndarray, " B"]
    proof: Float[np.ndarray, " B"]
    """See ``Strength``."""


@dataclass(frozen=True)
class _List:
    """The best list at some strength."""

    relevance: float
    """The sum of the scores."""
    ranks: float
    """The sum of the ranks: the number of pairs of one category."""


def strength_for(
    diversity: Diversity,
    scores: Float[np.ndarray, " M"],
    categories: Int[np.ndarray, " M"],
    k: int,
) -> Strength:
    """Return the smallest strength that reaches a target, or the largest within a budget.

    Args:
        diversity: A target or a relevance budget. A target that is too high gets the most diverse
            list.
        scores: One per candidate; -inf for no candidate.
        categories: One per candidate; -1 for none.
        k: Length of the list.

    Raises:
        ConfigError: ``k`` is below 1; a relevance budget, and the relevance is negative.

    Cost: O(M log M), and O(M) per list that is tried.
    """
    check_length(k)
    present = scores > -np.inf
    lists = _Lists(scores[present].astype(np.float64), categories[present], k)
    first, last = lists.first, lists.last
    if diversity.max_relevance_loss is not None:
        least = least_relevance(first.relevance, diversity.max_relevance_loss)
        if last.relevance >= least or last.ranks == first.ranks:
            strength = lists.strength_of(last)
            return Strength(strength, math.inf if last.ranks else strength)
        chosen, _, crossing = lists.around(lambda one: one.relevance < least)
        return Strength(lists.strength_of(chosen), lists.beside(crossing))
    wanted = diversity.target or 0.0
    target = min(wanted, lists.diversity(last))
    strength = 0.0
    if lists.diversity(first) < target:
        strength = lists.strength_of(lists.around(lambda one: lists.diversity(one) >= target)[1])
    return Strength(strength, math.inf if target < wanted else strength)


def strengths_for(
    diversity: Diversity,
    scores: Float[np.ndarray, "B M"],
    categories: Int[np.ndarray, "B M"],
    k: int,
) -> Strengths:
    """Return the strength λ of each user.

    Args:
        diversity: A strength, a target or a relevance budget.
        scores: Scaled to 0…1; -inf for no candidate.
        categories: One per candidate; -1 for none.
        k: Length of the list.

    Cost: nothing for a strength; see ``strength_for`` for a target or a relevance budget.
    """
    if not diversity.has_target:
        given = np.full(len(scores), float(diversity.strength or 0))
        return Strengths(given, given)
    users = zip(scores, categories, strict=True)
    found = [strength_for(diversity, *user, k) for user in users]
    return Strengths(*np.array(found, dtype=np.float64).reshape(-1, 2).T)


class _Lists:
    """The lists of one user.

    Args:
        scores: ``[M]``.
        categories: ``[M]``.
        k: Length of the lists.
    """

    def __init__(self, scores: np.ndarray, categories: np.ndarray, k: int) -> None:
        self.scores, self.k = scores, min(k, len(scores))
        self.rank = rank_in_category(scores[None], categories[None])[0].astype(np.float64)
        self.pairs = self.k * (self.k - 1) / 2
        self.first = self._of(top_k(scores[None], self.k)[0])
        self.range = float(np.ptp(scores)) or 1.0 if self.k else 1.0
        self.last = self.at(2 * self.range)  # one rank costs more than any difference of two scores

    def diversity(self, one: _List) -> float:
        """Return the share of pairs that differ in category; 1 for lists below two items."""
        return 1 - one.ranks / self.pairs if self.pairs else 1.0

    def at(self, strength: float) -> _List:
        """Return the best list at a strength."""
        if not self.k:
            return self.first
        cost = strength * self.rank - self.scores
        return self._of(np.argpartition(cost, self.k - 1)[: self.k])

    def around(
        self,
        is_right: Callable[[_List], bool],
        left: _List | None = None,
        right: _List | None = None,
    ) -> tuple[_List, _List, float]:
        """Return the last list that is not right, the first one that is, and the λ between them.

        Args:
            is_right: Whether the wanted place is before a list; from some list on always true.
            left: A list that is not right; the first one by default.
            right: A list that is, even if ``is_right`` denies it; the last one by default.
        """
        left, right = left or self.first, right or self.last
        while True:
            crossing = (left.relevance - right.relevance) / (left.ranks - right.ranks)
            middle = self.at(self.beside(crossing))
            if not left.ranks > middle.ranks > right.ranks:
                return left, right, crossing
            left, right = (left, middle) if is_right(middle) else (middle, right)

    def beside(self, crossing: float) -> float:
        """Return a strength just above a crossing."""
        return crossing + BESIDE * self.range

    def strength_of(self, one: _List) -> float:
        """Return the strength in the middle of those at which a list is the best; 0 for the first.

        The last list has no end; see ``Frontier.strength``.
        """
        if one.ranks == self.first.ranks:
            return 0.0
        begin = self.around(lambda _: False, right=one)[2]
        if one.ranks == self.last.ranks:
            return (begin + (2 * begin or 1)) / 2
        return (begin + self.around(lambda _: True, left=one)[2]) / 2

    def _of(self, chosen: np.ndarray) -> _List:
        # Exact sums: those of equal lists are equal in any order.
        return _List(math.fsum(self.scores[chosen].tolist()), float(self.rank[chosen].sum()))


def least_relevance(best: float, max_loss: float) -> float:
    """Return the smallest relevance within a budget; a rounding error is allowed.

    Args:
        best: Relevance of the ranking by score.
        max_loss: Largest share of it to lose; 1 is no limit, also for lists below 0.

    Raises:
        ConfigError: The relevance is negative, so that a share of it has no meaning.
    """
    if max_loss >= 1:
        return -math.inf
    if best < 0:
        raise ConfigError(
            f"The relevance loss was limited to a share, but the scores of the best list sum "
            f"to {best:.4g}; scale the scores to 0…1."
        )
    return (1 - max_loss - ROUNDING) * best
