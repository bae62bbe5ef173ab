"""Where candidates come from, and the candidates of some users with their relevance."""

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from prismrec.rerank.category import rescale, score_range
from prismrec.rerank.options import InterestOptions
from prismrec.rerank.shares import counts_of, outside_bound, steer
from prismrec.types import Pool, RankedItems


class Ranking(NamedTuple):
    """The best items of R users, and whether no other item scores more than the last of them."""

    ranked: RankedItems
    certified: Bool[np.ndarray, " R"]


class CandidateSource(Protocol):
    """The type of a source of candidates for a batch of users."""

    def __len__(self) -> int:
        """Return the number of users."""

    def search(self, rows: NDArray[np.int64], depth: int) -> Ranking:
        """Return the ``depth`` best eligible items of some users; fewer if there are no more."""

    def shares(self, rows: NDArray[np.int64]) -> Float[np.ndarray, "R K"]:
        """Return the prior of each interest that items belong to; a row sums to 1."""

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """Return the candidates of one user as a ``Pool``; not used for ``category``."""


@dataclass(frozen=True, eq=False)
class SteeredCandidates:
    """The candidates of R users, and the relevance from which their lists are built.

    The relevance is the score, changed by the options of the interests and scaled to about 0…1.
    """

    ranked: RankedItems
    """By descending score."""
    relevance: NDArray[np.float64]
    """``[R, M]``; -inf for no candidate and for an item of a muted interest."""
    bound: NDArray[np.float64]
    """``[R]``: largest relevance of an item that is not a candidate; -inf if there is none."""
    scaled_scores: NDArray[np.float64]
    """``[R, M]``: the scores without any option, on their own scale."""
    complete: NDArray[np.bool_]
    """``[R]``: whether the candidates have the minimum of each interest, or are all items."""
    known: NDArray[np.bool_]
    """``[R]``: whether no other item scores more than the last candidate."""


@dataclass(frozen=True, eq=False)
class Steering:
    """How the candidates of a batch are steered: options, shares, and scales of the first search.

    The scales stay the same for deeper searches.
    """

    source: CandidateSource
    options: InterestOptions
    of_scores: tuple[NDArray[np.float64], NDArray[np.float64]]
    of_relevance: tuple[NDArray[np.float64], NDArray[np.float64]]
    """Begins at the lowest of the best candidates with these options, so that a list has a positive
    relevance. Its unit is that of the scores for a mixture, whatever the weights: a larger weight
    then never changes how other interests compare."""

    scaled: int
    """Number of the best candidates whose relevance becomes 0…1."""
    depth: NDArray[np.int64]
    """``[B]``: number of candidates that the scale of a user is from; fewer are not enough."""
    few: NDArray[np.bool_]
    """``[B]``: whether these are too few for a scale, since most belong to muted interests."""

    @classmethod
    def of(
        cls, source: CandidateSource, first: RankedItems, options: InterestOptions, scaled: int,
        depth: int,
    ) -> "Steering":  # fmt: skip
        """Return the steering of all users of a source, from their first ``depth`` candidates.

        The relevance of the ``scaled`` best ones becomes 0…1: more candidates, or those of an
        interest with a tiny weight, do not change the scale.
        """
        of_scores = score_range(first.scores[:, :scaled])
        unset = (np.zeros_like(of_scores[0]), np.ones_like(of_scores[1]))
        rows, none = np.arange(len(source)), np.zeros(len(source), dtype=bool)
        steering = cls(source, options, of_scores, unset, scaled, rows, none)
        return steering.rescaled(rows, first, depth)

    def rescaled(self, rows: NDArray[np.int64], first: RankedItems, depth: int) -> "Steering":
        """Return a steering that takes the scale of some users from ``depth`` candidates."""
        scores = first.scores.astype(np.float64)
        relevance = steer(scores, first.interest, self.source.shares(rows), self.options)
        scale = score_range(-np.sort(-relevance, axis=1)[:, : self.scaled])
        low, spread = (part.copy() for part in self.of_relevance)
        depths, few = self.depth.copy(), self.few.copy()
        low[rows], depths[rows] = scale[0], depth
        spread[rows] = self.of_scores[1][rows] if self.options.mix == "mixture" else scale[1]
        some = np.isfinite(relevance).sum(axis=1)
        more = np.isfinite(scores).all(axis=1)  # otherwise all items were found
        few[rows] = more & (some < min(self.scaled, scores.shape[1]))
        return replace(self, of_relevance=(low, spread), depth=depths, few=few)

    def steered(self, rows: NDArray[np.int64], found: Ranking, depth: int) -> SteeredCandidates:
        """Return the candidates of some users that a search for ``depth`` items found."""
        ranked = found.ranked
        scores, shares = ranked.scores.astype(np.float64), self.source.shares(rows)
        low, spread = (part[rows] for part in self.of_relevance)
        relevance = steer(scores, ranked.interest, shares, self.options)
        all_found = np.full(len(rows), scores.shape[1] < depth) | ~np.isfinite(scores).all(axis=1)
        bound = outside_bound(scores, ranked.interest, shares, self.options)
        bound = np.where(all_found, -np.inf, bound)
        return SteeredCandidates(
            ranked,
            rescale(relevance, low, spread),
            rescale(bound[:, None], low, spread)[:, 0],
            rescale(scores, *(part[rows] for part in self.of_scores)),
            all_found | self._has_minima(ranked, shares),
            found.certified,
        )

    def _has_minima(
        self, ranked: RankedItems, shares: Float[np.ndarray, "R K"]
    ) -> Bool[np.ndarray, " R"]:
        """Return whether the candidates have the minimum of each interest."""
        counts = counts_of(ranked.interest, ranked.items > 0, shares.shape[1])
        enough = np.ones(len(counts), dtype=bool)
        for number, least in self.options.minimum.items():
            if 0 <= number < counts.shape[1]:
                enough &= counts[:, number] >= least
        return enough
