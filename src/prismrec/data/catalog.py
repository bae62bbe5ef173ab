"""The catalog: all items that can be recommended, with title, categories and event count.

An item has any number of categories. They are stored in two flat arrays, so that a catalog of ten
million items needs little memory.
"""

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.attributes import Attributes
from prismrec.data.ids import IdMap, positions_of
from prismrec.errors import DataError, UnknownName

MIN_CATEGORY_ITEMS = 20
"""Number of items from which a category is used as the single category of an item."""


@dataclass(frozen=True, kw_only=True, repr=False)
class Catalog:
    """All items, numbered 1 to V - 1. Number 0 is padding, without category and with count 0."""

    items: IdMap
    """External ids; ``items.first`` is 1."""
    titles: pl.Series
    """One title per item, at position number - 1; the external id of items without a title."""
    category_names: list[str]
    """The names of the C categories, by category number."""
    category_indptr: NDArray[np.int64]
    """``[V + 1]``: the categories of item i are ``category_ids[indptr[i]:indptr[i + 1]]``."""
    category_ids: NDArray[np.int32]
    """Category numbers, ascending within an item."""
    count: NDArray[np.int64]
    """``[V]``: number of events per item in the data set; 0 for padding."""
    images: pl.Series | None = None
    """The address of one picture per item or null, at position number - 1. None if no item has a
    picture. Items that were added to the catalog later have no entry."""
    attributes: Attributes | None = None
    """Price, stock, region, … for filters; None if none were read."""

    def __post_init__(self) -> None:
        """Raise DataError if the parts have different lengths."""
        size = len(self.items) + 1
        sizes = (len(self.titles) + 1, len(self.category_indptr) - 1, len(self.count))
        if self.items.first != 1 or sizes != (size, size, size):
            raise DataError(
                f"A catalog of {size - 1} items has titles, categories and counts for "
                f"{sizes[0] - 1}, {sizes[1] - 1} and {sizes[2] - 1} items; give one of each per "
                "item."
            )
        if self.images is not None and len(self.images) >= size:
            raise DataError(
                f"A catalog of {size - 1} items has pictures for {len(self.images)}; give at most "
                "one per item."
            )
        if self.attributes is not None and self.attributes.size != size:
            raise DataError(
                f"A catalog of {size - 1} items has attributes of {self.attributes.size - 1}; give "
                "one row per item."
            )

    def __repr__(self) -> str:
        categories = len(self.category_names)
        return f"Catalog({len(self.items):,} items, {categories:,} categories)"

    @property
    def size(self) -> int:
        """V: the number of items plus one for padding."""
        return len(self.items) + 1

    def begins_with(self, other: "Catalog") -> bool:
        """Return whether the items of another catalog are the first items of this one, in order."""
        return self.items.ids.head(len(other.items)).equals(other.items.ids)

    def numbers_of(self, other: "Catalog") -> NDArray[np.int64]:
        """Return the number here of each item of another catalog, by its external id.

        Returns:
            ``[V of the other]``: at item i its number in this catalog; 0 at padding and at items
            that this catalog does not have.

        Cost: O(items of both).
        """
        numbers = positions_of(other.items.ids, self.items.ids) + self.items.first
        return np.append(0, numbers.fill_null(0).to_numpy())

    def with_attributes(self, attributes: Attributes) -> "Catalog":
        """Return the same catalog with other attributes.

        Cost: O(1); what was computed from the other parts is kept.
        """
        catalog = replace(self, attributes=attributes)
        names = {field.name for field in fields(self)}
        computed = {name: value for name, value in self.__dict__.items() if name not in names}
        catalog.__dict__.update(computed)
        return catalog

    def categories_of(self, item: int) -> NDArray[np.int32]:
        """Return the category numbers of one item, ascending; empty if it has none."""
        return self.category_ids[self.category_indptr[item] : self.category_indptr[item + 1]]

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The item of each entry of ``category_ids``, ascending. Computed once, O(V + entries)."""
        return np.repeat(np.arange(self.size), np.diff(self.category_indptr))

    @cached_property
    def single_category(self) -> NDArray[np.int64]:
        """One category per item, ``[V]``: its rarest with at least ``MIN_CATEGORY_ITEMS`` items.

        The rarest category is the most specific one; but a category of only a few items does not
        help to diversify a list. If all categories of an item are smaller, its most common one is
        used; -1 for an item without categories. Ties go to the lower category number.

        Cost: O(entries log entries), once.
        """
        sizes = np.bincount(self.category_ids, minlength=len(self.category_names))
        common = sizes[self.category_ids] >= MIN_CATEGORY_ITEMS
        # First the common categories, rarest first; then the others, most common first.
        order = np.where(common, sizes[self.category_ids], -sizes[self.category_ids])
        first = np.lexsort((self.category_ids, order, ~common, self.owners))
        items, place = np.unique(self.owners[first], return_index=True)
        single = np.full(self.size, -1, dtype=np.int64)
        single[items] = self.category_ids[first][place]
        return single

    def categories_named(self, item: int) -> tuple[str, ...]:
        """Return the names of the categories of one item.

        Cost: O(1) for an item that was asked for before, which is remembered.
        """
        names = self._named.get(item)
        if names is None:
            names = tuple([self.category_names[c] for c in self.categories_of(item).tolist()])
            self._named[item] = names
        return names

    def items_of(self, category: str) -> NDArray[np.int64]:
        """Return the numbers of the items of a category, most frequent first; ties by number.

        Raises:
            UnknownName: There is no such category.

        Cost: O(pairs of item and category).
        """
        if category not in self.category_names:
            raise UnknownName.among("category", category, self.category_names)
        number = self.category_names.index(category)
        own = self.owners[self.category_ids == number]
        ordered: NDArray[np.int64] = own[np.argsort(-self.count[own], kind="stable")]
        return ordered

    @cached_property
    def by_count(self) -> NDArray[np.int64]:
        """All item numbers by descending count; ties by number."""
        return np.argsort(-self.count[1:], kind="stable") + 1

    @cached_property
    def category_share(self) -> NDArray[np.float64]:
        """The share of each category in all events, ``[C]``.

        The events of an item are divided equally among its categories. If all counts are 0, every
        item counts as one event.
        """
        lengths = np.diff(self.category_indptr)
        count = self.count if self.count.any() else np.ones(self.size, dtype=np.int64)
        each = np.repeat(count / np.maximum(lengths, 1), lengths)
        total = np.bincount(self.category_ids, each, minlength=len(self.category_names))
        share: NDArray[np.float64] = total / max(total.sum(), 1e-300)
        return share

    def title(self, item: int) -> str:
        """Return the title of an item. The first call builds a list of all titles, O(V)."""
        return self._titles[item - 1]

    def image(self, item: int) -> str | None:
        """Return the address of an item's picture, as the file of items had it; None if none.

        The owner of the file chose it: check its host before anything loads it.
        """
        if self.images is None or not 0 < item <= len(self.images):
            return None
        address: str | None = self.images[item - 1]
        return address

    @cached_property
    def _named(self) -> dict[int, tuple[str, ...]]:
        return {}

    @cached_property
    def _titles(self) -> list[str]:
        titles: list[str] = self.titles.to_list()
        return titles
