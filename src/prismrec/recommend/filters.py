"""What may be recommended in one request, beyond what the catalog and its owner allow."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.errors import UnknownName


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Bounds of a request. An id that the catalog does not hold is nothing to block or to allow."""

    blocked: Collection[str] = ()
    """Ids never to recommend."""
    allowed: Collection[str] | None = None
    """The only ids to recommend; None for all."""
    categories: Collection[str] | None = None
    """Recommend items of at least one of these categories only; None for all."""

    def unknown(self, catalog: Catalog) -> list[str]:
        """Name the ids of the bounds that the catalog does not hold: blocked, then allowed."""
        names = dict.fromkeys([*self.blocked, *(self.allowed or ())])
        return [name for name in names if name not in catalog.items]

    def mask(self, catalog: Catalog) -> Bool[np.ndarray, " V"]:
        """Tell which item numbers may be recommended; padding never.

        Raises:
            UnknownName: A category that the catalog does not have.

        Cost: O(V).
        """
        open_ = np.ones(catalog.size, dtype=bool)
        if self.allowed is not None:
            open_[:] = False
            open_[known(self.allowed, catalog)] = True
        if self.categories is not None:
            open_ &= _of_categories(self.categories, catalog)
        open_[known(self.blocked, catalog)] = False
        open_[0] = False
        return open_


def known(names: Collection[str], catalog: Catalog) -> NDArray[np.int64]:
    """Give the numbers of the ids that a catalog holds."""
    return catalog.items.index([name for name in names if name in catalog.items])


def _of_categories(names: Collection[str], catalog: Catalog) -> Bool[np.ndarray, " V"]:
    number = {name: place for place, name in enumerate(catalog.category_names)}
    for name in names:
        if name not in number:
            raise UnknownName.among("category", name, number)
    wanted = np.isin(catalog.category_ids, [number[name] for name in names])
    mask = np.zeros(catalog.size, dtype=bool)
    mask[catalog.owners[wanted]] = True
    return mask
