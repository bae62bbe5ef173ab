"""The trade-off between relevance and shared-out places: all lists from "mixture" to "shares"."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from prismrec.rerank.build import MAX_CANDIDATES, first_depth, steering_of
from prismrec.rerank.candidates import CandidateSource
from prismrec.rerank.category import rank_in_category
from prismrec.rerank.options import InterestOptions, ListOptions
from prismrec.rerank.shares import steer
from prismrec.rerank.swaps import sets_along


@dataclass(frozen=True, eq=False)
class MixFrontier:
    """F lists of one user, from the ranking by score to places that are fully shared out.

    List f has the items of largest score - μ · place, where the places are those of "shares".
    """

    strength: NDArray[np.float64]
    """``[F]``, ascending: the smallest μ of each list, 0 for the first."""
    relevance: NDArray[np.float64]
    """``[F]``, descending: the sum of the scaled scores of each list."""
    largest: NDArray[np.float64]
    """``[F]``: share of the interest with the most items."""


def mix_frontiers_of(source: CandidateSource, options: ListOptions) -> list[MixFrontier | None]:
    """Return the lists between mixture and shares per user; None for fewer than two interests.

    Scores and places include the weights of the interests. Diversity and minima are not applied.

    Cost: one search for ``MAX_CANDIDATES`` items per user, and O(K) per swap.
    """
    shared = InterestOptions(
        mix="shares", weights=options.interests.weights, added=options.interests.added
    )
    mixed = replace(shared, mix="mixture")
    rows = np.arange(len(source))
    deepest = max(first_depth(replace(options, interests=shared)), MAX_CANDIDATES)
    found = source.search(rows, deepest)
    ranked, best = found.ranked, found.ranked.best
    scores, shares = ranked.scores.astype(np.float64), source.shares(rows)
    place = -steer(scores, ranked.interest, shares, shared)
    options = replace(options, interests=mixed)
    depth = first_depth(options)
    steering = steering_of(source, best(rows, depth), options, depth, best)
    scaled = steering.steered(rows, found, deepest).relevance
    # Only the k best items of an interest can be in a list.
    near = rank_in_category(scores, ranked.interest) < options.k
    frontiers: list[MixFrontier | None] = []
    for row in rows.tolist():
        present = near[row] & np.isfinite(scaled[row]) & np.isfinite(place[row])
        interest = ranked.interest[row, present]
        if len(np.unique(interest)) < 2:
            frontiers.append(None)
            continue
        own = scaled[row, present]
        sets = sets_along(own, place[row, present], options.k, interest)
        counts = sets.sums((interest[:, None] == np.unique(interest)).astype(np.int64))
        largest = counts.max(axis=1) / counts.sum(axis=1)
        frontiers.append(MixFrontier(sets.strength, sets.sums(own), largest))
    return frontiers
