"""How the interests of a history share its list: weights, shares and minima.

    relevance = steer(scores, interest, shares, options)      # what the list is then built from

With the mix "mixture" the relevance of an item is its score plus the log of the weight of its
interest. With "shares" an interest of share s gets the places ½/s, 1½/s, …: its item of rank r,
from 0, has the place (r + ½) / s, and the relevance is minus the place. The share is its prior,
its part of the events of the history, times its weight. Both are one number per item, so a list is
one sort, and diversity of categories is added to it as to any score.

A larger weight raises the relevance of every item of its interest, so the interest never gets fewer
items. A minimum comes last: it replaces the least relevant items of other interests.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.rerank.category import rank_in_category
from prismrec.rerank.options import InterestOptions


def weights_of(options: InterestOptions, interests: int) -> Float[np.ndarray, " K"]:
    """Return the weight of each interest, from 0 to K - 1; other numbers have no effect.

    The last interests are those that were added. Their weights below 1 are part of their priors.
    """
    weights = np.ones(interests)
    for number, weight in options.weights.items():
        if 0 <= number < interests:
            weights[number] = weight
    added = added_weights(options, interests)
    weights[interests - len(added) :] = np.maximum(added, 1.0)
    return weights


def added_weights(options: InterestOptions, interests: int) -> list[float]:
    """Return the weight of each added interest: by its number, if given, else its own."""
    first = interests - len(options.added)
    return [options.weights.get(first + n, one.weight) for n, one in enumerate(options.added)]


def adds_interests(options: InterestOptions, interests: int) -> bool:
    """Return whether an interest is added that is not muted.

    Args:
        options: Weights, and the added interests.
        interests: Number of all interests, with the added ones at the end.
    """
    return any(weight > 0 for weight in added_weights(options, interests))


def steer(
    scores: Float[np.ndarray, "B M"],
    interest: Int[np.ndarray, "B M"],
    shares: Float[np.ndarray, "B K"],
    options: InterestOptions,
) -> Float[np.ndarray, "B M"]:
    """Return the relevance of each candidate; -inf for none, and for a muted interest.

    Args:
        scores: Descending in each row; -inf for no candidate.
        interest: The interest that each candidate belongs to.
        shares: Prior of each interest; a row sums to 1, and 0 is an interest that is not active.
        options: Mix and weights.
    """
    weights = weights_of(options, shares.shape[1])
    with np.errstate(divide="ignore"):
        if options.mix == "mixture":
            return np.asarray(scores + np.log(weights)[interest], dtype=np.float64)
        place = (rank_in_category(scores, interest) + 0.5) / np.take_along_axis(
            portions(shares, weights), interest, axis=1
        )
    return np.where(np.isneginf(scores), -np.inf, -place)


def portions(
    shares: Float[np.ndarray, "B K"], weights: Float[np.ndarray, " K"]
) -> Float[np.ndarray, "B K"]:
    """Return the share of the places of each interest; a row sums to 1, or 0 if all are muted."""
    weighted: NDArray[np.float64] = shares * weights
    total = weighted.sum(axis=1, keepdims=True)
    portion = np.zeros_like(weighted)
    np.divide(weighted, total, out=portion, where=total > 0)
    return portion


def outside_bound(
    scores: Float[np.ndarray, "B M"],
    interest: Int[np.ndarray, "B M"],
    shares: Float[np.ndarray, "B K"],
    options: InterestOptions,
) -> Float[np.ndarray, " B"]:
    """Return the largest relevance of an item that scores at most as the last candidate.

    Args: see ``steer``.
    """
    weights = weights_of(options, shares.shape[1])
    known = (shares > 0) & (weights > 0)
    with np.errstate(divide="ignore"):
        if options.mix == "mixture":
            largest = np.where(known, weights, 0).max(axis=1, initial=0)
            return np.asarray(scores[:, -1] + np.log(largest), dtype=np.float64)
        count = counts_of(interest, ~np.isneginf(scores), shares.shape[1])
        place = (count + 0.5) / portions(shares, weights)
    bound: NDArray[np.float64] = np.where(known, -place, -np.inf).max(axis=1, initial=-np.inf)
    return bound


def counts_of(
    interest: Int[np.ndarray, "B M"], present: Bool[np.ndarray, "B M"], interests: int
) -> Int[np.ndarray, "B K"]:
    """Count the items of each interest."""
    rows = len(interest)
    flat = (np.arange(rows)[:, None] * interests + interest)[present]
    counts: Int[np.ndarray, "B K"] = np.bincount(flat, minlength=rows * interests).reshape(
        rows, interests
    )
    return counts


def with_minimum(
    chosen: Int[np.ndarray, " k"],
    relevance: Float[np.ndarray, " M"],
    interest: Int[np.ndarray, " M"],
    minimum: Mapping[int, int],
) -> NDArray[np.int64]:
    """Return a list in which each interest has its minimum, if there are so many candidates.

    The most relevant items of an interest with too few replace the least relevant items of the
    interests that have more than their minimum. Where all minima together exceed the list, those
    of smaller numbers are met first.

    Args:
        chosen: The columns of the list, without missing items.
        relevance: From ``steer``; items at -inf are not added.
        interest: The interest of each candidate.
        minimum: By number of interest.
    """
    columns, protected = list(chosen), set()
    for number, least in sorted(minimum.items()):
        own = [c for c in columns if interest[c] == number]
        own.sort(key=lambda column: -relevance[column])
        protected |= set(own[:least])
        others = np.flatnonzero((interest == number) & (relevance > -np.inf))
        others = others[np.argsort(-relevance[others], kind="stable")]
        missing = [c for c in others.tolist() if c not in own][: max(least - len(own), 0)]
        for column in missing:
            free = [c for c in columns if c not in protected]
            if not free:
                break
            columns[columns.index(min(free, key=lambda c: relevance[c]))] = column
            protected.add(column)
    return np.array(sorted(columns, key=lambda c: -relevance[c]), dtype=np.int64)
