"""From each interest's candidates to one list of candidates: METHODS §5.

merged = merge_candidates(candidates, prior, 200, barred=seen)      # each item once, at its best score
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.types import Candidates, RankedItems


def merge_candidates(
    candidates: Candidates,
    prior: Float[np.ndarray, "B K"],
    limit: int,
    *,
    excluded: Sequence[NDArray[np.int64]] | None = None,
) -> RankedItems:
    """Join the interests' candidates: each item once, at its best score, ties by item number.

    Args:
        candidates: What the index found for each interest; item 0 is nothing found.
        prior: Added to an interest's scores; -inf for one that is not active.
        limit: M, how many to keep. Exact, with an exact index, where each interest was searched
            for at least this many more than its user has barred: an item of the overall top M is
            in the top M of its own best interest. Beyond, an item may be known by a lesser score.
        barred: Items of each user that must not appear: seen, hidden, blocked.

    Cost: O(B K M log(K M)).
    """
    b, k, m = candidates.items.shape
    items = candidates.items.reshape(b, k * m)
    scores = (candidates.scores + prior[:, :, None].astype(np.float32)).reshape(b, k * m)
    gone = (items == 0) | np.isneginf(scores)
    if excluded is not None:
        gone |= is_excluded(items, excluded)
    scores = np.where(gone, np.float32(-np.inf), scores)
    # By item, the best first: every later place of the same item is a repeat.
    order = np.lexsort((-scores, items), axis=1)
    repeat = np.zeros_like(gone)
    ordered = np.take_along_axis(items, order, axis=1)
    np.put_along_axis(repeat, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    scores = np.where(repeat, np.float32(-np.inf), scores)
    order = np.lexsort((items, -scores), axis=1)[:, :limit]
    scores = np.take_along_axis(scores, order, axis=1)
    there = ~np.isneginf(scores)
    items = np.where(there, np.take_along_axis(items, order, axis=1), 0)
    return RankedItems(items, scores, np.where(there, order // m, 0))


def is_excluded(
    items: Int[np.ndarray, "B M"], excluded: Sequence[NDArray[np.int64]]
) -> Bool[np.ndarray, "B M"]:
    """Tell which items are among their user's barred ones."""
    return np.array(
        [np.isin(row, gone) for row, gone in zip(items, excluded, strict=True)]
    ).reshape(items.shape)
