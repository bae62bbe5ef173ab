"""From a search to the lists: candidates, diversity, and the proof that the candidates sufficed.

At strength 0 the list is the top of the candidates. Otherwise ``CANDIDATES_PER_ITEM`` times as many candidates
are retrieved, their scores are scaled to 0…1 per user, and the re-ranker chooses. A list of the
re-ranker ``category`` that is not certified to be the best of the whole catalog is searched deeper,
on the scale of the first candidates, up to ``MAX_CANDIDATES``.
"""

from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.registry import resolve
from prismrec.rerank.base import Reranker
from prismrec.rerank.category import certificate, diversify, rescale, score_range
from prismrec.rerank.diversity import strengths_for
from prismrec.rerank.frontier import Frontier, frontier
from prismrec.rerank.rerankers import RERANKERS
from prismrec.types import Diversity, ListOptions, Pool, RankedItems

CANDIDATES_PER_ITEM = 4
"""Candidates per item of a diverse list: enough that other categories are among them."""
DEPTH_FACTOR = 4
"""Factor by which a list that is not certified is searched deeper."""
MAX_CANDIDATES = 4_096
"""Largest number of candidates; a list that needs more is returned without a certificate."""


class CandidateSource(Protocol):
    """Where the candidates of a batch of users come from."""

    def __len__(self) -> int:
        """Return the number of users."""

    def search(self, rows: NDArray[np.int64], depth: int) -> RankedItems:
        """Return the ``depth`` best eligible items of some users, or all of them."""

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """Return one user's candidates as a re-ranker other than ``category`` reads them."""


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Lists of B users, and how they were made; item 0 where a list is shorter than k."""

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    interest: NDArray[np.int64]
    rank: NDArray[np.int64]
    """``[B, k]``: rank of each item by score alone, from 0."""
    plain: NDArray[np.int64]
    """``[B, k]``: the list at strength 0."""
    strength: NDArray[np.float64]
    """``[B]``: λ."""
    certified: NDArray[np.bool_]
    """``[B]``: whether the list is known to be the best of the whole catalog at that λ."""

    @classmethod
    def empty(cls, users: int, k: int) -> "RankedLists":
        """Return empty lists, to be filled in."""
        return cls(
            items=np.zeros((users, k), dtype=np.int64),
            scores=np.zeros((users, k), dtype=np.float32),
            interest=np.zeros((users, k), dtype=np.int64),
            rank=np.zeros((users, k), dtype=np.int64),
            plain=np.zeros((users, k), dtype=np.int64),
            strength=np.zeros(users),
            certified=np.ones(users, dtype=bool),
        )

    def put(
        self, rows: NDArray[np.int64], candidates: RankedItems, chosen: Int[np.ndarray, "R k"]
    ) -> None:
        """Write the chosen columns of the candidates as the lists of some rows."""
        width = chosen.shape[1]
        parts = (np.take_along_axis(part, chosen, axis=1) for part in candidates)
        items, scores, interest = parts
        present = items > 0
        self.items[rows, :width] = items
        self.scores[rows, :width] = np.where(present, scores, 0)
        self.interest[rows, :width] = np.where(present, interest, 0)
        self.rank[rows, :width] = np.where(present, chosen, 0)

    def fill(self, rows: NDArray[np.int64], other: "RankedLists") -> None:
        """Copy the lists of another batch into some rows."""
        for field in fields(self):
            whole: NDArray[Any] = getattr(self, field.name)
            whole[rows] = getattr(other, field.name)


def find_reranker(rerank: str) -> Reranker:
    """Return the re-ranker of a name or of ``module:function``.

    Raises:
        UnknownName: There is no re-ranker of that name.
    """
    return resolve("re-ranker", rerank, RERANKERS)


def build_lists(
    source: CandidateSource, options: ListOptions, *, category_of: Int[np.ndarray, " V"]
) -> RankedLists:
    """Build the list of each user of a batch.

    Args:
        source: Where candidates come from.
        options: What the lists look like; ``exclude_seen`` and ``filter`` are the source's.
        category_of: One category per item, by number; -1 for none.

    Raises:
        UnknownName: There is no re-ranker of that name.

    Cost: one search; for diverse lists O(B M log M) more, and deeper searches for the users whose
        list is not certified.
    """
    users, k, diversity = len(source), options.k, Diversity.of(options.diversity)
    reranker = find_reranker(options.rerank)
    every = np.arange(users)
    lists = RankedLists.empty(users, k)
    found = source.search(every, k if diversity.off else CANDIDATES_PER_ITEM * k)
    top = np.arange(min(k, found.items.shape[1]))
    lists.put(every, found, np.tile(top, (users, 1)))
    lists.plain[:] = lists.items
    if diversity.off:
        return lists
    if options.rerank != "category":
        return _reranked(lists, source, found, reranker, float(diversity.strength or 0))
    scale = score_range(found.scores)
    rows, depth = every, CANDIDATES_PER_ITEM * k
    while True:
        low, spread = (part[rows] for part in scale)
        scores = rescale(found.scores, low, spread)
        # Anew at each depth: the λ that meets a target differs on more candidates.
        categories = categories_in(found, category_of)
        lists.strength[rows] = strengths_for(diversity, scores, categories, k)
        full = found.items.shape[1] >= depth
        certified = _choose(lists, rows, found, scores, categories, full=full)
        lists.certified[rows] = certified
        rows = rows[~certified]
        if not len(rows) or depth >= MAX_CANDIDATES:
            return lists
        depth = min(DEPTH_FACTOR * depth, MAX_CANDIDATES)
        found = source.search(rows, depth)


def frontiers_of(
    source: CandidateSource, k: int, *, category_of: Int[np.ndarray, " V"]
) -> list[Frontier]:
    """Return every list that some strength makes, for each user of a batch.

    Scores are on the scale of ``build_lists``, the candidates as deep as a list's ever are.

    Cost: one search for ``MAX_CANDIDATES`` items per user, and a ``frontier`` per user.
    """
    found = source.search(np.arange(len(source)), max(CANDIDATES_PER_ITEM * k, MAX_CANDIDATES))
    categories = categories_in(found, category_of)
    scores = rescale(found.scores, *score_range(found.scores[:, : CANDIDATES_PER_ITEM * k]))
    return [frontier(own, c, k) for own, c in zip(scores, categories, strict=True)]


def _choose(
    lists: RankedLists,
    rows: NDArray[np.int64],
    found: RankedItems,
    scores: Float[np.ndarray, "R M"],
    categories: Int[np.ndarray, "R M"],
    *,
    full: bool,
) -> Bool[np.ndarray, " R"]:
    """Write the best lists of the candidates; return which are the best of the whole catalog.

    An item outside full candidates scores at most as their last one. Where fewer were found than
    asked for, there is no item outside.
    """
    width = min(lists.items.shape[1], scores.shape[1])
    chosen = np.empty((len(rows), width), dtype=np.int64)
    certified = np.empty(len(rows), dtype=bool)
    for strength in np.unique(lists.strength[rows]):
        same = lists.strength[rows] == strength
        own = scores[same], categories[same]
        chosen[same] = diversify(*own, width, strength=strength)
        floor = own[0][:, -1] if full else np.full(len(own[0]), -np.inf)
        certified[same] = certificate(*own, chosen[same], floor, strength=strength)
    lists.put(rows, found, chosen)
    return certified


def categories_in(found: RankedItems, category_of: Int[np.ndarray, " V"]) -> Int[np.ndarray, "R M"]:
    """Return each candidate's category; -1 for none, and where there is no candidate."""
    return np.where(found.items > 0, category_of[found.items], -1)


def _reranked(
    lists: RankedLists,
    source: CandidateSource,
    found: RankedItems,
    reranker: Reranker,
    strength: float,
) -> RankedLists:
    """Write what a re-ranker other than ``category`` makes of each user's candidates."""
    scores = rescale(found.scores, *score_range(found.scores))
    lists.strength[:] = strength
    lists.certified[:] = False
    for row, own in enumerate(scores):
        candidates = source.pool(row, found.items[row], own)
        chosen = reranker(candidates, lists.items.shape[1], strength=strength)
        lists.items[row], lists.scores[row] = 0, 0
        one = RankedItems(*(part[row : row + 1] for part in found))
        lists.put(np.array([row]), one, chosen[None])
    return lists
