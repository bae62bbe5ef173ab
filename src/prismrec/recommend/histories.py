"""Histories as callers pass them: lists of external ids, or arrays of item numbers."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Catalog, as_item_numbers, check_order
from prismrec.errors import ConfigError, DataError, described


def known_items(catalog: Catalog, history: Sequence[str]) -> NDArray[np.int64]:
    """Return the item numbers of a history of external ids, without unknown ids.

    Raises:
        ConfigError: It is not a list of texts, or has no order.
    """
    check_order(history, "The history")
    return catalog.items.index_known(history)


def known_items_of_each(
    catalog: Catalog, histories: Sequence[Sequence[str]]
) -> list[NDArray[np.int64]]:
    """Return the item numbers of several histories: see ``known_items``.

    Raises:
        ConfigError: One is not a list of texts, or has no order; or they are no list themselves.
    """
    check_order(histories, "The list of histories")
    if isinstance(histories, Iterator) or not hasattr(histories, "__len__"):
        raise ConfigError(
            f"The list of histories is {described(histories)}, but must be a list of lists of "
            "texts; write [['a', 'b'], ['c']]."
        )
    return [known_items(catalog, history) for history in histories]


def item_numbers(histories: Sequence[NDArray[np.int64]]) -> list[NDArray[np.int64]]:
    """Return histories of item numbers as arrays; a list of whole numbers is one too.

    Raises:
        DataError: They are no list of histories, or one has values that are not of a type of whole
            numbers.
    """
    check_order(histories, "The list of histories")
    rows = list(histories) if isinstance(histories, Iterable) else None  # once: an iterator ends
    if rows is None or not all(hasattr(row, "__len__") for row in rows):
        raise DataError(
            f"The histories are {described(histories)}, but must be a list of arrays of item "
            "numbers; write [np.array([1, 2])]."
        )
    return [as_item_numbers(row, "A history") for row in rows]
