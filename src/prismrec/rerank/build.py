"""From a search to the list: candidates, the diversity dial, and the proof that they sufficed.

At strength 0 the list is the top of the pool. Otherwise the pool is ``DEPTH`` times as deep, its
scores are brought to 0…1, and ``diversify`` chooses. Whose list is not certified to be the best
of the whole catalog is searched deeper, on the scale of the first pool, up to ``DEEPEST``.
"""

from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.rerank.category import certificate, diversify, scale_of, scaled
from prismrec.rerank.diversity import Dial
from prismrec.types import Pool, RankedItems

DEPTH = 4
"""Candidates for each item of a diverse list: enough that other categories are among them."""
DEEPER = 4
DEEPEST = 4_096
"""Candidates beyond which a list is given without its certificate."""


class Source(Protocol):
    """Where the candidates of a batch of users come from."""

    def __len__(self) -> int:
        """Count the users."""

    def search(self, rows: NDArray[np.int64], depth: int) -> RankedItems:
        """Give some users their ``depth`` best items that may be recommended, or all of them."""

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """Give one user's candidates as a re-ranker other than ``category`` reads them."""


@dataclass(frozen=True, eq=False)
class Listed:
    """Lists of B users, and how they came about; 0 where a list is shorter than k."""

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    interest: NDArray[np.int64]
    rank: NDArray[np.int64]
    """``[B, k]``: place of each item by score alone, from 0."""
    plain: NDArray[np.int64]
    """``[B, k]``: the list at strength 0."""
    strength: NDArray[np.float64]
    """``[B]``: λ."""
    optimal: NDArray[np.bool_]
    """``[B]``: known to be the best list of the whole catalog at that λ."""

    @classmethod
    def empty(cls, users: int, k: int) -> "Listed":
        """Make lists of nothing, to be filled in."""
        return cls(
            items=np.zeros((users, k), dtype=np.int64),
            scores=np.zeros((users, k), dtype=np.float32),
            interest=np.zeros((users, k), dtype=np.int64),
            rank=np.zeros((users, k), dtype=np.int64),
            plain=np.zeros((users, k), dtype=np.int64),
            strength=np.zeros(users),
            optimal=np.ones(users, dtype=bool),
        )

    def put(
        self, rows: NDArray[np.int64], pool: RankedItems, chosen: Int[np.ndarray, "R k"]
    ) -> None:
        """Write the chosen columns of a pool as the lists of some rows."""
        width = chosen.shape[1]
        items, scores, interest = (np.take_along_axis(part, chosen, axis=1) for part in pool)
        there = items > 0
        self.items[rows, :width] = items
        self.scores[rows, :width] = np.where(there, scores, 0)
        self.interest[rows, :width] = np.where(there, interest, 0)
        self.rank[rows, :width] = np.where(there, chosen, 0)

    def fill(self, rows: NDArray[np.int64], other: "Listed") -> None:
        """Take the lists of some rows from another batch."""
        for field in fields(self):
            whole: NDArray[Any] = getattr(self, field.name)
            whole[rows] = getattr(other, field.name)


def make_lists(source: Source, k: int, dial: Dial, *, category_of: Int[np.ndarray, " V"]) -> Listed:
    """Give each user of a batch a list.

    Args:
        source: Gives the candidates.
        k: Length of the lists.
        dial: How diverse they are.
        category_of: One category an item, by number; -1 for none.
    """
    users = len(source)
    every = np.arange(users)
    lists = Listed.empty(users, k)
    pool = source.search(every, k if dial.off else DEPTH * k)
    top = np.arange(min(k, pool.items.shape[1]))
    lists.put(every, pool, np.tile(top, (users, 1)))
    lists.plain[:] = lists.items
    if dial.off:
        return lists
    scale = scale_of(pool.scores)
    scores = scaled(pool.scores, *scale)
    if dial.rerank != "category":
        return _reranked(lists, source, pool, scores, dial)
    rows, depth = every, DEPTH * k
    while True:
        low, spread = (part[rows] for part in scale)
        scores = scaled(pool.scores, low, spread)
        # Anew at each depth: the λ at which a target is kept is another one on a deeper pool.
        lists.strength[rows] = dial.strengths(scores, categories_in(pool, category_of), k)
        sure = _choose(lists, rows, pool, scores, category_of, full=pool.items.shape[1] >= depth)
        lists.optimal[rows] = sure
        rows = rows[~sure]
        if not len(rows) or depth >= DEEPEST:
            return lists
        depth = min(DEEPER * depth, DEEPEST)
        pool = source.search(rows, depth)


def _choose(
    lists: Listed,
    rows: NDArray[np.int64],
    pool: RankedItems,
    scores: Float[np.ndarray, "R M"],
    category_of: Int[np.ndarray, " V"],
    *,
    full: bool,
) -> Bool[np.ndarray, " R"]:
    """Write the best lists of the pools, and tell which are the best of the whole catalog.

    An item outside a full pool scores at most its last; outside a pool with room, or one that is
    not so wide as was asked, there is none.
    """
    categories = categories_in(pool, category_of)
    width = min(lists.items.shape[1], scores.shape[1])
    chosen = np.empty((len(rows), width), dtype=np.int64)
    sure = np.empty(len(rows), dtype=bool)
    for strength in np.unique(lists.strength[rows]):
        same = lists.strength[rows] == strength
        own = scores[same], categories[same]
        chosen[same] = diversify(*own, width, strength=strength)
        floor = own[0][:, -1] if full else np.full(len(own[0]), -np.inf)
        sure[same] = certificate(*own, chosen[same], floor, strength=strength)
    lists.put(rows, pool, chosen)
    return sure


def categories_in(pool: RankedItems, category_of: Int[np.ndarray, " V"]) -> Int[np.ndarray, "R M"]:
    """Give each candidate's category; -1 for none, and where there is no candidate."""
    return np.where(pool.items > 0, category_of[pool.items], -1)


def _reranked(
    lists: Listed,
    source: Source,
    pool: RankedItems,
    scores: Float[np.ndarray, "B M"],
    dial: Dial,
) -> Listed:
    """Write what another re-ranker makes of each pool."""
    strength = float(dial.strength or 0)
    lists.strength[:] = strength
    lists.optimal[:] = False
    for row, own in enumerate(scores):
        candidates = source.pool(row, pool.items[row], own)
        chosen = dial.reranker(candidates, lists.items.shape[1], strength=strength)
        lists.items[row], lists.scores[row] = 0, 0
        one = RankedItems(*(part[row : row + 1] for part in pool))
        lists.put(np.array([row]), one, chosen[None])
    return lists
