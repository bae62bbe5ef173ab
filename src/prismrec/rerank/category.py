"""Category-controlled aggregation: ComiRec's controllable module, as one sort.

ComiRec chooses S, |S| = k, to maximise  Q(S) = Σ score + λ Σ "categories differ"  over its
pairs, by a greedy loop. With one category an item the second sum is k(k-1)/2 - Σ_c n_c(n_c-1)/2,
n_c the items of category c, so Q separates over categories and is concave in each n_c: the best
S is the k largest of  score - λ · rank,  with rank the place of the item by score within its own
category, from 0. No loop, and the optimum rather than an approximation.

Source: Cen et al., KDD 2020, the aggregation module; authors' code, the branch with ``coef``.
"""

import numpy as np
from jaxtyping import Float, Int

from prismrec.errors import ConfigError


def diversify(
    scores: Float[np.ndarray, "B M"],
    categories: Int[np.ndarray, "B M"],
    k: int,
    *,
    strength: float,
) -> Int[np.ndarray, "B k"]:
    """Choose k candidates of each user that together are relevant and differ in category.

    Args:
        scores: Falling within a row, as ``merge`` gives them; -inf for no candidate.
        categories: One a candidate; -1 for none, which differs from every other.
        k: Length of the list; shorter if there are fewer columns.
        strength: The paper's λ, in the unit of the scores (``normalised`` makes it the same for
            everyone). 0 ranks by score alone.

    Returns:
        Columns of each row, best value first, each at most once; ties go to the earlier one.

    Raises:
        ConfigError: ``strength`` is negative (that would reward repetition) or not a number.

    Cost: O(B M log M) time, O(B M) memory.
    """
    if not (strength >= 0 and np.isfinite(strength)):
        raise ConfigError(
            f"diversity is {strength}; it must be a number from 0 (by score alone) upwards."
        )
    value = scores.astype(np.float64) - strength * rank_in_category(categories)
    order = np.argsort(-value, axis=1, kind="stable")[:, :k]
    return order.astype(np.int64)


def rank_in_category(categories: Int[np.ndarray, "B M"]) -> Int[np.ndarray, "B M"]:
    """Count, for each candidate, those of its category before it in the row; 0 without one."""
    columns = np.arange(categories.shape[1])
    order = np.argsort(categories, axis=1, kind="stable")
    ordered = np.take_along_axis(categories, order, axis=1)
    first = np.ones_like(ordered, dtype=bool)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    begin = np.maximum.accumulate(np.where(first, columns, 0), axis=1)
    rank = np.empty_like(order)
    np.put_along_axis(rank, order, columns - begin, axis=1)
    return np.where(categories < 0, 0, rank)


def normalised(scores: Float[np.ndarray, "B M"]) -> Float[np.ndarray, "B M"]:
    """Bring each row's scores to 0…1, so that one strength means the same for every user.

    The lowest real score of the row becomes 0 and the highest 1; a row of equal scores is all 0;
    -inf stays.
    """
    there = np.isfinite(scores)
    low = np.where(there, scores, np.inf).min(axis=1, keepdims=True, initial=np.inf)
    high = np.where(there, scores, -np.inf).max(axis=1, keepdims=True, initial=-np.inf)
    spread = np.where(high > low, high - low, 1)
    with np.errstate(invalid="ignore"):
        scaled = (scores.astype(np.float64) - low) / spread
    return np.where(there, scaled, -np.inf)
