"""The retriever: candidates, lists and similar items from one index.

retriever = Retriever(ItemSearch(index, vectors_of, dim), catalog)
parts = retriever.parts(histories, interests, options, eligible=None)
lists = retriever.lists(parts)                   # RankedLists [B, k]
ranked, certified = parts[0].source.search(rows, 200)     # RankedItems [R, 200], bool [R]
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, TypeVar

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
    build_lists,
    frontiers_of,
    mix_frontiers_of,
)
from prismrec.retrieval.blended import BlendedSource
from prismrec.retrieval.boosts import ScoreBoosts
from prismrec.retrieval.disliked import DislikeSource, nearest
from prismrec.retrieval.query import Query
from prismrec.retrieval.rules import RuleRetriever
from prismrec.retrieval.search import ItemSearch, SearchMemory
from prismrec.retrieval.sources import InterestSource, PopularSource, without_interests
from prismrec.types import Interests

T = TypeVar("T")

NOTHING = np.empty(0, dtype=np.int64)
POPULAR_STRENGTH = 0.1
"""Smallest λ of a list for a history without known items."""
CANDIDATES_PER_SIMILAR = 20
"""Candidates by inner product per similar item, if the index is not exact."""


class Part(NamedTuple):
    """The users of a batch who have interests, or those who have none."""

    rows: NDArray[np.int64]
    source: CandidateSource
    """Of these users only, in this order."""
    options: ListOptions
    """What their lists look like."""
    popular: bool
    """Whether they get popular items, since they have no interests."""


@dataclass(frozen=True, eq=False)
class Retriever:
    """Items that can be searched, and perhaps rules, from which candidate sources are built."""

    item_search: ItemSearch
    catalog: Catalog
    mixture: bool = False
    """Whether the interests are joined as a mixture; their scores are then log probabilities."""
    rules: RuleRetriever | None = None
    """Blended with the interests; None for none."""
    boosts: ScoreBoosts | None = None
    """What is added to the scores of items; None for nothing."""

    def __repr__(self) -> str:
        rules = f", {self.rules!r}" if self.rules else ""
        return f"Retriever({self.item_search.index!r}{rules})"

    def for_answer(self, boosts: ScoreBoosts | None) -> "Retriever":
        """Return the retriever of one answer, with its boosts: it searches no vector twice."""
        remembering = replace(self.item_search, memory=SearchMemory())
        return replace(self, item_search=remembering, boosts=boosts)

    def parts(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        options: ListOptions,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> list[Part]:
        """Return the users with interests, and those without, with their candidates and options.

        A user without interests gets popular items with at least a little diversity; there is
        nothing to steer. No list is longer than the catalog. There is at least one part.

        Args:
            histories: Item numbers, oldest first.
            interests: Of the same users; not read for users without any interest.
            options: What the lists look like.
            eligible: Items that may be recommended to anyone; None for all.
        """
        options = replace(options, k=min(options.k, self.catalog.size - 1))
        popular = without_interests(histories, interests, options)
        parts = []
        if not popular.all():
            rows = np.flatnonzero(~popular)
            if popular.any():
                histories = [histories[row] for row in rows.tolist()]
                interests = interests._replace(states=None).rows(torch.from_numpy(rows))
            source = self.source(
                histories, interests, exclude_seen=options.exclude_seen, eligible=eligible
            )
            source = self._with_dislikes(source, options.dislikes)
            parts.append(Part(rows, source, options, popular=False))
        if popular.any() or not parts:
            rows = np.flatnonzero(popular)
            source = PopularSource(self.item_search, self.catalog, len(rows), eligible, self.boosts)
            source = self._with_dislikes(source, options.dislikes)
            diversity = Diversity.of(options.diversity).at_least(POPULAR_STRENGTH)
            options = replace(options, diversity=diversity, interests=InterestOptions())
            parts.append(Part(rows, source, options, popular=True))
        return parts

    def source(
        self,
        histories: Sequence[NDArray[np.int64]],
        interests: Interests,
        *,
        exclude_seen: bool,
        eligible: Bool[np.ndarray, " V"] | None,
    ) -> CandidateSource:
        """Return the candidates of users who all have interests.

        Args:
            histories: Item numbers, oldest first.
            interests: Of the same users.
            exclude_seen: Leave out the items of the history.
            eligible: Items that may be recommended to anyone; None for all.
        """
        query = self.query_of(histories, interests, exclude_seen=exclude_seen)
        source = InterestSource(
            self.item_search, self.catalog, query, histories, eligible, self.boosts
        )
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
    def lists(self, parts: Sequence[Part]) -> RankedLists:
        """Return the list of each user of a batch."""
        users = sum(len(part.rows) for part in parts)
        lists = RankedLists.empty(users, parts[0].options.k)
        for part in parts:
            own = build_lists(part.source, part.options, category_of=self.catalog.single_category)
            lists.fill(part.rows, own)
            lists.popular[part.rows] = part.popular
        return lists

    @as_step("frontier")
    def frontiers(self, parts: Sequence[Part]) -> list[Frontier]:
        """Return, for each user, every list that some λ makes of the candidates."""
        make = partial(frontiers_of, category_of=self.catalog.single_category)
        return _of_each_user(parts, make)

    @as_step("frontier")
    def mix_frontiers(self, parts: Sequence[Part]) -> list[MixFrontier | None]:
        """Return, for each user, the lists between mixture and shares."""
        return _of_each_user(parts, mix_frontiers_of)

    def rule_shares(self, parts: Sequence[Part], lists: RankedLists) -> Float[np.ndarray, "B k"]:
        """Return the share of the probability of each listed item that comes from the rules."""
        shares = np.zeros(lists.items.shape)
        if self.rules is None:
            return shares
        for part in parts:
            items, scores, source = lists.items[part.rows], lists.scores[part.rows], part.source
            if isinstance(source, DislikeSource):
                scores, source = source.scores_without_penalty(items, scores), source.base
            if isinstance(source, BlendedSource):
                shares[part.rows] = source.rule_shares(np.arange(len(part.rows)), items, scores)
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
        number, cosine = nearest(items, vectors, self.item_search)
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
        exact = self.item_search.index.exact
        depth = self.catalog.size if exact else CANDIDATES_PER_SIMILAR * k
        query = Query.equal(self.item_search.vectors_of(number)[None], [number])
        found = self.item_search.find(query, depth, eligible).items[0]
        found = np.sort(found[found > 0])
        near, query_vector = (normalize(self.item_search.content(some)) for some in (found, number))
        cosine = near @ query_vector[0]
        best = np.argsort(-cosine, kind="stable")[:k]
        return found[best], cosine[best]

    def _with_dislikes(self, source: CandidateSource, dislikes: Sequence[str]) -> CandidateSource:
        """Return a source in which items near disliked ones score less."""
        numbers, vectors = self._disliked(dislikes)
        return DislikeSource(source, vectors, self.item_search) if len(numbers) else source

    def _disliked(
        self, names: Sequence[str]
    ) -> tuple[Int[np.ndarray, " N"], Float[np.ndarray, "N D"]]:
        """Return the numbers of the known ones of these items, and their vectors of length 1."""
        numbers = self.catalog.items.index_known(names)
        if not len(numbers):
            return numbers, np.empty((0, self.item_search.dim))
        return numbers, normalize(self.item_search.content(numbers))


def _of_each_user(
    parts: Sequence[Part], make: Callable[[CandidateSource, ListOptions], Sequence[T]]
) -> list[T]:
    """Return what ``make`` makes of the candidates of each user, in the order of the batch."""
    made: dict[int, T] = {}
    for part in parts:
        made |= zip(part.rows.tolist(), make(part.source, part.options), strict=True)
    return [made[row] for row in range(len(made))]
