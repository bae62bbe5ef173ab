"""The recommender: a model, an index and a catalog that answer together. Immutable.

    recommender = Recommender(model, index, catalog)
    answer = recommender.recommend(["B00A", "B00B"], k=20, diversity=0.3)
    for item in answer: print(item.title, item.score, item.interest, item.because)
    report = evaluate(partial(recommender.ranked, filter_seen=True), split.test)

``recommend`` puts names on what ``ranked`` gives: what is evaluated is what is served.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.errors import ConfigError
from prismrec.models import Model
from prismrec.numerics import normalize
from prismrec.recommend.cold_start import NewItem, added
from prismrec.recommend.explain import Telling, explained, told_similar
from prismrec.recommend.filters import Filter, known
from prismrec.recommend.results import Answer, Interest, Similar
from prismrec.rerank import (
    DEEPEST,
    DEPTH,
    Dial,
    Frontier,
    Listed,
    Source,
    categories_in,
    check_length,
    frontier,
    make_lists,
    scale_of,
    scaled,
)
from prismrec.retrieval import (
    Choice,
    ExactIndex,
    Index,
    InterestSource,
    JoinedSource,
    PopularSource,
    Query,
    RuleRetriever,
    choose_index,
    retrieve,
)
from prismrec.types import Interests, RankedItems

POPULAR = 0.1
"""Least λ of a list for someone of whom nothing is known."""
NOTHING = np.empty(0, dtype=np.int64)
NEAR = 20
"""Candidates by inner product for each similar item, where the index is not exact."""


class Recommender:
    """Answers histories with lists.

    Args:
        model: In evaluation mode from here on.
        index: Of the model's item vectors.
        catalog: The one the model was trained with.
        hidden: Item numbers that are recommended to nobody; they still count in a history.
        provisional: Item numbers that were added without training.
        rules: A second channel of candidates: see ``channel``.

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
                "take the catalog of the data set that it was trained on."
            )
        if len(index) and index.ids[-1] >= catalog.size:
            raise ConfigError(
                f"An index that holds item {index.ids[-1]} was given a catalog of "
                f"{catalog.size - 1} items; build it of this model's item vectors."
            )
        self.model, self.index, self.catalog = model.eval(), index, catalog
        self.hidden, self.provisional = frozenset(hidden), frozenset(provisional)
        self.rules = rules

    @classmethod
    def exact(cls, model: Model, catalog: Catalog) -> "Recommender":
        """Make one with an exact index of the model's item vectors."""
        return cls(model, ExactIndex.build(*indexed_items(model)), catalog)

    @classmethod
    def chosen(
        cls,
        model: Model,
        catalog: Catalog,
        histories: Sequence[NDArray[np.int64]],
        *,
        index: str = "auto",
        floor: float = 0.95,
    ) -> tuple["Recommender", Choice]:
        """Make one with an index chosen for the catalog and measured on real interests.

        Args:
            model: Its item vectors are indexed.
            catalog: The one it was trained with.
            histories: Some hundred real ones; their interests are what recall is measured on.
            index: One of ``INDEXES``, or "auto": see ``choose_index``.
            floor: Least recall@50 of an approximate index.

        Raises:
            UnknownName, MissingExtra, DataError: See ``choose_index``.
        """
        plain = cls.exact(model, catalog)
        known_ones = [history for history in histories if len(history)]
        queries = plain.interests_of(known_ones).vectors.float().cpu().numpy()
        choice = choose_index(*indexed_items(model), queries, name=index, floor=floor)
        return cls(model, choice.index, catalog), choice

    def with_rules(self, rules: RuleRetriever | None) -> "Recommender":
        """Give a recommender with this second channel, or with none."""
        return self._with(rules=rules)

    def hide(self, names: Collection[str]) -> "Recommender":
        """Give a recommender that recommends these items to nobody.

        The model, index and catalog are shared: it takes no time. Ids that the catalog does not
        hold are not an error: they are recommended to nobody either.
        """
        return self._with(hidden=self.hidden | set(known(names, self.catalog).tolist()))

    def unhide(self, names: Collection[str]) -> "Recommender":
        """Give a recommender that recommends these items again; see ``hide``."""
        return self._with(hidden=self.hidden - set(known(names, self.catalog).tolist()))

    def add(self, items: Sequence[NewItem]) -> "Recommender":
        """Give a recommender that knows these items too, without training: see ``new_items``.

        An item that the catalog holds gets the title and the categories given, nothing else; with
        a provisional one its vector stays too. New ones are marked provisional in every answer.

        Raises:
            DataError: An id is empty or stands twice, or nothing places a new item.

        Cost: a copy of the model and of an exact index, O(V D): add many in one call.
        """
        model, catalog = added(self.model, self.catalog, items)
        numbers = np.arange(self.catalog.size, catalog.size)
        if not len(numbers):
            return self._with(catalog=catalog)
        index = self.index.add(item_vectors_of(model, numbers), numbers)
        provisional = self.provisional | set(numbers.tolist())
        rules = self.rules and self.rules.extended(catalog.size)
        return self._with(
            model=model, index=index, catalog=catalog, provisional=provisional, rules=rules
        )

    def ranked(
        self,
        histories: Sequence[NDArray[np.int64]],
        k: int,
        *,
        filter_seen: bool = True,
        diversity: float | Dial = 0.0,
        only: Filter | None = None,
    ) -> RankedItems:
        """Give a list to each history of item numbers.

        Args:
            histories: Whole, oldest first; the model reads the newest it can. An empty one gets
                the most popular items, diversified a little.
            k: Length of the lists; shorter where fewer items may be recommended.
            filter_seen: Leave out every item of the history.
            diversity: λ of controllable aggregation on scores brought to 0…1 a user, or a
                ``Dial`` in another unit; 0 ranks by score alone.
            only: Which items may be recommended.

        Raises:
            ConfigError: ``k`` below 1 or an impossible ``diversity``.
            DataError: An item number beyond the catalog.
            UnknownName: A category of ``only`` that does not exist.
        """
        read = self.interests_of(histories)
        dial = Dial.of(diversity)
        listed = self._listed(histories, read, k, filter_seen=filter_seen, dial=dial, only=only)
        return RankedItems(listed.items, listed.scores, listed.interest)

    def recommend(
        self,
        history: Sequence[str],
        k: int = 20,
        *,
        diversity: float | Dial = 0.0,
        filter_seen: bool = True,
        only: Filter | None = None,
        explain: bool = True,
    ) -> Answer:
        """Recommend to one history of external ids, oldest first: see ``ranked``.

        Ids that the catalog does not hold are left out and named in the answer. Without
        ``explain`` no item says which others made its interest, and it is faster.
        """
        return self.recommend_many(
            [history], k, diversity=diversity, filter_seen=filter_seen, only=only, explain=explain
        )[0]

    def recommend_many(
        self,
        histories: Sequence[Sequence[str]],
        k: int = 20,
        *,
        diversity: float | Dial = 0.0,
        filter_seen: bool = True,
        only: Filter | None = None,
        explain: bool = True,
    ) -> list[Answer]:
        """Recommend to several histories at once, to each what ``recommend`` does, faster."""
        numbers = [known(history, self.catalog) for history in histories]
        read = self.interests_of(numbers)
        dial = Dial.of(diversity)
        listed = self._listed(numbers, read, k, filter_seen=filter_seen, dial=dial, only=only)
        views = self.explained(numbers, read) if explain else [[]] * len(numbers)
        told = Telling(self.catalog, self.provisional, listed, self.rules if explain else None)
        return [
            told.answer(row, k, history, views[row], numbers[row])
            for row, history in enumerate(histories)
        ]

    def frontier(
        self,
        history: Sequence[str],
        k: int = 20,
        *,
        filter_seen: bool = True,
        only: Filter | None = None,
    ) -> Frontier:
        """Give every list that some λ makes of the candidates: what there is to choose from.

        See ``recommend``; λ and relevance are on scores brought to 0…1 as there. The candidates
        are as deep as a list's ever are.

        Raises:
            ConfigError: ``k`` below 1.
        """
        check_length(k)
        k = min(k, self.catalog.size - 1)
        numbers = known(history, self.catalog)
        read = self.interests_of([numbers])
        source = self._source([numbers], read, self._open(only), filter_seen=filter_seen)
        pool = source.search(np.arange(1), max(DEPTH * k, DEEPEST))
        category = categories_in(pool, self.catalog.single_category)
        scores = scaled(pool.scores, *scale_of(pool.scores[:, : DEPTH * k]))
        return frontier(scores[0], category[0], k)

    def interests(self, history: Sequence[str]) -> list[Interest]:
        """Tell which items of a history made which interest, active interests only."""
        numbers = [known(history, self.catalog)]
        return self.explained(numbers, self.interests_of(numbers))[0]

    def similar(self, item: str, k: int = 20, *, only: Filter | None = None) -> list[Similar]:
        """Give the items whose vectors point the most nearly the same way, nearest first.

        Args:
            item: An external id of the catalog.
            k: How many, at most.
            only: Which items may be given.

        Raises:
            ConfigError: ``k`` below 1.
            UnknownName: No such item.

        Cost: O(V D) with an exact index; with another one a search for ``NEAR`` · k items by
            inner product, of which these are the nearest.
        """
        check_length(k)
        numbers = self.catalog.items.index([item])
        own = self.vectors_of(numbers)
        depth = self.catalog.size if self.index.exact else NEAR * k
        query = Query.equal(own[None], [numbers])
        found = self._retrieve(query, depth, only).items[0]
        found = np.sort(found[found > 0])
        near, own = (normalize(self.directions_of(items)) for items in (found, numbers))
        cosine = near @ own[0]
        best = np.argsort(-cosine, kind="stable")[:k]
        return told_similar(self.catalog, found[best], cosine[best])

    def interests_of(self, histories: Sequence[NDArray[np.int64]]) -> Interests:
        """Give the interests of histories of item numbers, from the newest the model can read."""
        longest = self.model.extractor.max_len
        newest = [history[-longest:] for history in histories]
        width = max((len(history) for history in newest), default=0) or 1
        padded = np.zeros((len(newest), width), dtype=np.int64)
        for row, history in enumerate(newest):
            padded[row, : len(history)] = history
        batch = torch.from_numpy(padded).to(self.model.device)
        with torch.no_grad():
            found: Interests = self.model(batch, batch != 0)
        return found

    def own_lists(
        self, history: NDArray[np.int64], vectors: NDArray[np.float32], k: int
    ) -> RankedItems:
        """Give what each of the interests ``[K, D]`` alone would list, ``[K, k]``.

        What stands in the history or is hidden is left out.
        """
        query = Query.equal(vectors[:, None], [history] * len(vectors))
        return self._retrieve(query, k, None)

    def vectors_of(self, numbers: NDArray[np.int64]) -> Float[np.ndarray, "N D"]:
        """Give the vectors of some items."""
        return item_vectors_of(self.model, numbers)

    def directions_of(self, numbers: NDArray[np.int64]) -> Float[np.ndarray, "N D"]:
        """Give the vectors of some items without the bias of each: what they are like."""
        return self.vectors_of(numbers)[:, : self.model.extractor.dim]

    def _listed(
        self,
        histories: Sequence[NDArray[np.int64]],
        read: Interests,
        k: int,
        *,
        filter_seen: bool,
        dial: Dial,
        only: Filter | None,
    ) -> Listed:
        """Make the lists: from interests as they were read, or from counts without a history."""
        check_length(k)
        k = min(k, self.catalog.size - 1)
        open_items, category_of = self._open(only), self.catalog.single_category
        lists = Listed.empty(len(histories), k)
        told = np.array([len(history) > 0 for history in histories], dtype=bool)
        unknown = dial.at_least(POPULAR)
        for rows, turned in ((np.flatnonzero(told), dial), (np.flatnonzero(~told), unknown)):
            if len(rows):
                some = [histories[row] for row in rows.tolist()]
                own = Interests(*(part[torch.from_numpy(rows).to(part.device)] for part in read))
                source = self._source(some, own, open_items, filter_seen=filter_seen)
                lists.fill(rows, make_lists(source, k, turned, category_of=category_of))
        return lists

    def _source(
        self,
        histories: Sequence[NDArray[np.int64]],
        read: Interests,
        open_items: NDArray[np.bool_] | None,
        *,
        filter_seen: bool,
    ) -> Source:
        """Give candidates of users who all have a history, or of users who all have none."""
        dim = self.model.extractor.dim
        if not len(histories[0]):
            return PopularSource(self.catalog, len(histories), open_items, self.vectors_of, dim)
        query = Query.of(read, histories if filter_seen else [NOTHING] * len(histories))
        own = InterestSource(
            self.index, self.catalog, query, histories, open_items, self.vectors_of, dim
        )
        return own if self.rules is None else JoinedSource(own, self.rules)

    def _retrieve(self, query: Query, depth: int, only: Filter | None) -> RankedItems:
        open_ = self._open(only)
        return retrieve(self.index, query, depth, open_items=open_, vectors_of=self.vectors_of)

    def _open(self, only: Filter | None) -> NDArray[np.bool_] | None:
        """Tell which items may be recommended, or that all may."""
        if only in (None, Filter()) and not self.hidden:
            return None
        open_items = (only or Filter()).mask(self.catalog)
        open_items[list(self.hidden)] = False
        return open_items

    def _with(self, **changed: Any) -> "Recommender":
        """Give a recommender of the same parts but for some."""
        names = ("model", "index", "catalog", "hidden", "provisional", "rules")
        parts: dict[str, Any] = {name: getattr(self, name) for name in names}
        return Recommender(**(parts | changed))

    def explained(
        self, histories: Sequence[NDArray[np.int64]], read: Interests
    ) -> list[list[Interest]]:
        """Explain the active ones of ``interests_of(histories)``; an empty history has none."""
        weights = read.weights.float().cpu().numpy()
        active = read.active.cpu().numpy()
        longest = self.model.extractor.max_len
        return [
            explained(self.catalog, own[-longest:], weights[row], active[row]) if len(own) else []
            for row, own in enumerate(histories)
        ]


def item_vectors_of(model: Model, numbers: NDArray[np.int64]) -> Float[np.ndarray, "N D"]:
    """Give the vectors of some of a model's items."""
    with torch.no_grad():
        asked = torch.from_numpy(numbers).to(model.device)
        vectors: NDArray[np.float32] = model.vectors_of(asked).float().cpu().numpy()
    return vectors


def indexed_items(model: Model) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Give a model's item vectors without padding, and their item numbers: what is indexed."""
    numbers = np.arange(1, model.size)
    return item_vectors_of(model, numbers), numbers
