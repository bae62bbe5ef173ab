"""What a recommender is made of, and how one is made from another. Immutable."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from functools import cached_property
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Catalog, Cell
from prismrec.errors import ConfigError, check_type
from prismrec.models import Forming, Model
from prismrec.recommend.about import with_other_forming, with_other_rules
from prismrec.recommend.cold_start import NewItem, add_items
from prismrec.recommend.filters import eligible_items, score_boosts
from prismrec.recommend.projection import ContentProjection
from prismrec.recommend.remembered import RememberedInterests
from prismrec.rerank import Filter, ListOptions
from prismrec.retrieval import ExactIndex, Index, ItemSearch, Retriever, RuleRetriever


def count_changes(model: Model) -> int:
    """Return how often weights of a model were changed in place, as by steps of a training.

    Buffers do not count: an extractor may write into its own ones, such as a counter, when it is
    used.

    Cost: some 40 microseconds.
    """
    return sum(part._version for part in model.parameters() if not part.is_inference())


@dataclass(frozen=True, eq=False, repr=False)
class RecommenderParts:
    """A model, an index and a catalog, and what is hidden, new or blended in.

    If the model is trained further, its recommenders raise ConfigError from then on, until they get
    a new index: ``replace(recommender, index=index)``.

    Raises:
        ConfigError: Model, index and catalog do not belong together.
    """

    model: Model
    """In evaluation mode from here on."""
    index: Index
    """Index of the model's item vectors."""
    catalog: Catalog
    """The catalog that the model was trained with."""
    _: KW_ONLY
    hidden: frozenset[int] = frozenset()
    """Item numbers that are recommended to nobody; they still count in a history."""
    provisional: frozenset[int] = frozenset()
    """Item numbers that were added without training."""
    rules: RuleRetriever | None = None
    """A rule retriever to blend in: see ``retrieval.blended``."""
    projection: ContentProjection | None = None
    """From content vectors to item vectors, for new items; None without content vectors."""
    about: Mapping[str, Any] = field(default_factory=dict)
    """How it was made, as JSON: settings, data set, split, results. ``fit`` fills it, and ``save``
    writes it into the manifest; empty for a recommender that was made by hand."""
    remembered: RememberedInterests | None = None
    """The interests of the newest histories: see ``remembering``. With another model or index, it
    begins again with none."""
    made_of: tuple[Model, Index, int] | None = None
    """Model, index, and the ``count_changes`` of the model when they were put together; set by
    itself."""

    def __post_init__(self) -> None:
        """Check that the parts belong together."""
        needed = "a mapping of texts to JSON; write about={'note': 'made by hand'}"
        check_type("about", self.about, Mapping, needed)
        items, held = self.catalog.size - 1, self.index.ids
        if self.model.size != self.catalog.size:
            raise ConfigError(
                f"A model of {self.model.size - 1} items was given a catalog of {items}; use the "
                "catalog of the data set that it was trained on."
            )
        if len(held) and held[-1] > items:
            raise ConfigError(
                f"An index that holds item {held[-1]} was given a catalog of {items} items; build "
                "it from this model's item vectors."
            )
        model, index, before = self.model, self.index, self.made_of
        if before is None or before[0] is not model or before[1] is not index:
            object.__setattr__(self, "made_of", (model, index, count_changes(model)))
            if before is not None and self.remembered is not None:  # perhaps of other weights
                object.__setattr__(self, "remembered", RememberedInterests(model))
            model.eval()
        elif model.training:  # otherwise its sample of items would be drawn again at each change
            model.eval()

    def __reduce__(self) -> NoReturn:
        """Raise ConfigError: there is no copy in memory or with pickle."""
        raise ConfigError(
            "A Recommender was to be pickled or copied, which it cannot; write it with "
            "pr.save(recommender, folder) and read it with pr.load(folder)."
        )

    @classmethod
    def exact(cls, model: Model, catalog: Catalog) -> Self:
        """Return a recommender with an exact index of the model's item vectors, O(V D).

        Raises:
            ConfigError: The catalog has another number of items than the model.
        """
        numbers = np.arange(1, model.size)
        return cls(model, ExactIndex.build(model.vectors_as_numpy(), numbers), catalog)

    def check_weights(self) -> None:
        """Check that the model was not changed since it was put together with this index.

        Raises:
            ConfigError: It was trained further: its index has the item vectors of before.
        """
        if self.made_of is not None and self.made_of[2] != count_changes(self.model):
            raise ConfigError(
                "The weights of the model were changed after the recommender was made, as by "
                "further training, so they do not fit its index; make a new index with index = "
                "Recommender.exact(recommender.model, recommender.catalog).index, and use "
                "dataclasses.replace(recommender, index=index)."
            )

    def remembering(self) -> Self:
        """Return a recommender that does not read a history again that came before."""
        return replace(self, remembered=RememberedInterests(self.model))

    def with_rules(self, rules: RuleRetriever | None) -> Self:
        """Return a recommender with this rule retriever blended in, or with none.

        ``about`` states it, without the sentences on the rules before.
        """
        if rules is self.rules:
            return self
        return replace(self, rules=rules, about=with_other_rules(self.about, rules is not None))

    def with_forming(self, forming: Forming | None) -> Self:
        """Return a recommender whose interests are formed in this way when asked: see ``Forming``.

        ``about`` states it, without the sentences on the interests before.

        Raises:
            ConfigError: See ``Model.formed``.
        """
        self.check_weights()
        was, model = self.model.forming, self.model.formed(forming)
        return replace(self, model=model, about=with_other_forming(self.about, was, forming))

    def with_hidden(self, names: Iterable[str]) -> Self:
        """Return a recommender that recommends these items to nobody.

        Model, index and catalog are shared, so it takes no time. Unknown ids have no effect.
        """
        return replace(
            self, hidden=self.hidden | set(self.catalog.items.index_known(names).tolist())
        )

    def with_visible(self, names: Iterable[str]) -> Self:
        """Return a recommender that recommends these hidden items again."""
        return replace(
            self, hidden=self.hidden - set(self.catalog.items.index_known(names).tolist())
        )

    def with_attributes(self, values: Mapping[str, Mapping[str, Cell]]) -> Self:
        """Return a recommender in which some items have other values of their attributes.

        Args:
            values: By id and attribute; None for no value. Unknown ids have no effect.

        Raises:
            ConfigError: The catalog has no attributes, or ``values`` or a value has another type.
            UnknownName: There is no such attribute.

        Cost: a copy of each column that changes, O(V).
        """
        if self.catalog.attributes is None:
            raise ConfigError(
                "Attributes of items were given, but the catalog has none; prepare the data set "
                "with --items FILE --attributes NAMES and train again."
            )
        needed = "a mapping; write {'item': {'attribute': 5}}, with None for no value"
        check_type("values", values, Mapping, needed)
        for name in values:
            check_type(f"The entry of {name!r} in values", values[name], Mapping, needed)
        known = [name for name in values if name in self.catalog.items]
        by_attribute: dict[str, dict[int, Cell]] = {}
        for name, number in zip(known, self.catalog.items.index(known).tolist(), strict=True):
            for attribute, cell in values[name].items():
                by_attribute.setdefault(attribute, {})[number] = cell
        attributes = self.catalog.attributes.changed(by_attribute)
        return replace(self, catalog=self.catalog.with_attributes(attributes))

    def with_items(self, items: Sequence[NewItem]) -> Self:
        """Return a recommender that knows these items too, without training: see ``cold_start``.

        An item that the catalog holds keeps its vector; it gets the given title and categories, and
        keeps those that are None. New items are marked provisional in every answer.

        Raises:
            DataError: An id is empty or appears twice; a new item has neither a vector, nor a
                category with items, nor a known related item; or its vector cannot be projected.

        Cost: a copy of the model and of an exact index, O(V D): add many in one call.
        """
        self.check_weights()
        model, catalog = add_items(self.model, self.catalog, items, self.projection)
        numbers = np.arange(self.catalog.size, catalog.size)
        if not len(numbers):
            return replace(self, catalog=catalog)
        return replace(
            self,
            model=model,
            catalog=catalog,
            index=self.index.add(model.vectors_as_numpy(numbers), numbers),
            provisional=self.provisional | set(numbers.tolist()),
            rules=self.rules and self.rules.extended(catalog.size),
        )

    @cached_property
    def retriever(self) -> Retriever:
        """Where the candidates of every list come from."""
        model = self.model
        item_search = ItemSearch(self.index, model.vectors_as_numpy, model.extractor.dim)
        return Retriever(item_search, self.catalog, model.forming is not None, self.rules)

    def retriever_for(self, options: ListOptions) -> Retriever:
        """Return the retriever of one answer, with the boosts of these options."""
        boosts = score_boosts(options.boosts, self.catalog) if options.boosts else None
        return self.retriever.for_answer(boosts)

    def eligible(self, filter: Filter, dislikes: Sequence[str] = ()) -> NDArray[np.bool_] | None:
        """Return which items may be recommended, ``[V]``; None for all. Disliked items may not.

        Raises:
            UnknownName: The filter has a category or an attribute that does not exist.
        """
        if filter == Filter() and not self.hidden and not dislikes:
            return None
        eligible = eligible_items(filter, self.catalog)
        eligible[list(self.hidden)] = False
        eligible[self.catalog.items.index_known(dislikes)] = False
        return eligible
