"""The best items of each user: search each interest, join the scores, and leave out items.

    search = ItemSearch(index, vectors_of, dim)
    found = search.find(query, 200, eligible=None)    # Found [B, 200]

The scores of the interests are joined in one of two ways: an item scores as with its best interest,
or, as a mixture, log Σ exp over all interests, which is its log probability if the scores of each
interest are log probabilities.
"""

import hashlib
from dataclasses import dataclass, field
from threading import Lock

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.numerics import logsumexp, top_k
from prismrec.retrieval.all_scores import retrieve_from_all_scores
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.index.sharded import ShardedIndex
from prismrec.retrieval.merge import is_excluded, merge_candidates
from prismrec.retrieval.query import Found, Query, VectorsOf
from prismrec.types import Candidates

SMALL_CATALOG = 1 << 16
"""Largest exact index for which all scores of a user are computed at once."""
FEW = 8
"""If less than one item in ``FEW`` is eligible, only the eligible items are searched."""
MAX_REMEMBERED = 1 << 24
"""Numbers of vectors of few eligible items that are remembered, 64 MiB, but at least one index."""
MOST_REMEMBERED = 1_024
"""Largest number of indexes of few eligible items that are remembered, however small they are."""
MAX_DEPTH = 4_096
"""Largest number of candidates per interest of a mixture, or per user who dislikes items; beyond, a
list is not certified."""
FIRST = 4
"""Factor on the number of candidates per interest in the first search for a mixture."""
MAX_NUMBERS = 1 << 24
"""Numbers of item vectors in memory at once when candidates are joined, 64 MiB."""
DEEPER = 4
"""Factor on the number of candidates per interest, or per user who dislikes items, if a list is not
certified."""


class SearchMemory:
    """What an index found for each query vector, so that no vector is searched twice per answer."""

    def __init__(self) -> None:
        self.found: dict[bytes, tuple[NDArray[np.int64], NDArray[np.float32]]] = {}

    def search(self, index: Index, vectors: Float[np.ndarray, "P D"], m: int) -> Candidates:
        """Return the m best items of each vector, with one search for those that are not known."""
        keys = [vector.tobytes() for vector in vectors]
        new = [n for n, key in enumerate(keys) if len(self.found.get(key, ((), ()))[0]) < m]
        if new:
            items, scores = index.search(vectors[new][None], m)
            for n, own_items, own_scores in zip(new, items[0], scores[0], strict=True):
                self.found[keys[n]] = own_items, own_scores
        known = [self.found[key] for key in keys]
        return Candidates(
            np.array([items[:m] for items, _ in known])[None],
            np.array([scores[:m] for _, scores in known])[None],
        )


class FewItems:
    """Indexes of the eligible items of the newest filters that leave few; safe for threads."""

    def __init__(self) -> None:
        self.found: dict[bytes, ExactIndex] = {}
        self.lock = Lock()

    def index_of(
        self, contained: Bool[np.ndarray, " N"], ids: NDArray[np.int64], vectors_of: VectorsOf
    ) -> ExactIndex:
        """Return an exact index of some of the items of an index.

        Args:
            contained: Which of them.
            ids: The item numbers of the index, ascending.
            vectors_of: Returns item vectors.

        Cost: a copy of the vectors; O(N) if this was asked for before.
        """
        key = hashlib.blake2b(np.packbits(contained).tobytes(), digest_size=16).digest()
        with self.lock:
            if key in self.found:
                self.found[key] = self.found.pop(key)  # now the newest
                return self.found[key]
        numbers = ids[contained]
        # Not checked again: the vectors are those of the index, and the numbers ascend. With one
        # column after the other in memory, a product with few queries is faster.
        by_column = torch.from_numpy(vectors_of(numbers)).T.contiguous().T
        index = ExactIndex(by_column, numbers)
        with self.lock:
            self.found[key] = index
            numbers_held = sum(one.vectors.numel() for one in self.found.values())
            while len(self.found) > 1 and (
                numbers_held > MAX_REMEMBERED or len(self.found) > MOST_REMEMBERED
            ):
                numbers_held -= self.found.pop(next(iter(self.found))).vectors.numel()
        return index


@dataclass(frozen=True, eq=False, repr=False)
class ItemSearch:
    """How the items of a catalog are searched, and where their vectors are."""

    index: Index
    """Of the whole catalog."""
    vectors_of: VectorsOf
    """Not read by a plain search: only if few items are eligible, and for a mixture."""
    dim: int
    """Width of an item vector without its bias, which is the last number if the model has one."""
    few: FewItems = field(default_factory=FewItems)
    """Indexes of the eligible items of filters that leave few."""
    memory: SearchMemory | None = None
    """What the index found for earlier queries of the same answer; None to remember nothing."""

    def content(self, items: Int[np.ndarray, " N"]) -> Float[np.ndarray, "N D"]:
        """Return the vectors of some items without their biases."""
        return self.vectors_of(items)[:, : self.dim]

    def find(self, query: Query, depth: int, eligible: Bool[np.ndarray, " V"] | None) -> Found:
        """Return the ``depth`` best eligible items per user; fewer only if there are no more.

        Args:
            query: Interests and excluded items of each user.
            depth: M, the number of items per user.
            eligible: Items that may be recommended to anyone; None for all.

        Cost: one search for ``depth`` + excluded items, and deeper searches if many items are not
            eligible or a mixture is not certified; if few items are eligible, an exact search of
            these.
        """
        index, memory = _joined(self.index), self.memory
        if isinstance(index, ExactIndex) and len(index) <= SMALL_CATALOG:
            return retrieve_from_all_scores(index, query, depth, eligible)
        ineligible = 0
        if eligible is not None:
            contained = _contained(eligible, index.ids)
            ineligible = len(contained) - int(np.count_nonzero(contained))
            if ineligible and (len(contained) - ineligible) * FEW < len(contained):
                index = self.few.index_of(contained, index.ids, self.vectors_of)
                memory, ineligible = None, 0
        wanted = depth + max((len(np.unique(numbers)) for numbers in query.excluded), default=0)
        depths = wanted, wanted + ineligible
        if not query.mixture:
            m = wanted + min(ineligible, wanted)
            found = _search_eligible(index, query, m, depths, eligible, memory)
            merged = merge_candidates(found, query.prior, depth, excluded=query.excluded)
            return Found(merged.items, merged.scores, np.ones(len(merged.items), dtype=bool))
        best = Found(
            np.zeros((len(query.excluded), depth), dtype=np.int64),
            np.full((len(query.excluded), depth), -np.inf, dtype=np.float32),
            np.zeros(len(query.excluded), dtype=bool),
        )
        rows, m = np.arange(len(query.excluded)), FIRST * wanted + min(ineligible, wanted)
        while len(rows):
            some = query.rows(rows)
            found = _search_eligible(index, some, m, depths, eligible, memory)
            joined = _join_in_blocks(found, some, depth, self.vectors_of)
            m = found.items.shape[2]
            width = joined.items.shape[1]
            best.items[rows, :width], best.scores[rows, :width] = joined.items, joined.scores
            best.certified[rows] = joined.certified | (m >= len(index))
            if m >= min(max(MAX_DEPTH, wanted), len(index)):
                break
            rows = rows[~best.certified[rows]]
            m = min(DEEPER * m, max(MAX_DEPTH, wanted), len(index))
        return best


def _contained(eligible: Bool[np.ndarray, " V"], ids: NDArray[np.int64]) -> Bool[np.ndarray, " N"]:
    """Return which items of an index are eligible, without a copy if it has items 1 to N.

    Args:
        eligible: By item number.
        ids: The item numbers of the index, ascending.
    """
    first_ones = len(ids) > 0 and ids[0] == 1 and ids[-1] == len(ids)
    return eligible[1 : 1 + len(ids)] if first_ones else eligible[ids]


def _joined(index: Index) -> Index:
    """Return a small index of exact shards as one exact index; any other index as it is."""
    if isinstance(index, ShardedIndex) and len(index) <= SMALL_CATALOG:
        return index.joined or index
    return index


def _search_eligible(
    index: Index,
    query: Query,
    m: int,
    depths: tuple[int, int],
    eligible: Bool[np.ndarray, " V"] | None,
    memory: SearchMemory | None,
) -> Candidates:
    """Search each interest, deeper until it has enough eligible items; others become item 0.

    Args:
        index: An index of the whole catalog, or of the eligible items.
        query: Interests of each user.
        m: Depth of the first search.
        depths: Number of eligible items that are enough, and the depth at which there are certainly
            so many.
        eligible: Items that may be recommended to anyone; None for all.
        memory: What was found before.
    """
    enough, most = depths
    deepest = max(min(max(most, m), len(index)), 1)
    m = min(m, deepest)
    while True:
        found = _search_active(index, query, m, memory)
        if eligible is None or most == enough:
            return found
        found = Candidates(np.where(eligible[found.items], found.items, 0), found.scores)
        short = (found.items > 0).sum(axis=2) < enough
        if m >= deepest or not (short & ~np.isneginf(query.prior)).any():
            return found
        m = min(DEEPER * m, deepest)


def _search_active(index: Index, query: Query, m: int, memory: SearchMemory | None) -> Candidates:
    """Search the active interests only; the others find nothing."""
    row, number = np.nonzero(~np.isneginf(query.prior))
    users, interests = query.prior.shape
    items = np.zeros((users, interests, m), dtype=np.int64)
    scores = np.full((users, interests, m), -np.inf, dtype=np.float32)
    if len(row):
        vectors = query.vectors[row, number]
        found = (
            index.search(vectors[None], m) if memory is None else memory.search(index, vectors, m)
        )
        items[row, number], scores[row, number] = found.items[0], found.scores[0]
    return Candidates(items, scores)


def _join_in_blocks(found: Candidates, query: Query, depth: int, vectors_of: VectorsOf) -> Found:
    """Join the candidates of some users at a time: see ``_join_candidates``."""
    users, interests, m = found.items.shape
    step = max(MAX_NUMBERS // max(interests * m * query.vectors.shape[2], 1), 1)
    parts = [
        _join_candidates(
            Candidates(found.items[start : start + step], found.scores[start : start + step]),
            query.rows(np.arange(start, min(start + step, users))),
            depth,
            vectors_of,
        )
        for start in range(0, users, step)
    ]
    return Found(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _join_candidates(found: Candidates, query: Query, depth: int, vectors_of: VectorsOf) -> Found:
    """Score the candidates of all interests as a mixture.

    An item outside the candidates scores at most as the last candidate with every interest.
    """
    users, interests, m = found.items.shape
    inactive = np.isneginf(query.prior)
    items = np.where(inactive[:, :, None], 0, found.items).reshape(users, -1)
    items = np.sort(np.where(is_excluded(items, query.excluded), 0, items), axis=1)
    items[:, 1:][items[:, 1:] == items[:, :-1]] = 0
    vectors = vectors_of(items.ravel()).reshape(*items.shape, -1)
    scores = logsumexp(query.scores_of(vectors), axis=2)
    scores = np.where(items > 0, scores, -np.inf).astype(np.float32)
    chosen = top_k(scores, min(depth, interests * m))
    best = np.take_along_axis(scores, chosen, axis=1)
    present = ~np.isneginf(best)
    # Where an interest has fewer candidates than asked for, it has found all items.
    last = np.where(inactive, -np.inf, found.scores[:, :, -1] + query.prior)
    bound = np.logaddexp.reduce(last, axis=1)
    return Found(
        np.where(present, np.take_along_axis(items, chosen, axis=1), 0),
        best,
        best[:, -1] >= bound if best.shape[1] else np.ones(users, dtype=bool),
    )
