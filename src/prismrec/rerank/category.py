"""Category-controlled aggregation: ComiRec's controllable module, as one sort.

ComiRec chooses S, |S| = k, to maximise  Q(S) = Σ score + λ Σ "categories differ"  over its
pairs, by a greedy loop. With one category an item the second sum is k(k-1)/2 - Σ_c n_c(n_c-1)/2,
n_c the items of category c, so Q separates over categories and is concave in each n_c: the best
S is the k largest of  value = score - λ · rank,  with rank the place of the item by score within
its own category, from 0. No loop over k, and the optimum rather than an approximation.

Source: Cen et al., KDD 2020, the aggregation module; authors' code, the branch with ``coef``.
"""

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError
from prismrec.numerics import top_k
from prismrec.rerank.base import require_part
from prismrec.types import Pool, check_length, check_strength

BLOCK = 512
"""Users at a time: their arrays stay in the cache, a quarter faster than all at once."""


def diversify(
    scores: Float[np.ndarray, "B M"],
    categories: Int[np.ndarray, "B M"],
    k: int,
    *,
    strength: float,
) -> Int[np.ndarray, "B k"]:
    """Choose k candidates of each user that together are relevant and differ in category.

    Args:
        scores: In any order, fastest falling within a row as ``merge`` gives them; -inf for no
            candidate, which comes last.
        categories: One a candidate; -1 for none, which differs from every other.
        k: Length of the list; shorter if there are fewer columns.
        strength: The paper's λ, in the unit of the scores (``normalize_scores`` makes it the same for
            everyone). 0 ranks by score alone; above the spread of the scores it goes round the
            categories in turn.

    Returns:
        Columns of each row, best value first, each at most once; ties go to the earlier one.

    Raises:
        ConfigError: ``k`` below 1; ``strength`` negative (that would reward repetition), not
            finite or not a number.
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
    """Choose as ``diversify`` does, for one user: see ``Reranker``."""
    own = require_part(pool.category, "category", "category")
    chosen = diversify(pool.scores[None], own[None], k, strength=strength)[0]
    there: NDArray[np.int64] = chosen[pool.scores[chosen] > -np.inf]
    return there


def values(
    scores: Float[np.ndarray, "B M"], categories: Int[np.ndarray, "B M"], *, strength: float
) -> Float[np.ndarray, "B M"]:
    """Give what each candidate adds to the best list: score - strength * rank in its category.

    Raises:
        DataError: A score is NaN.
    """
    return scores - float(strength) * rank_in_category(scores, categories)


def certificate(
    scores: Float[np.ndarray, "B M"],
    categories: Int[np.ndarray, "B M"],
    chosen: Int[np.ndarray, "B k"],
    floor: Float[np.ndarray, " B"],
    *,
    strength: float,
) -> Bool[np.ndarray, " B"]:
    """Tell which lists are the optimum over the whole catalog, not over the candidates alone.

    An item that no interest retrieved scores at most the floor. Where every chosen value reaches
    the floor, such an item can neither enter the list nor push back one that is in it. Where
    one does not, retrieve deeper and choose again.

    Args:
        scores: What ``diversify`` was given.
        categories: What ``diversify`` was given.
        chosen: What ``diversify`` gave.
        floor: The largest of the interests' lowest retrieved scores, in the unit of ``scores``;
            -inf where every interest retrieved the whole catalog.
        strength: What ``diversify`` was given.

    Returns:
        True: no list of that length is worth more. With an approximate index that holds up to
        its recall. False: not known.
    """
    value = np.take_along_axis(values(scores, categories, strength=strength), chosen, axis=1)
    reached: NDArray[np.bool_] = value.min(axis=1, initial=np.inf) >= floor
    return reached


def rank_in_category(
    scores: Float[np.ndarray, "B M"], categories: Int[np.ndarray, "B M"]
) -> Int[np.ndarray, "B M"]:
    """Count, for each candidate, those of its category that score better; 0 without a category.

    Of equal scores the earlier column is the better.

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
    """Count the columns before each that hold its category: see ``rank_in_category``."""
    b, m = categories.shape
    if categories.max(initial=0) < 2**15:
        categories = categories.astype(np.int16)  # sorted by radix, three times as fast
    order = np.argsort(categories, axis=1, kind="stable")
    order += m * np.arange(b)[:, None]  # from here on into the flat array
    ordered = categories.ravel().take(order)
    place = np.arange(m, dtype=np.int32)
    begin = np.zeros((b, m), dtype=np.int32)  # where the run of equal categories began
    np.multiply(ordered[:, 1:] != ordered[:, :-1], place[1:], out=begin[:, 1:])
    np.maximum.accumulate(begin, axis=1, out=begin)
    rank = np.empty(b * m, dtype=np.int32)
    rank[order] = place - begin
    rank = rank.reshape(b, m)
    rank[categories < 0] = 0
    return rank


def diversity_of(categories: Int[np.ndarray, " k"]) -> float | None:
    """Give the share of a list's pairs that differ in category; None below two items.

    Args:
        categories: One an item; -1 for none, which differs from every other.
    """
    size = len(categories)
    if size < 2:
        return None
    counts = np.bincount(categories[categories >= 0])
    return float(1 - (counts * (counts - 1)).sum() / (size * (size - 1)))


def normalize_scores(scores: Float[np.ndarray, "B M"]) -> Float[np.ndarray, "B M"]:
    """Bring each row's scores to 0…1, so that one strength means the same for every user.

    The lowest real score of the row becomes 0 and the highest 1; a row of equal scores is all 0;
    -inf stays.
    """
    return rescale(scores, *score_range(scores))


def score_range(
    scores: Float[np.ndarray, "B M"],
) -> tuple[Float[np.ndarray, "B 1"], Float[np.ndarray, "B 1"]]:
    """Give each row's lowest real score and how far the highest is above it, 1 if it is not."""
    there = np.isfinite(scores)
    low = np.where(there, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(there, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    spread = np.where(high > low, high - low, 1)
    return np.where(np.isfinite(low), low, 0).astype(np.float64), spread.astype(np.float64)


def rescale(
    scores: Float[np.ndarray, "B M"],
    low: Float[np.ndarray, "B 1"],
    spread: Float[np.ndarray, "B 1"],
) -> Float[np.ndarray, "B M"]:
    """Bring scores to a scale: those of ``score_range`` to 0…1, lower ones below 0; -inf stays."""
    return np.where(np.isfinite(scores), (scores.astype(np.float64) - low) / spread, -np.inf)
