"""The recommender: a model, an index and a catalog that answer together. Immutable.

    recommender = Recommender(model, index, catalog)
    answer = recommender.recommend(["B00A", "B00B"], k=20, diversity=0.3)
    for item in answer: print(item.title, item.score, item.interest, item.because)
    report = evaluate(partial(recommender.ranked, exclude_seen=True), split.test)

``recommend`` adds names and reasons to the lists of ``ranked``: the lists that are evaluated
are the lists that are served. A method that reads histories runs the model once for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Unpack

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from prismrec.errors import check_type
from prismrec.io import as_step
from prismrec.recommend.explain import AnswerBuilder, similar_items
from prismrec.recommend.frames import frame_lists
from prismrec.recommend.histories import item_numbers, known_items, known_items_of_each
from prismrec.recommend.interests import (
    FOUND,
    added_vectors,
    describe_interests,
    unknown_interests,
    weigh_added,
)
from prismrec.recommend.parts import RecommenderParts
from prismrec.recommend.reasons import Reasons
from prismrec.recommend.results import Answer, Interest, SimilarItem
from prismrec.rerank import (
    Filter,
    Frontier,
    ListKeywords,
    ListOptions,
    RankedLists,
    added_weights,
    check_length,
)
from prismrec.retrieval import Retriever
from prismrec.types import Interests, RankedItems


@dataclass(frozen=True, eq=False, repr=False)
class Recommender(RecommenderParts):
    """Recommends items to histories; a change returns another recommender.

    Raises:
        ConfigError: Model, index and catalog do not belong together.
    """

    def __repr__(self) -> str:
        number = self.model.interests - 1 if self.model.forming else self.model.interests
        interests = f"{'up to ' if self.model.forming else ''}{number} interests"
        rules = ", blended with rules" if self.rules else ""
        return (
            f"Recommender({type(self.model.extractor).__name__}, {interests}, "
            f"{self.catalog.size - 1:,} items, {self.index.kind} index{rules})"
        )

    def recommend(
        self,
        history: Sequence[str],
        k: int = 20,
        *,
        explain: bool = True,
        frontier: bool = False,
        mix_frontier: bool = False,
        top_items: int = 0,
        **options: Unpack[ListKeywords],
    ) -> Answer:
        """Recommend items to one history of external ids, oldest first.

        Args:
            history: External ids; those that the catalog does not hold are left out and named in
                the answer. Without any known id the answer is a list of popular items, unless
                ``options`` add an interest.
            k: Length of the list; shorter where fewer items are eligible.
            explain: Add the interests and the reasons of each item; slower.
            frontier: Add every list that diversity could make; slower.
            mix_frontier: Add the lists between mixture and shares; slower.
            top_items: Number of items to add per interest: those that it alone would recommend,
                at most 10; without ``explain`` it has no effect.
            options: The other fields of ``ListOptions``.

        Raises:
            ConfigError: An impossible option, or a history that is no list of texts.
            UnknownName: A category, an attribute or a re-ranker that does not exist.

        Cost: one forward pass of the model, one search of the index; with ``explain`` and a small
            catalog (see ``retrieval.search``) one more.
        """
        return self.recommend_many(
            [history],
            ListOptions(k=k, **options),
            explain=explain,
            frontier=frontier,
            mix_frontier=mix_frontier,
            top_items=top_items,
        )[0]

    @torch.inference_mode()  # cheaper than no_grad; no tensor is returned
    def recommend_many(
        self,
        histories: Sequence[Sequence[str]],
        options: ListOptions = ListOptions(),  # noqa: B008 -- frozen
        *,
        explain: bool = True,
        frontier: bool = False,
        mix_frontier: bool = False,
        top_items: int = 0,
    ) -> list[Answer]:
        """Recommend items to several histories at once: the lists of ``recommend``, but faster.

        ``explain``, ``frontier``, ``mix_frontier`` and ``top_items`` are those of ``recommend``.

        Raises:
            ConfigError, UnknownName: See ``recommend``.
        """
        check_type("options", options, ListOptions, "a ListOptions; write ListOptions(k=5)")
        numbers = known_items_of_each(self.catalog, histories)
        read = self._read_or_remember(numbers, options, states=explain)
        eligible = self.eligible(options.filter, options.dislikes)
        retriever = self.retriever_for(options)
        parts = retriever.parts(numbers, read, options, eligible)
        lists = retriever.lists(parts)
        described: Sequence[list[Interest]] = [[]] * len(numbers)
        if explain:
            described = self._described(retriever, numbers, read, options, top=top_items)
        none = [None] * len(numbers)
        frontiers = retriever.frontiers(parts) if frontier else none
        mixes = retriever.mix_frontiers(parts) if mix_frontier else none
        reasons = None
        if explain:
            reasons = Reasons(
                self.catalog,
                retriever.query_of(numbers, read),
                read,
                self.model.vectors_as_numpy,
                self.model.extractor.max_len,
                self.rules,
                retriever.rule_shares(parts, lists),
            )
        near = retriever.nearest_dislikes(lists.items, options.dislikes)
        builder = AnswerBuilder(
            self.catalog, self.provisional, lists, options, reasons, near, retriever.boosts,
            unknown_interests(numbers, read, options.interests),
        )  # fmt: skip
        users = zip(histories, numbers, described, frontiers, mixes, strict=True)
        return [builder.answer(row, *own) for row, own in enumerate(users)]

    def _read_or_remember(
        self, numbers: Sequence[NDArray[np.int64]], options: ListOptions, *, states: bool
    ) -> Interests:
        """Return what ``_read`` returns; see ``remembering``."""
        remembered = self.remembered
        if remembered is None or remembered.model is not self.model or options.interests.added:
            return self._read(numbers, options, states=states)
        self.check_weights()
        read = partial(self._read, options=options, states=states)
        return remembered.read(numbers, read, states=states)

    @as_step("model")
    def _read(
        self, numbers: Sequence[NDArray[np.int64]], options: ListOptions, *, states: bool = False
    ) -> Interests:
        """Return the interests of histories and those that the options add: one forward pass."""
        self.check_weights()
        wanted = options.interests.added
        added = added_vectors(self.model, self.retriever, wanted)
        read = self.model.interests_of(numbers, added, states)
        if not wanted:
            return read
        return weigh_added(read, added_weights(options.interests, read.bias.shape[1]))

    @as_step("explain")
    def _described(
        self,
        retriever: Retriever,
        numbers: Sequence[NDArray[np.int64]],
        read: Interests,
        options: ListOptions = ListOptions(),  # noqa: B008 -- frozen
        *,
        top: int = FOUND,
    ) -> list[list[Interest]]:
        longest, visible = self.model.extractor.max_len, self.eligible(Filter(), options.dislikes)
        own = options.interests
        return describe_interests(retriever, numbers, read, longest, visible, own, top=top)

    def recommend_frame(self, frame: Any, options: ListOptions = ListOptions()) -> pl.DataFrame:  # noqa: B008
        """Recommend items to the histories of a data frame.

        Args:
            frame: A Polars or Pandas frame with the columns user and history (lists of ids).
            options: What the lists look like.

        Returns:
            A Polars frame with one row per recommended item: user, rank (from 1), item, title,
            score, interest, and source: "popular" if the history is missing or has no known item.

        Raises:
            ConfigError, UnknownName: See ``recommend``.
            DataError: It is no such frame, a user or an id is missing, or an id is no text or whole
                number.
        """
        check_type("options", options, ListOptions, "a ListOptions; write ListOptions(k=5)")
        return frame_lists(self, frame, options)

    def ranked(
        self,
        histories: Sequence[NDArray[np.int64]],
        k: int | ListOptions,
        **options: Unpack[ListKeywords],
    ) -> RankedItems:
        """Return a ranked list per history of item numbers.

        Args:
            histories: Item numbers, whole, oldest first; the model reads the newest it can. An
                empty history gets the most popular items, slightly diversified, unless ``options``
                add an interest.
            k: Length of the lists, or all options at once.
            options: The other fields of ``ListOptions``; they replace those of ``k``.

        Raises:
            ConfigError: An impossible option.
            DataError: An item number beyond the catalog, or values that are no whole numbers.
            UnknownName: A category, an attribute or a re-ranker that does not exist.

        Cost: as for ``recommend`` without ``explain``.
        """
        wanted = replace(k if isinstance(k, ListOptions) else ListOptions(k=k), **options)
        lists = self.lists(item_numbers(histories), wanted)
        return RankedItems(lists.items, lists.scores, lists.interest)

    @torch.inference_mode()
    def lists(self, histories: Sequence[NDArray[np.int64]], options: ListOptions) -> RankedLists:
        """Return the lists of ``ranked``, with how they were made."""
        eligible = self.eligible(options.filter, options.dislikes)
        read = self._read(histories, options)
        retriever = self.retriever_for(options)
        return retriever.lists(retriever.parts(histories, read, options, eligible))

    def frontier(
        self, history: Sequence[str], k: int = 20, **options: Unpack[ListKeywords]
    ) -> Frontier:
        """Return every list that some λ makes of the candidates of one history.

        λ and relevance are on scores scaled to 0…1, as in ``recommend``.

        Raises:
            ConfigError, UnknownName: See ``recommend``.

        Cost: one forward pass, and one search for 4,096 candidates.
        """
        numbers = [known_items(self.catalog, history)]
        wanted = ListOptions(k=k, **options)
        eligible = self.eligible(wanted.filter, wanted.dislikes)
        read = self._read(numbers, wanted)
        retriever = self.retriever_for(wanted)
        return retriever.frontiers(retriever.parts(numbers, read, wanted, eligible))[0]

    def interests(self, history: Sequence[str]) -> list[Interest]:
        """Return the interests of one history of external ids, without the whole history.

        Raises:
            ConfigError: The history is no list of texts.
        """
        numbers = [known_items(self.catalog, history)]
        return self._described(self.retriever, numbers, self._read(numbers, ListOptions()))[0]

    def similar(self, item: str, k: int = 20, *, filter: Filter = Filter()) -> list[SimilarItem]:  # noqa: B008
        """Return the items whose vectors have the largest cosine to an item's, largest first.

        Args:
            item: An external id of the catalog.
            k: Number of items, at most.
            filter: Which items may be returned.

        Raises:
            ConfigError: ``k`` is no whole number of at least 1, or ``filter`` is no Filter.
            UnknownName: No such item.

        Cost: O(V D) with an exact index; otherwise a search for 20 · k items by inner
            product, of which the nearest are returned.
        """
        self.check_weights()
        check_length(k)
        check_type("filter", filter, Filter, "a Filter; write Filter(blocked=['a'])")
        number = self.catalog.items.index([item])
        found, cosine = self.retriever.similar(number, k, self.eligible(filter))
        return similar_items(self.catalog, found, cosine)
