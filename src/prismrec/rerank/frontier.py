"""The whole trade of relevance for diversity, exactly, and the dial in the user's own unit.

    found = frontier(scores, categories, k=20)         # one user
    found.strength, found.relevance, found.diversity   # every list that any strength gives
    found.strength_for_diversity(0.6)                  # the least that gives diversity@k 0.6
    found.strength_for_relevance(0.02)                 # the most that costs 2 % of Σ score

Each candidate's value, score - λ · rank in its category, is a line in λ; the list changes only
where the line of one outside crosses that of one inside. Going from crossing to crossing visits
every list once: relevance falls and diversity rises at each.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError
from prismrec.rerank.category import diversify, rank_in_category
from prismrec.types import check_length


@dataclass(frozen=True, eq=False)
class Frontier:
    """F lists of one user, from the most relevant to the most diverse.

    List 0 is the ranking by score. List f > 0 is the best one at every strength above
    ``breakpoints[f]``, up to ``breakpoints[f + 1]``.
    """

    breakpoints: NDArray[np.float64]
    """``[F]``, rising, from 0; in the unit of the scores."""
    relevance: NDArray[np.float64]
    """``[F]``, falling: the sum of the scores of the list."""
    diversity: NDArray[np.float64]
    """``[F]``, rising: share of the list's pairs that differ in category; NaN below two items."""

    @property
    def strength(self) -> NDArray[np.float64]:
        """Give a strength for each list, ``[F]``: amid its breakpoints, and 0 for list 0."""
        end = self.breakpoints[-1]
        after = np.append(self.breakpoints[1:], 2 * end or 1)
        amid: NDArray[np.float64] = (self.breakpoints + after) / 2
        amid[0] = 0
        return amid

    def strength_for_diversity(self, target: float) -> float:
        """Give the strength of the most relevant list whose diversity is ``target`` or more.

        Args:
            target: Share of the list's pairs that differ in category, 0 to 1.

        Raises:
            ConfigError: No list of these candidates is so diverse, or ``target`` is not a share.
        """
        _check_share("target diversity", target)
        most = self.diversity[-1]
        if not most >= target:
            raise ConfigError(
                f"The target diversity is {target}, and the most diverse list of these candidates "
                f"has {most:.4g}; ask for no more, or retrieve more candidates."
            )
        return float(self.strength[np.searchsorted(self.diversity, target)])

    def strength_for_relevance_loss(self, lost: float) -> float:
        """Give the strength of the most diverse list that loses at most ``lost`` of relevance.

        Args:
            lost: Share of the sum of scores of the ranking by score, 0 to 1.

        Raises:
            ConfigError: ``lost`` is not a share, or the scores sum to less than 0, where a share
                of them says nothing.
        """
        _check_share("relevance lost", lost)
        best = self.relevance[0]
        if best < 0:
            raise ConfigError(
                f"A share of relevance was asked, and the scores of the best list sum to "
                f"{best:.4g}; bring the scores to 0…1 with normalised()."
            )
        enough = np.flatnonzero(self.relevance >= (1 - lost) * best)
        return float(self.strength[enough[-1]])


def frontier(
    scores: Float[np.ndarray, " M"], categories: Int[np.ndarray, " M"], k: int
) -> Frontier:
    """Find every list of one user that some strength of ``diversify`` gives.

    Args:
        scores: In any order; -inf for no candidate.
        categories: One a candidate; -1 for none, which differs from every other.
        k: Length of the lists; shorter if there are fewer candidates.

    Raises:
        ConfigError: ``k`` below 1.
        DataError: A score is NaN.

    Cost: O(k M) a list; there are fewer than k² / 2, mostly about k.
    """
    check_length(k)
    there = scores > -np.inf
    scores, categories = scores[there].astype(np.float64), categories[there]
    rank = rank_in_category(scores[None], categories[None])[0]
    inside = np.zeros(len(scores), dtype=bool)
    inside[diversify(scores[None], categories[None], k, strength=0)[0]] = True
    points = [(0.0, inside.copy())]
    while (swap := _next_crossing(scores, rank, inside)) is not None:
        at, leaves, enters = swap
        inside[leaves], inside[enters] = False, True
        at = max(at, points[-1][0])  # two crossings at one strength may differ by a rounding
        if at == points[-1][0] and len(points) > 1:
            points.pop()
        points.append((at, inside.copy()))
    size = np.count_nonzero(inside)
    alike = np.array([rank[chosen].sum() for _, chosen in points])  # pairs of one category
    return Frontier(
        np.array([at for at, _ in points]),
        np.array([scores[chosen].sum() for _, chosen in points]),
        1 - alike / (size * (size - 1) / 2) if size > 1 else np.full(len(points), np.nan),
    )


def _next_crossing(
    scores: NDArray[np.float64], rank: NDArray[np.integer], inside: NDArray[np.bool_]
) -> tuple[float, int, int] | None:
    """Give the least strength at which one outside overtakes one inside, and the two."""
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
        raise ConfigError(f"The {name} is {share}; it must be a share, from 0 to 1.")
