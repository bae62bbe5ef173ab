"""The catalog: every item that can be recommended, its title, its categories, its count.

Categories are ragged: an item has none, one or several. They lie in two arrays, so that a
catalog of ten million items costs what its numbers cost.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.ids import IdMap
from prismrec.errors import DataError

SHARED = 20
"""Items of which a category says something of a list."""


@dataclass(frozen=True, kw_only=True)
class Catalog:
    """All items, numbered 1 to V - 1; number 0 is padding, with no category and count 0."""

    items: IdMap
    """External ids; ``items.first`` is 1."""
    titles: pl.Series
    """One an item, by number - 1; the external id where no title was given."""
    category_names: list[str]
    """The C categories, by number."""
    category_indptr: NDArray[np.int64]
    """``[V + 1]``: item i's categories are ``category_ids[indptr[i]:indptr[i + 1]]``."""
    category_ids: NDArray[np.int32]
    """Category numbers, ascending within an item."""
    count: NDArray[np.int64]
    """``[V]``: events of each item in the data set; 0 at padding."""

    def __post_init__(self) -> None:
        """Refuse parts that do not belong together."""
        size = len(self.items) + 1
        found = (len(self.titles) + 1, len(self.category_indptr) - 1, len(self.count))
        if self.items.first != 1 or found != (size, size, size):
            raise DataError(
                f"A catalog of {size - 1} items was given titles, categories and counts for "
                f"{found[0] - 1}, {found[1] - 1} and {found[2] - 1}; give one of each an item."
            )

    @property
    def size(self) -> int:
        """V: the number of items plus one, for padding."""
        return len(self.items) + 1

    def begins_with(self, other: "Catalog") -> bool:
        """Tell whether another catalog's items have the same numbers here; new ones may follow."""
        return self.items.ids.head(len(other.items)).equals(other.items.ids)

    def categories_of(self, item: int) -> NDArray[np.int32]:
        """Give the category numbers of one item, ascending; empty if it has none."""
        return self.category_ids[self.category_indptr[item] : self.category_indptr[item + 1]]

    @cached_property
    def owners(self) -> NDArray[np.int64]:
        """The item of each entry of ``category_ids``, ascending; made once, O(V + entries)."""
        return np.repeat(np.arange(self.size), np.diff(self.category_indptr))

    @cached_property
    def single_category(self) -> NDArray[np.int64]:
        """One category an item, ``[V]``: its rarest that at least ``SHARED`` items share.

        The rarest says most about an item; one that a handful of items share says nothing of a
        list. Without any so common, the item's most common one; -1 for an item without.

        Cost: O(entries log entries), once; of equal categories the one of the lower number.
        """
        sizes = np.bincount(self.category_ids, minlength=len(self.category_names))
        common = sizes[self.category_ids] >= SHARED
        # The rarest of the common before the most common of the others.
        order = np.where(common, sizes[self.category_ids], -sizes[self.category_ids])
        first = np.lexsort((self.category_ids, order, ~common, self.owners))
        items, place = np.unique(self.owners[first], return_index=True)
        single = np.full(self.size, -1, dtype=np.int64)
        single[items] = self.category_ids[first][place]
        return single

    def categories_named(self, item: int) -> tuple[str, ...]:
        """Give the names of one item's categories."""
        own = self.category_ids[self.category_indptr[item] : self.category_indptr[item + 1]]
        return tuple([self.category_names[category] for category in own.tolist()])

    @cached_property
    def by_count(self) -> NDArray[np.int64]:
        """All item numbers, the most popular first, ties by number."""
        return np.argsort(-self.count[1:], kind="stable") + 1

    @cached_property
    def category_share(self) -> NDArray[np.float64]:
        """Share of all events that each category has, ``[C]``; an item's categories share its own.

        Where nothing is counted every item counts once.
        """
        lengths = np.diff(self.category_indptr)
        count = self.count if self.count.any() else np.ones(self.size, dtype=np.int64)
        each = np.repeat(count / np.maximum(lengths, 1), lengths)
        total = np.bincount(self.category_ids, each, minlength=len(self.category_names))
        share: NDArray[np.float64] = total / max(total.sum(), 1e-300)
        return share

    def title(self, item: int) -> str:
        """Give an item's title; the first call makes a list of all."""
        return self._titles[item - 1]

    @cached_property
    def _titles(self) -> list[str]:
        titles: list[str] = self.titles.to_list()
        return titles
