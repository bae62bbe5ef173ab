"""Building lists: retrieve candidates, re-rank them, and check that there were enough of them.

At strength 0 the list is the top of the candidates. Otherwise ``CANDIDATES_PER_ITEM`` candidates
are retrieved per item of the list, their scores are scaled to 0…1 per user, and the re-ranker
chooses.
If a list of the re-ranker ``category`` is not certified to be the best list of the whole catalog,
more candidates are retrieved, up to ``MAX_CANDIDATES``; the scale stays that of the first ones.
"""

from dataclasses import dataclass, fields
from typing import Any, Protocol

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError
from prismrec.registry import resolve
from prismrec.rerank.base import Reranker
from prismrec.rerank.category import certificate, diversify, rescale, score_range
from prismrec.rerank.diversity import strengths_for
from prismrec.rerank.frontier import Frontier, frontier
from prismrec.rerank.rerankers import RERANKERS
from prismrec.types import Diversity, ListOptions, Pool, RankedItems

CANDIDATES_PER_ITEM = 4
"""Candidates per item of a diverse list; enough to contain other categories."""
DEPTH_FACTOR = 4
"""Factor on the number of candidates if a list is not certified."""
MAX_CANDIDATES = 4_096
"""Largest number of candidates per user; a list that needs more is not certified."""


class CandidateSource(Protocol):
    """The type of a source of candidates for a batch of users."""

    def __len__(self) -> int:
        """Return the number of users."""

    def search(self, rows: NDArray[np.int64], depth: int) -> RankedItems:
        """Return the ``depth`` best eligible items of some users; fewer if there are no more."""

    def pool(self, row: int, items: NDArray[np.int64], scores: NDArray[np.float64]) -> Pool:
        """Return the candidates of one user as a ``Pool``; not used for ``category``."""


@dataclass(frozen=True, eq=False)
class RankedLists:
    """Lists of B users and how they were made; item 0 where a list is shorter than k."""

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
        """Return empty lists."""
        return cls(
            items=np.zeros((users, k), dtype=np.int64),
            scores=np.zeros((users, k), dtype=np.float32),
            interest=np.zeros((users, k), dtype=np.int64),
            rank=np.zeros((users, k), dtype=np.int64),
            plain=np.zeros((users, k), dtype=np.int64),
            strength=np.zeros(users),
            certified=np.ones(users, dtype=bool),
        )

    def __repr__(self) -> str:
        users, k = self.items.shape
        return f"RankedLists({users} users, k {k}, {int(self.certified.sum())} certified)"

    def write(
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
        ConfigError: The object at ``module:function`` cannot be called.
    """
    reranker = resolve("re-ranker", rerank, RERANKERS)
    if not callable(reranker):
        raise ConfigError(
            f"The re-ranker {rerank!r} is of type {type(reranker).__name__}, which cannot be "
            "called; name a function (pool, k, *, strength)."
        )
    return reranker


def build_lists(
    source: CandidateSource, options: ListOptions, *, category_of: Int[np.ndarray, " V"]
) -> RankedLists:
    """Build the list of each user of a batch.

    Args:
        source: Where candidates come from.
        options: Length, diversity and re-ranker. ``exclude_seen`` and ``filter`` are not read: the
            source applies them.
        category_of: One category per item, by number; -1 for none.

    Raises:
        UnknownName, ConfigError: See ``find_reranker``.

    Cost: one search; for diverse lists O(B M log M) more, and deeper searches for the users whose
        list is not certified.
    """
    users, k, diversity = len(source), options.k, Diversity.of(options.diversity)
    reranker = find_reranker(options.rerank)
    rows = np.arange(users)
    lists = RankedLists.empty(users, k)
    candidates = source.search(rows, k if diversity.off else CANDIDATES_PER_ITEM * k)
    top = np.arange(min(k, candidates.items.shape[1]))
    lists.write(rows, candidates, np.tile(top, (users, 1)))
    lists.plain[:] = lists.items
    if diversity.off:
        return lists
    if options.rerank != "category":
        return _rerank(lists, source, candidates, reranker, float(diversity.strength or 0))
    scale = score_range(candidates.scores)
    depth = CANDIDATES_PER_ITEM * k
    while True:
        low, spread = (part[rows] for part in scale)
        scores = rescale(candidates.scores, low, spread)
        # Computed again for more candidates: the λ that meets a target may differ.
        categories = categories_in(candidates, category_of)
        lists.strength[rows] = strengths_for(diversity, scores, categories, k)
        full = candidates.items.shape[1] >= depth
        certified = _choose(lists, rows, candidates, scores, categories, full=full)
        lists.certified[rows] = certified
        rows = rows[~certified]
        if not len(rows) or depth >= MAX_CANDIDATES:
            return lists
        depth = min(DEPTH_FACTOR * depth, MAX_CANDIDATES)
        candidates = source.search(rows, depth)


def frontiers_of(
    source: CandidateSource, k: int, *, category_of: Int[np.ndarray, " V"]
) -> list[Frontier]:
    """Find all lists that any strength makes, per user of a batch.

    Scores have the scale of ``build_lists``, and the number of candidates is its largest.

    Cost: one search for ``MAX_CANDIDATES`` items per user, and a ``frontier`` per user.
    """
    depth = CANDIDATES_PER_ITEM * k
    candidates = source.search(np.arange(len(source)), max(depth, MAX_CANDIDATES))
    categories = categories_in(candidates, category_of)
    scores = rescale(candidates.scores, *score_range(candidates.scores[:, :depth]))
    return [frontier(s, c, k) for s, c in zip(scores, categories, strict=True)]


def _choose(
    lists: RankedLists,
    rows: NDArray[np.int64],
    candidates: RankedItems,
    scores: Float[np.ndarray, "R M"],
    categories: Int[np.ndarray, "R M"],
    *,
    full: bool,
) -> Bool[np.ndarray, " R"]:
    """Write the best lists of the candidates, and return which are certified.

    If the candidates are ``full`` (as many as the search was to return), an item outside scores at
    most as the last candidate. If there are fewer, there is no item outside.
    """
    width = min(lists.items.shape[1], scores.shape[1])
    chosen = np.empty((len(rows), width), dtype=np.int64)
    certified = np.empty(len(rows), dtype=bool)
    for strength in np.unique(lists.strength[rows]):
        same = lists.strength[rows] == strength
        part = scores[same], categories[same]
        chosen[same] = diversify(*part, width, strength=strength)
        bound = part[0][:, -1] if full else np.full(len(part[0]), -np.inf)
        certified[same] = certificate(*part, chosen[same], bound, strength=strength)
    lists.write(rows, candidates, chosen)
    return certified


def categories_in(
    candidates: RankedItems, category_of: Int[np.ndarray, " V"]
) -> Int[np.ndarray, "R M"]:
    """Return the category of each candidate; -1 for none, and where there is no candidate."""
    return np.where(candidates.items > 0, category_of[candidates.items], -1)


def _rerank(
    lists: RankedLists,
    source: CandidateSource,
    candidates: RankedItems,
    reranker: Reranker,
    strength: float,
) -> RankedLists:
    """Write the lists of a re-ranker other than ``category``, user by user."""
    scores = rescale(candidates.scores, *score_range(candidates.scores))
    lists.strength[:] = strength
    lists.certified[:] = False
    for row in range(len(scores)):
        pool = source.pool(row, candidates.items[row], scores[row])
        chosen = reranker(pool, lists.items.shape[1], strength=strength)
        lists.items[row], lists.scores[row] = 0, 0
        one = RankedItems(*(part[row : row + 1] for part in candidates))
        lists.write(np.array([row]), one, chosen[None])
    return lists
