"""Candidates of users who dislike items: the items near a disliked one lose ``PENALTY``.

    source = DislikeSource(source, normalize(vectors), item_search)
    ranked, certified = source.search(rows, 200)     # by the lowered scores

An item is near if the cosine of its vector to that of a disliked item is at least ``NEAR``.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.numerics import normalize
from prismrec.rerank import CandidateSource, Ranking
from prismrec.retrieval.search import DEEPER, MAX_DEPTH, ItemSearch
from prismrec.types import Pool, RankedItems

NEAR = 0.9
"""Smallest cosine to a disliked item at which an item loses score."""
PENALTY = 2.0
"""What is subtracted from the score. Scores are log probabilities, or logits of a softmax, so the
probability is divided by 7.4."""
MAX_COSINES = 1 << 22
"""Cosines in memory at once, 32 MiB."""


@dataclass(frozen=True, eq=False, repr=False)
class DislikeSource:
    """Candidates of another source with lower scores near disliked items: a ``CandidateSource``."""

    base: CandidateSource
    dislikes: Float[np.ndarray, "N D"]
    """Vectors of the disliked items, of length 1."""
    item_search: ItemSearch

    def __len__(self) -> int:
        return len(self.base)

    def search(self, rows: NDArray[np.int64], depth: int) -> Ranking:
        """See ``CandidateSource.search``.

        An item that is not found scores at most as the last one found, and a penalty only lowers
        scores. So the search is deep enough if the last returned score is as high; users for whom
        it is not are searched again.
        """
        return self._search(rows, depth, depth)

    def _search(self, rows: NDArray[np.int64], depth: int, searched: int) -> Ranking:
        """Return the ``depth`` best of the ``searched`` best items of the other source."""
        found, certified = self.base.search(rows, searched)
        scores = found.scores - PENALTY * self._is_near(found.items).astype(np.float32)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
        parts = (found.items, scores, found.interest)
        best = RankedItems(*(np.take_along_axis(part, order, axis=1) for part in parts))
        enough = np.full(len(rows), found.items.shape[1] < searched)
        if found.items.shape[1]:
            enough |= best.scores[:, -1] >= found.scores[:, -1]
        certified = certified & enough
        deepest = max(depth, MAX_DEPTH)
        again = np.flatnonzero(~enough)
        if len(again) and searched < deepest:
            deeper = self._search(rows[again], depth, min(DEEPER * searched, deepest))
            for whole, own in zip(
                (*best, certified), (*deeper.ranked, deeper.certified), strict=True
            ):
                whole[again] = own
        return Ranking(best, certified)

    def scores_without_penalty(
        self, items: Int[np.ndarray, "R k"], scores: Float[np.ndarray, "R k"]
    ) -> Float[np.ndarray, "R k"]:
        """Return the scores that items have in the other source."""
        whole: NDArray[np.floating] = scores + PENALTY * self._is_near(items)
        return whole

    def shares(self, rows: NDArray[np.int64]) -> Float[np.ndarray, "R K"]:
        """See ``CandidateSource.shares``."""
        return self.base.shares(rows)

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """See ``CandidateSource.pool``."""
        return self.base.pool(row, items, scores)

    def _is_near(self, items: Int[np.ndarray, "R M"]) -> Bool[np.ndarray, "R M"]:
        return nearest(items, self.dislikes, self.item_search)[0] >= 0


def nearest(
    items: Int[np.ndarray, "R M"],
    dislikes: Float[np.ndarray, "N D"],
    item_search: ItemSearch,
) -> tuple[Int[np.ndarray, "R M"], Float[np.ndarray, "R M"]]:
    """Return which disliked item is nearest to each item, from 0, and its cosine.

    It is -1 where none is near, and for item 0.

    Cost: O(R M N D) time; O(R M D) memory, and ``MAX_COSINES`` cosines at a time.
    """
    distinct, back = np.unique(items, return_inverse=True)
    best, highest = np.zeros(len(distinct), dtype=np.int64), np.zeros(len(distinct))
    step = max(MAX_COSINES // len(dislikes), 1)
    for start in range(0, len(distinct), step):
        part = slice(start, start + step)
        cosine = normalize(item_search.content(distinct[part])) @ dislikes.T
        best[part], highest[part] = cosine.argmax(axis=1), cosine.max(axis=1)
    number = np.where((highest >= NEAR) & (distinct > 0), best, -1)
    return number[back].reshape(items.shape), highest[back].reshape(items.shape)
