"""Filters: which items a request may get, beyond what the operator has hidden."""

from collections.abc import Collection, Sequence

import numpy as np
from jaxtyping import Bool

from prismrec.data import Catalog
from prismrec.errors import UnknownName
from prismrec.rerank import Filter


def unknown_ids(filter: Filter, catalog: Catalog, dislikes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the blocked, allowed and disliked ids that the catalog does not hold, each once."""
    names = dict.fromkeys([*filter.blocked, *(filter.allowed or ()), *dislikes])
    return tuple(name for name in names if name not in catalog.items)


def eligible_items(filter: Filter, catalog: Catalog) -> Bool[np.ndarray, " V"]:
    """Return which item numbers may be recommended; padding never.

    Raises:
        UnknownName: A category that the catalog does not have.

    Cost: O(V).
    """
    eligible = np.ones(catalog.size, dtype=bool)
    if filter.allowed is not None:
        eligible[:] = False
        eligible[catalog.items.index_known(filter.allowed)] = True
    if filter.categories is not None:
        eligible &= _in_categories(filter.categories, catalog)
    eligible[catalog.items.index_known(filter.blocked)] = False
    eligible[0] = False
    return eligible


def _in_categories(names: Collection[str], catalog: Catalog) -> Bool[np.ndarray, " V"]:
    number = {name: place for place, name in enumerate(catalog.category_names)}
    for name in names:
        if name not in number:
            raise UnknownName.among("category", name, number)
    wanted = np.isin(catalog.category_ids, [number[name] for name in names])
    mask = np.zeros(catalog.size, dtype=bool)
    mask[catalog.owners[wanted]] = True
    return mask
