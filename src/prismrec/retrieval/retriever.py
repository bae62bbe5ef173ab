"""The retriever: candidates, lists and similar items from one index.

retriever = Retriever(index, catalog, vectors_of, dim)
source = retriever.source(histories, interests, exclude_seen=True, eligible=None)
ranked, certified = source.search(rows, 200)     # RankedItems [R, 200], bool [R]
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.io import as_step
from prismrec.numerics import normalize
from prismrec.rerank import (
    CandidateSource,
    Diversity,
    Frontier,
    InterestOptions,
    ListOptions,
    MixFrontier,
    RankedLists,
    adds_interests,
    build_lists,
    frontiers_of,
    mix_frontiers_of,
)
from prismrec.retrieval.blended import BlendedSource
from prismrec.retrieval.boosts import ScoreBoosts
from prismrec.retrieval.disliked import DislikeSource, nearest
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.query import Found, Query, VectorsOf
from prismrec.retrieval.rules import RuleRetriever
from prismrec.retrieval.search import FewItems, SearchMemory, retrieve
from prismrec.retrieval.sources import InterestSource, PopularSource, without_interests
from prismrec.types import Interests

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
    mixture: bool = False
    """Whether the interests are joined as a mixture; their scores are then log probabilities."""
    rules: RuleRetriever | None = None
    """Blended with the interests; None for none."""
    memory: SearchMemory | None = None
    """What the index found before, see ``remembering``."""
    sources: dict[bytes, CandidateSource] | None = None
    """The sources of candidates of some users, see ``remembering``."""
    few: FewItems = field(default_factory=FewItems)
    """Indexes of the eligible items of filters that leave few."""
    boosts: ScoreBoosts | None = None
    """What is added to the scores of items; None for nothing."""

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
        added: bool = False,
    ) -> CandidateSource:
        """Return the candidates of users who all have a history, or who all have none.

        Args:
            histories: Item numbers, oldest first.
            interests: Of the same users; not read for users without any interest.
            exclude_seen: Leave out the items of the history.
            eligible: Items that may be recommended to anyone; None for all.
            added: Whether the caller added an interest that is not muted.
        """
        if not len(histories[0]) and not added:
            users = len(histories)
            return PopularSource(
                self.catalog, users, eligible, self.vectors_of, self.dim, self.boosts
            )
        query = self.query_of(histories, interests, exclude_seen=exclude_seen)
        source = InterestSource(
            self.index, self.catalog, query, histories, eligible, self.vectors_of, self.dim,
            memory=self.memory, few=self.few, boosts=self.boosts,
        )  # fmt: skip
        return source if self.rules is None else BlendedSource(source, self.rules)

    def query_of(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        *,
        exclude_seen: bool = True,
    ) -> Query:
        """Return the query of a batch of interests."""
        excluded = histories if exclude_seen else [NOTHING] * len(histories)
        return Query.of(interests, excluded, mixture=self.mixture)

    @as_step("rerank")
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
        lists = RankedLists.empty(len(histories), min(options.k, self.catalog.size - 1))
        for rows, source, own in self._split(histories, interests, options, eligible):
            lists.fill(rows, build_lists(source, own, category_of=self.catalog.single_category))
        lists.popular[:] = without_interests(histories, interests, options)
        return lists

    @as_step("frontier")
    def frontiers(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> list[Frontier]:
        """Return, for each user, every list that some λ makes of the candidates; see ``lists``."""
        by_row: dict[int, Frontier] = {}
        for rows, source, own in self._split(histories, interests, options, eligible):
            some = frontiers_of(source, own, category_of=self.catalog.single_category)
            by_row |= dict(zip(rows.tolist(), some, strict=True))
        return [by_row[row] for row in range(len(histories))]

    @as_step("frontier")
    def mix_frontiers(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> list[MixFrontier | None]:
        """Return, for each user, the lists between mixture and shares; see ``lists``."""
        by_row: dict[int, MixFrontier | None] = {}
        for rows, source, own in self._split(histories, interests, options, eligible):
            by_row |= dict(zip(rows.tolist(), mix_frontiers_of(source, own), strict=True))
        return [by_row[row] for row in range(len(histories))]

    def rule_shares(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        lists: RankedLists,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> Float[np.ndarray, "B k"]:
        """Return the share of the probability of each listed item that comes from the rules."""
        shares = np.zeros(lists.items.shape)
        if self.rules is None:
            return shares
        for rows, found, _ in self._split(histories, interests, options, eligible):
            items, scores, source = lists.items[rows], lists.scores[rows], found
            if isinstance(source, DislikeSource):
                scores, source = source.scores_without_penalty(items, scores), source.base
            if isinstance(source, BlendedSource):
                shares[rows] = source.rule_shares(np.arange(len(rows)), items, scores)
        return shares

    def nearest_dislikes(
        self, items: NDArray[np.int64], dislikes: Sequence[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the number of the nearest disliked item per item, 0 if none is near; its cosine.

        Args:
            items: Item numbers, of any shape.
            dislikes: Ids of disliked items.
        """
        numbers, vectors = self._disliked(dislikes)
        if not len(numbers):
            return np.zeros_like(items), np.zeros(items.shape)
        number, cosine = nearest(items, vectors, self.vectors_of, self.dim)
        return np.where(number >= 0, numbers[number], 0), cosine

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

    def retrieve(self, query: Query, depth: int, eligible: Bool[np.ndarray, " V"] | None) -> Found:
        """Return the ``depth`` best eligible items of each query of ``query``."""
        return retrieve(
            self.index, query, depth,
            eligible=eligible, vectors_of=self.vectors_of, memory=self.memory,
            few=self.few,
        )  # fmt: skip

    def remembering(self) -> "Retriever":
        """Return the same retriever for one answer.

        It searches no query vector twice, and gets the candidates of the rules only once.
        """
        return replace(self, memory=SearchMemory(), sources={})

    def _split(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> Iterator[tuple[NDArray[np.int64], CandidateSource, ListOptions]]:
        """Yield the users with interests, and those without, with their candidates and options.

        A user without interests gets popular items with at least a little diversity; there is
        nothing to steer. No list is longer than the catalog.
        """
        options = replace(options, k=min(options.k, self.catalog.size - 1))
        diversity = Diversity.of(options.diversity).at_least(POPULAR_STRENGTH)
        without = replace(options, diversity=diversity, interests=InterestOptions())
        popular = without_interests(histories, interests, options)
        for which, own in ((~popular, options), (popular, without)):
            if which.any():
                rows = np.flatnonzero(which)
                yield rows, self._source_of(rows, histories, interests, own, eligible), own

    def _source_of(
        self,
        rows: NDArray[np.int64],
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> CandidateSource:
        key = rows.tobytes()
        if self.sources is not None and key in self.sources:
            return self.sources[key]
        interests = interests._replace(states=None)  # not searched
        if len(rows) < len(histories):
            histories = [histories[row] for row in rows.tolist()]
            interests = interests.rows(torch.from_numpy(rows))
        source = self.source(
            histories,
            interests,
            exclude_seen=options.exclude_seen,
            eligible=eligible,
            added=adds_interests(options.interests, interests.bias.shape[1]),
        )
        numbers, vectors = self._disliked(options.dislikes)
        if len(numbers):
            source = DislikeSource(source, vectors, self.vectors_of, self.dim)
        if self.sources is not None:
            self.sources[key] = source
        return source

    def _disliked(
        self, names: Sequence[str]
    ) -> tuple[Int[np.ndarray, " N"], Float[np.ndarray, "N D"]]:
        """Return the numbers of the known ones of these items, and their vectors of length 1."""
        numbers = self.catalog.items.index_known(names)
        if not len(numbers):
            return numbers, np.empty((0, self.dim))
        return numbers, normalize(self.vectors_of(numbers)[:, : self.dim])
