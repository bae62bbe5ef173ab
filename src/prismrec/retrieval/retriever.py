"""The retriever: candidates, lists and similar items from one index.

retriever = Retriever(index, catalog, vectors_of, dim)
source = retriever.source(histories, interests, exclude_seen=True, eligible=None)
source.search(rows, 200)      # RankedItems [R, 200]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.numerics import normalize
from prismrec.rerank import CandidateSource, Frontier, RankedLists, build_lists, frontiers_of
from prismrec.retrieval.blended import BlendedSource
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.rules import RuleRetriever
from prismrec.retrieval.sources import (
    InterestSource,
    PopularSource,
    Query,
    VectorsOf,
    retrieve,
)
from prismrec.types import Diversity, Interests, ListOptions, RankedItems

NOTHING = np.empty(0, dtype=np.int64)
POPULAR_STRENGTH = 0.1
"""Smallest λ of a list for a history without known items."""
CANDIDATES_PER_SIMILAR = 20
"""Candidates by inner product per similar item, if the index is not exact."""


@dataclass(frozen=True, eq=False)
class Retriever:
    """An index, a catalog and perhaps rules, from which candidate sources are built."""

    index: Index
    catalog: Catalog
    vectors_of: VectorsOf
    dim: int
    """Width of an item vector without its bias."""
    rules: RuleRetriever | None = None
    """Blended with the interests; None for none."""

    def __repr__(self) -> str:
        rules = f", {self.rules!r}" if self.rules else ""
        return f"Retriever({self.index!r}{rules})"

    def source(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        *,
        exclude_seen: bool,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> CandidateSource:
        """Return the candidates of users who all have a history, or who all have none.

        Args:
            histories: Item numbers, oldest first.
            interests: Of the same users; not read for users without a history.
            exclude_seen: Leave out the items of the history.
            eligible: Items that may be recommended to anyone; None for all.
        """
        if not len(histories[0]):
            users = len(histories)
            return PopularSource(self.catalog, users, eligible, self.vectors_of, self.dim)
        query = Query.of(interests, histories if exclude_seen else [NOTHING] * len(histories))
        source = InterestSource(
            self.index, self.catalog, query, histories, eligible, self.vectors_of, self.dim
        )
        return source if self.rules is None else BlendedSource(source, self.rules)

    def lists(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> RankedLists:
        """Return the list of each user: from interests, or from popularity for an empty history.

        Args:
            histories: Item numbers, oldest first.
            interests: Of the same users.
            options: What the lists look like.
            eligible: Items that may be recommended to anyone; None for all.
        """
        options = replace(options, k=min(options.k, self.catalog.size - 1))
        lists = RankedLists.empty(len(histories), options.k)
        for rows, options_of_rows in self._split(histories, options):
            source = self._source_of(rows, histories, interests, options, eligible)
            some = build_lists(source, options_of_rows, category_of=self.catalog.single_category)
            lists.fill(rows, some)
        return lists

    def frontiers(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> list[Frontier]:
        """Return, for each user, every list that some λ makes of the candidates; see ``lists``."""
        k = min(options.k, self.catalog.size - 1)
        by_row: dict[int, Frontier] = {}
        for rows, _ in self._split(histories, options):
            source = self._source_of(rows, histories, interests, options, eligible)
            some = frontiers_of(source, k, category_of=self.catalog.single_category)
            by_row |= dict(zip(rows.tolist(), some, strict=True))
        return [by_row[row] for row in range(len(histories))]

    def similar(
        self, number: NDArray[np.int64], k: int, eligible: Bool[np.ndarray, " V"] | None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the k items of largest cosine to one item, and the cosines, largest first.

        Args:
            number: The item's number, ``[1]``.
            k: Number of items, at most.
            eligible: Items that may be returned; None for all.

        Cost: O(V D) with an exact index; otherwise a search for
            ``CANDIDATES_PER_SIMILAR`` · k items by inner product, of which the nearest are kept.
        """
        depth = self.catalog.size if self.index.exact else CANDIDATES_PER_SIMILAR * k
        query = Query.equal(self.vectors_of(number)[None], [number])
        found = self.retrieve(query, depth, eligible).items[0]
        found = np.sort(found[found > 0])
        near, query_vector = (
            normalize(self.vectors_of(some)[:, : self.dim]) for some in (found, number)
        )
        cosine = near @ query_vector[0]
        best = np.argsort(-cosine, kind="stable")[:k]
        return found[best], cosine[best]

    def retrieve(
        self, query: Query, depth: int, eligible: Bool[np.ndarray, " V"] | None
    ) -> RankedItems:
        """Return the ``depth`` best eligible items of each query of ``query``."""
        return retrieve(self.index, query, depth, eligible=eligible, vectors_of=self.vectors_of)

    def _split(
        self, histories: Sequence[NDArray[np.int64]], options: ListOptions
    ) -> Iterator[tuple[NDArray[np.int64], ListOptions]]:
        """Yield the users with a history, and those without, each with their options.

        A user without a history gets popular items with at least a little diversity.
        """
        known = np.array([len(history) > 0 for history in histories], dtype=bool)
        diversity = Diversity.of(options.diversity).at_least(POPULAR_STRENGTH)
        without = replace(options, diversity=diversity)
        if known.any():
            yield np.flatnonzero(known), options
        if not known.all():
            yield np.flatnonzero(~known), without

    def _source_of(
        self,
        rows: NDArray[np.int64],
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> CandidateSource:
        some = [histories[row] for row in rows.tolist()]
        of_rows = Interests(*(part[torch.from_numpy(rows).to(part.device)] for part in interests))
        return self.source(some, of_rows, exclude_seen=options.exclude_seen, eligible=eligible)
