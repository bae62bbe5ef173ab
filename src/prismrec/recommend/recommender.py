"""The recommender: a model, an index and a catalog that answer together. Immutable.

    recommender = Recommender(model, index, catalog)
    answer = recommender.recommend(["B00A", "B00B"], k=20, diversity=0.3)
    for item in answer: print(item.title, item.score, item.interest, item.because)
    report = evaluate(partial(recommender.ranked, exclude_seen=True), split.test)

``recommend`` adds names and reasons to the lists of ``ranked``: what is evaluated is what is served.
Every method runs the model once for all histories together.
"""

from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.errors import ConfigError
from prismrec.models import Model
from prismrec.recommend.cold_start import NewItem, add_items
from prismrec.recommend.explain import (
    TOP,
    AnswerBuilder,
    describe_interests,
    similar_items,
    with_top_items,
)
from prismrec.recommend.filters import eligible_items
from prismrec.recommend.results import Answer, Interest, SimilarItem
from prismrec.rerank import Frontier, RankedLists
from prismrec.retrieval import ExactIndex, Index, Retriever, RuleRetriever
from prismrec.types import (
    Filter,
    Interests,
    ListKeywords,
    ListOptions,
    RankedItems,
    check_length,
)

if TYPE_CHECKING:
    import polars as pl


class Recommender:
    """Recommends items to histories.

    Args:
        model: In evaluation mode from here on.
        index: Index of the model's item vectors.
        catalog: The catalog that the model was trained with.
        hidden: Item numbers that are recommended to nobody; they still count in a history.
        provisional: Item numbers that were added without training.
        rules: A rule retriever to blend in: see ``retrieval.blended``.

    Raises:
        ConfigError: Model, index and catalog do not belong together.
    """

    def __init__(
        self,
        model: Model,
        index: Index,
        catalog: Catalog,
        *,
        hidden: Collection[int] = (),
        provisional: Collection[int] = (),
        rules: RuleRetriever | None = None,
    ) -> None:
        if model.size != catalog.size:
            raise ConfigError(
                f"A model of {model.size - 1} items was given a catalog of {catalog.size - 1}; "
                "use the catalog of the data set that it was trained on."
            )
        if len(index) and index.ids[-1] >= catalog.size:
            raise ConfigError(
                f"An index that holds item {index.ids[-1]} was given a catalog of "
                f"{catalog.size - 1} items; build it from this model's item vectors."
            )
        self.model, self.index, self.catalog = model.eval(), index, catalog
        self.hidden, self.provisional = frozenset(hidden), frozenset(provisional)
        self.rules = rules

    @classmethod
    def exact(cls, model: Model, catalog: Catalog) -> "Recommender":
        """Return a recommender with an exact index of the model's item vectors."""
        numbers = np.arange(1, model.size)
        return cls(model, ExactIndex.build(model.vectors_as_numpy(), numbers), catalog)

    def __repr__(self) -> str:
        extractor = self.model.extractor
        rules = ", blended with rules" if self.rules else ""
        return (
            f"Recommender({type(extractor).__name__}, {extractor.interests} interests, "
            f"{self.catalog.size - 1:,} items, {self.index.kind} index{rules})"
        )

    def recommend(
        self,
        history: Sequence[str],
        k: int = 20,
        *,
        explain: bool = True,
        frontier: bool = False,
        **options: Unpack[ListKeywords],
    ) -> Answer:
        """Recommend items to one history of external ids, oldest first.

        Args:
            history: External ids; those that the catalog does not hold are left out and named in
                the answer. Without any known id the answer is a list of popular items.
            k: Length of the list; shorter where fewer items are eligible.
            explain: Add the interests and the reasons of each item; slower.
            frontier: Add every list that diversity could make; slower.
            options: The other fields of ``ListOptions``.

        Raises:
            ConfigError: An impossible option, or a string instead of a list of ids.
            UnknownName: A category or a re-ranker that does not exist.

        Cost: one forward pass of the model, one search of the index.
        """
        wanted = ListOptions(k=k, **options)
        return self.recommend_many([history], wanted, explain=explain, frontier=frontier)[0]

    def recommend_many(
        self,
        histories: Sequence[Sequence[str]],
        options: ListOptions = ListOptions(),  # noqa: B008 -- frozen
        *,
        explain: bool = True,
        frontier: bool = False,
    ) -> list[Answer]:
        """Recommend items to several histories at once: the same lists as ``recommend``, faster."""
        numbers = [self.catalog.items.index_known(history) for history in histories]
        read = self.model.interests_of(numbers)
        lists = self._lists(numbers, read, options)
        described = self._described(numbers, read, top=TOP) if explain else [[]] * len(numbers)
        frontiers: Sequence[Frontier | None] = [None] * len(numbers)
        if frontier:
            frontiers = self._frontiers(numbers, read, options)
        rules = self.rules if explain else None
        builder = AnswerBuilder(self.catalog, self.provisional, lists, options, rules)
        parts = zip(histories, numbers, described, frontiers, strict=True)
        return [builder.answer(row, *own) for row, own in enumerate(parts)]

    def recommend_frame(self, frame: Any, options: ListOptions = ListOptions()) -> "pl.DataFrame":  # noqa: B008
        """Recommend items to the histories of a data frame.

        Args:
            frame: A Polars or Pandas frame with the columns ``user`` and ``history`` (lists of ids).
            options: What the lists look like.

        Returns:
            A Polars frame with one row per recommended item: user, rank (from 1), item, title,
            score, interest.
        """
        from prismrec.recommend.frames import answers_frame, read_histories

        users, histories = read_histories(frame)
        return answers_frame(users, self.recommend_many(histories, options, explain=False))

    def ranked(
        self,
        histories: Sequence[NDArray[np.int64]],
        k: int | ListOptions,
        **options: Unpack[ListKeywords],
    ) -> RankedItems:
        """Return a ranked list per history of item numbers.

        Args:
            histories: Item numbers, whole, oldest first; the model reads the newest it can. An
                empty history gets the most popular items, slightly diversified.
            k: Length of the lists, or all options at once.
            options: The other fields of ``ListOptions``.

        Raises:
            ConfigError: An impossible option.
            DataError: An item number beyond the catalog.
            UnknownName: A category or a re-ranker that does not exist.
        """
        wanted = k if isinstance(k, ListOptions) else ListOptions(k=k, **options)
        lists = self._lists(histories, self.model.interests_of(histories), wanted)
        return RankedItems(lists.items, lists.scores, lists.interest)

    def frontier(
        self, history: Sequence[str], k: int = 20, **options: Unpack[ListKeywords]
    ) -> Frontier:
        """Return every list that some λ makes of the candidates of one history.

        λ and relevance are on scores scaled to 0…1, as in ``recommend``.
        """
        numbers = [self.catalog.items.index_known(history)]
        wanted = ListOptions(k=k, **options)
        return self._frontiers(numbers, self.model.interests_of(numbers), wanted)[0]

    def interests(self, history: Sequence[str]) -> list[Interest]:
        """Return the active interests of one history of external ids."""
        numbers = [self.catalog.items.index_known(history)]
        return self._described(numbers, self.model.interests_of(numbers))[0]

    def similar(self, item: str, k: int = 20, *, filter: Filter = Filter()) -> list[SimilarItem]:  # noqa: B008
        """Return the items whose vectors have the largest cosine to an item's, largest first.

        Args:
            item: An external id of the catalog.
            k: Number of items, at most.
            filter: Which items may be returned.

        Raises:
            ConfigError: ``k`` below 1.
            UnknownName: No such item.

        Cost: O(V D) with an exact index; otherwise a search for ``NEAR`` · k items by inner
            product, of which the nearest are returned.
        """
        check_length(k)
        number = self.catalog.items.index([item])
        found, cosine = self.retriever.similar(number, k, self._eligible(filter))
        return similar_items(self.catalog, found, cosine)

    def with_rules(self, rules: RuleRetriever | None) -> "Recommender":
        """Return a recommender with this rule retriever blended in, or with none."""
        return self._with(rules=rules)

    def with_hidden(self, names: Iterable[str]) -> "Recommender":
        """Return a recommender that recommends these items to nobody.

        Model, index and catalog are shared, so it takes no time. Unknown ids have no effect.
        """
        return self._with(hidden=self.hidden | set(self.catalog.items.index_known(names).tolist()))

    def with_visible(self, names: Iterable[str]) -> "Recommender":
        """Return a recommender that recommends these hidden items again."""
        return self._with(hidden=self.hidden - set(self.catalog.items.index_known(names).tolist()))

    def with_items(self, items: Sequence[NewItem]) -> "Recommender":
        """Return a recommender that knows these items too, without training: see ``cold_start``.

        An item that the catalog holds gets the given title and categories and keeps its vector. New
        items are marked provisional in every answer.

        Raises:
            DataError: An id is empty or appears twice, or nothing is known to place a new item by.

        Cost: a copy of the model and of an exact index, O(V D): add many in one call.
        """
        model, catalog = add_items(self.model, self.catalog, items)
        numbers = np.arange(self.catalog.size, catalog.size)
        if not len(numbers):
            return self._with(catalog=catalog)
        return self._with(
            model=model,
            catalog=catalog,
            index=self.index.add(model.vectors_as_numpy(numbers), numbers),
            provisional=self.provisional | set(numbers.tolist()),
            rules=self.rules and self.rules.extended(catalog.size),
        )

    @cached_property
    def retriever(self) -> Retriever:
        """Where the candidates of every list come from."""
        vectors_of, dim = self.model.vectors_as_numpy, self.model.extractor.dim
        return Retriever(self.index, self.catalog, vectors_of, dim, self.rules)

    def _lists(
        self, histories: Sequence[NDArray[np.int64]], read: Interests, options: ListOptions
    ) -> RankedLists:
        return self.retriever.lists(histories, read, options, self._eligible(options.filter))

    def _frontiers(
        self, histories: Sequence[NDArray[np.int64]], read: Interests, options: ListOptions
    ) -> list[Frontier]:
        return self.retriever.frontiers(histories, read, options, self._eligible(options.filter))

    def _described(
        self, histories: Sequence[NDArray[np.int64]], read: Interests, *, top: int = 0
    ) -> list[list[Interest]]:
        """Describe the interests, each with the ``top`` items that it alone would recommend."""
        longest = self.model.extractor.max_len
        described = describe_interests(self.catalog, histories, read, longest)
        if not top:
            return described
        eligible = self._eligible(Filter())
        return with_top_items(self.retriever, histories, described, top, eligible)

    def _eligible(self, filter: Filter) -> NDArray[np.bool_] | None:
        """Return which items may be recommended; None for all."""
        if filter == Filter() and not self.hidden:
            return None
        eligible = eligible_items(filter, self.catalog)
        eligible[list(self.hidden)] = False
        return eligible

    def _with(self, **changed: Any) -> "Recommender":
        """Return a recommender with the same parts but for some."""
        names = ("model", "index", "catalog", "hidden", "provisional", "rules")
        parts: dict[str, Any] = {name: getattr(self, name) for name in names}
        return Recommender(**(parts | changed))
