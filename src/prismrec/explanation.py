"""Interests in words: which items of the history made each, and what it is about."""

from collections import defaultdict

import numpy as np
from jaxtyping import Bool, Float
from numpy.typing import NDArray

from prismrec.answer import Interest, Reason
from prismrec.data.catalog import Catalog

NAMES = 2
"""Categories in an interest's name."""


def explained(
    catalog: Catalog,
    read: NDArray[np.int64],
    weights: Float[np.ndarray, "K L"],
    active: Bool[np.ndarray, " K"],
) -> list[Interest]:
    """Give the active interests of one history, each with its items, heaviest first.

    Args:
        catalog: For ids, titles and categories.
        read: Item numbers that the model read, oldest first.
        weights: How much each interest draws on each of them; columns beyond are padding.
        active: Which interests count.
    """
    names = catalog.items.external(read.tolist())
    titles = [catalog.title(item) for item in read.tolist()]
    views = []
    for number in np.flatnonzero(active).tolist():
        own = weights[number, : len(read)]
        heaviest = np.argsort(-own, kind="stable")
        items = tuple(Reason(names[at], titles[at], float(own[at])) for at in heaviest.tolist())
        views.append(Interest(number, name_of(catalog, read, own), items))
    return views


def name_of(catalog: Catalog, read: NDArray[np.int64], weights: Float[np.ndarray, " L"]) -> str:
    """Name an interest after the categories that it draws on most; "" without any."""
    drawn: dict[int, float] = defaultdict(float)
    for item, weight in zip(read.tolist(), weights.tolist(), strict=True):
        own = catalog.categories_of(item).tolist()
        for category in own:
            drawn[category] += weight / len(own)
    most = sorted(drawn, key=lambda category: (-drawn[category], category))[:NAMES]
    return ", ".join(catalog.category_names[category] for category in most)
