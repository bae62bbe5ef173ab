"""Diversity of categories: ComiRec's controllable aggregation, as one sort.

ComiRec chooses a list S of k items that maximizes

    Q(S) = Σ score + λ · (number of pairs of S that differ in category)

with a greedy loop. With one category per item, the number of pairs is k(k-1)/2 - Σ_c n_c(n_c-1)/2,
where n_c is the number of items of category c. Q is therefore a sum over categories, and concave in
each n_c. So the best S is the k items with the largest

    value = score - λ · rank

where rank is the rank of the item by score within its category, from 0. This needs no loop, and
the result is the optimum, not an approximation.

Source: Cen et al., KDD 2020, the aggregation module; the code of the authors, in the branch with
``coef``.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError
from prismrec.numerics import top_k
from prismrec.rerank.base import require_part
from prismrec.rerank.options import check_length, check_strength
from prismrec.types import Pool

PRECISE = 1_000
"""A strength up to which rounding is no concern: scores are about 0…1, ranks some thousands."""
BLOCK = 512
"""Users per block; their arrays stay in the cache, which is 25 % faster than all users at once."""


def diversify(
    scores: Float[np.ndarray, "B M"],
    categories: Int[np.ndarray, "B M"],
    k: int,
    *,
    strength: float,
) -> Int[np.ndarray, "B k"]:
    """Choose k candidates per user that are relevant and differ in category.

    Args:
        scores: In any order; fastest if each row descends. -inf for no candidate, which is ranked
            last.
        categories: One per candidate; -1 for none, which differs from every category.
        k: Length of the list; shorter if there are fewer columns.
        strength: The paper's λ, in the unit of the scores; it is the same for all users if their
            scores are scaled to 0…1. 0 ranks by score alone; if it is larger than the range of the
            scores, the list alternates between all categories.

    Returns:
        Columns of each row, the best value first, each at most once; ties go to the earlier column.

    Raises:
        ConfigError: ``k`` is below 1; ``strength`` is negative, not finite, or not a number.
        DataError: A score is NaN.

    Cost: O(B M log M) time, O(B k) memory.
    """
    check_length(k)
    check_strength(strength)
    chosen = np.empty((len(scores), min(k, scores.shape[1])), dtype=np.int64)
    for start in range(0, len(scores), BLOCK):
        block = slice(start, start + BLOCK)
        value = values(scores[block], categories[block], strength=strength)
        chosen[block] = top_k(value, chosen.shape[1])
    return chosen


def category(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose the list of one user with ``diversify``: see ``Reranker``."""
    categories = require_part(pool.category, "category", "category")
    chosen = diversify(pool.scores[None], categories[None], k, strength=strength)[0]
    present: NDArray[np.int64] = chosen[pool.scores[chosen] > -np.inf]
    return present


def values(
    scores: Float[np.ndarray, "B M"], categories: Int[np.ndarray, "B M"], *, strength: float
) -> Float[np.ndarray, "B M"]:
    """Compute the value of each candidate: score - strength * rank in its category.

    Raises:
        DataError: A score is NaN.
    """
    return scores - _within(strength, scores) * rank_in_category(scores, categories)


def _within(
    strength: float, scores: Float[np.ndarray, "B M"], bound: Float[np.ndarray, " B"] | None = None
) -> float | Float[np.ndarray, "B 1"]:
    """Return a strength that makes the same lists, and that leaves the digits of the scores.

    Beyond the range of the scores of a row, with the bound of those outside, all strengths order
    its candidates alike.
    """
    if strength <= PRECISE:
        return float(strength)
    low, spread = score_range(scores)
    if bound is not None:
        spread = np.maximum(
            spread, low + spread - np.where(np.isfinite(bound), bound, np.inf)[:, None]
        )
    within: NDArray[np.float64] = np.minimum(strength, np.maximum(PRECISE, 2 * spread))
    return within


def certificate(
    scores: Float[np.ndarray, "B M"],
    categories: Int[np.ndarray, "B M"],
    chosen: Int[np.ndarray, "B k"],
    bound: Float[np.ndarray, " B"],
    *,
    strength: float,
) -> Bool[np.ndarray, " B"]:
    """Return which lists are the optimum over the whole catalog, not only over the candidates.

    An item that was not retrieved scores at most ``bound``. If the values of all chosen items are
    at least the bound, such an item cannot enter the list, and cannot change the rank of an item
    in it. Otherwise retrieve more candidates and choose again.

    Args:
        scores: As for ``diversify``.
        categories: As for ``diversify``.
        chosen: The result of ``diversify``.
        bound: The largest score that an item outside the candidates can have, in the unit of
            ``scores``; -inf if the candidates are the whole catalog.
        strength: As for ``diversify``.

    Returns:
        True if no list of that length has a larger value. With an approximate index this is true up
        to its recall. False if it is not known.
    """
    rank = np.take_along_axis(rank_in_category(scores, categories), chosen, axis=1)
    value = np.take_along_axis(scores, chosen, axis=1) - _within(strength, scores, bound) * rank
    reached: NDArray[np.bool_] = value.min(axis=1, initial=np.inf) >= bound
    return reached


def rank_in_category(
    scores: Float[np.ndarray, "B M"], categories: Int[np.ndarray, "B M"]
) -> Int[np.ndarray, "B M"]:
    """Count, per candidate, the candidates of its category that score higher; 0 without a category.

    Of equal scores, the earlier column counts as higher.

    Raises:
        DataError: A score is NaN.
    """
    if (scores[:, 1:] <= scores[:, :-1]).all():
        return _count_before(categories)
    if np.isnan(scores).any():
        raise DataError("A candidate's score is NaN; look for NaN in the model's vectors.")
    order = np.argsort(-scores, axis=1, kind="stable")
    rank = np.empty(scores.shape, dtype=np.int64)
    before = _count_before(np.take_along_axis(categories, order, axis=1))
    np.put_along_axis(rank, order, before, axis=1)
    return rank


def _count_before(categories: Int[np.ndarray, "B M"]) -> Int[np.ndarray, "B M"]:
    """Count, per column, the earlier columns of the same category: see ``rank_in_category``."""
    b, m = categories.shape
    if categories.max(initial=0) < 2**15:
        categories = categories.astype(np.int16)  # NumPy then uses radix sort, three times as fast
    order = np.argsort(categories, axis=1, kind="stable")
    order += m * np.arange(b)[:, None]  # positions in the flat array
    ordered = categories.ravel().take(order)
    column = np.arange(m, dtype=np.int32)
    begin = np.zeros((b, m), dtype=np.int32)  # where the run of equal categories begins
    np.multiply(ordered[:, 1:] != ordered[:, :-1], column[1:], out=begin[:, 1:])
    np.maximum.accumulate(begin, axis=1, out=begin)
    rank = np.empty(b * m, dtype=np.int32)
    rank[order] = column - begin
    rank = rank.reshape(b, m)
    rank[categories < 0] = 0
    return rank


def diversity_of(categories: Int[np.ndarray, " k"]) -> float | None:
    """Return the share of the pairs of a list that differ in category; None below two items.

    Args:
        categories: One per item; -1 for none, which differs from every category.
    """
    size = len(categories)
    if size < 2:
        return None
    counts = np.bincount(categories[categories >= 0])
    return float(1 - (counts * (counts - 1)).sum() / (size * (size - 1)))


def score_range(
    scores: Float[np.ndarray, "B M"],
) -> tuple[Float[np.ndarray, "B 1"], Float[np.ndarray, "B 1"]]:
    """Return the lowest finite score of each row, and the range of its scores (1 if it is 0)."""
    finite = np.isfinite(scores)
    low = np.where(finite, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(finite, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    spread = np.where(high > low, high - low, 1)
    return np.where(np.isfinite(low), low, 0).astype(np.float64), spread.astype(np.float64)


def rescale(
    scores: Float[np.ndarray, "B M"],
    low: Float[np.ndarray, "B 1"],
    spread: Float[np.ndarray, "B 1"],
) -> Float[np.ndarray, "B M"]:
    """Scale scores so that the range of ``score_range`` becomes 0…1; NaN and infinity stay."""
    scaled: NDArray[np.float64] = (scores.astype(np.float64) - low) / spread
    return scaled
