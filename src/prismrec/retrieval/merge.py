"""Merging the candidates of all interests into one ranking per user.

merged = merge_candidates(candidates, prior, 200, excluded=seen)      # each item once
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
    """Merge the candidates of all interests: each item once, at its best score.

    Ties are ordered by item number.

    Args:
        candidates: What the index found for each interest; item 0 means nothing.
        prior: Added to the scores of an interest; -inf for an interest that is not active.
        limit: M, the number of items to keep. The result is exact if the index is exact and each
            interest was searched for ``limit`` items plus the number of excluded items of its
            user: an item of the overall top M is in the top M of its best interest. With fewer
            candidates per interest, an item may have the score of another interest than its best.
        excluded: Items of each user that must not appear: seen, hidden, blocked.

    Cost: O(B K M log(K M)).
    """
    b, k, m = candidates.items.shape
    items = candidates.items.reshape(b, k * m)
    scores = (candidates.scores + prior[:, :, None].astype(np.float32)).reshape(b, k * m)
    dropped = (items == 0) | np.isneginf(scores)
    if excluded is not None:
        dropped |= is_excluded(items, excluded)
    scores = np.where(dropped, np.float32(-np.inf), scores)
    # Sorted by item, then by score: all but the first entry of an item are repeats.
    order = np.lexsort((-scores, items), axis=1)
    repeat = np.zeros_like(dropped)
    ordered = np.take_along_axis(items, order, axis=1)
    np.put_along_axis(repeat, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], axis=1)
    scores = np.where(repeat, np.float32(-np.inf), scores)
    order = np.lexsort((items, -scores), axis=1)[:, :limit]
    scores = np.take_along_axis(scores, order, axis=1)
    present = ~np.isneginf(scores)
    items = np.where(present, np.take_along_axis(items, order, axis=1), 0)
    return RankedItems(items, scores, np.where(present, order // m, 0))


def is_excluded(
    items: Int[np.ndarray, "B M"], excluded: Sequence[NDArray[np.int64]]
) -> Bool[np.ndarray, "B M"]:
    """Return which items are among the excluded items of their user."""
    rows = [np.isin(row, numbers) for row, numbers in zip(items, excluded, strict=True)]
    return np.array(rows).reshape(items.shape)
