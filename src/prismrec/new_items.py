"""New items without training: where they lie among the others, until the next training knows.

A new item's row, in every table of the model, is the mean of two means: that of the items of its
categories, each category counting the same, and that of the items it was taken together with;
where only one of the two is known, that one. It is provisional: it can be searched, recommended
and read in a history, but nobody's events have moved it yet.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap
from prismrec.errors import DataError
from prismrec.filters import known
from prismrec.model import Model


@dataclass(frozen=True, kw_only=True)
class NewItem:
    """What is known of an item that no event has been seen of."""

    id: str
    title: str | None = None
    """The id where it is None."""
    categories: Sequence[str] = ()
    taken_with: Sequence[str] = ()
    """Ids of items bought, played or read together with it; unknown ones are ignored."""


def added(model: Model, catalog: Catalog, items: Sequence[NewItem]) -> tuple[Model, Catalog]:
    """Give a model and a catalog that know these items, new ones at their end.

    Raises:
        DataError: An id is empty or stands twice, or nothing places a new item.

    Cost: O(V), and a copy of the model where an item is new.
    """
    larger = described_anew(catalog, items)
    fresh = [item for item in items if item.id not in catalog.items]
    if not fresh:
        return model, larger
    return extended(model, [blend_of(larger, item, catalog.size) for item in fresh]), larger


def described_anew(catalog: Catalog, items: Sequence[NewItem]) -> Catalog:
    """Give a catalog that holds these items, new ones at its end and the others described anew.

    Raises:
        DataError: An id is empty or stands twice among ``items``.

    Cost: O(V).
    """
    names = [item.id for item in items]
    if "" in names or len(set(names)) < len(names):
        raise DataError("Items were to be added with an empty id or one twice; give each once.")
    fresh = [name for name in names if name not in catalog.items]
    ids = IdMap(pl.concat([_text(catalog.items.ids), _text(fresh)]), first=1, kind="item")
    numbers = ids.index(names)
    titles = catalog.titles.to_list() + fresh
    for number, item in zip(numbers.tolist(), items, strict=True):
        if item.title is not None:
            titles[number - 1] = item.title
    count = np.concatenate([catalog.count, np.zeros(len(fresh), dtype=np.int64)])
    described = replace(
        catalog,
        items=ids,
        titles=_text(titles),
        count=count,
        category_indptr=np.pad(catalog.category_indptr, (0, len(fresh)), mode="edge"),
    )
    return _with_categories(described, numbers, [item.categories for item in items])


def _text(values: pl.Series | list[str]) -> pl.Series:
    return pl.Series("id", values, dtype=pl.String)


def _with_categories(
    catalog: Catalog, numbers: NDArray[np.int64], names: Sequence[Sequence[str]]
) -> Catalog:
    """Put some items into other categories; names that are new are added."""
    found = {name: place for place, name in enumerate(catalog.category_names)}
    for own in names:
        for name in own:
            found.setdefault(name, len(found))
    owner = np.repeat(np.arange(catalog.size), np.diff(catalog.category_indptr))
    stays = ~np.isin(owner, numbers)
    pairs = [
        (number, found[name])
        for number, own in zip(numbers.tolist(), names, strict=True)
        for name in sorted(set(own))
    ]
    new = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    owner = np.concatenate([owner[stays], new[:, 0]])
    category = np.concatenate([catalog.category_ids[stays], new[:, 1]])
    order = np.lexsort((category, owner))
    indptr = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=catalog.size))])
    return replace(
        catalog,
        category_names=list(found),
        category_ids=category[order].astype(np.int32),
        category_indptr=indptr.astype(np.int64),
    )


def blend_of(catalog: Catalog, item: NewItem, held: int) -> NDArray[np.float64]:
    """Give the weights, of sum 1, with which the first ``held`` items make up a new one.

    Raises:
        DataError: Neither its categories nor what it was taken with say anything.
    """
    number = {name: place for place, name in enumerate(catalog.category_names)}
    owner = np.repeat(np.arange(catalog.size), np.diff(catalog.category_indptr))
    of_categories = []
    for name in set(item.categories):
        members = owner[catalog.category_ids == number[name]]
        of_categories.append(_mean_of(members[members < held], held))
    together = known(item.taken_with, catalog)
    means = [
        np.mean([mean for mean in of_categories if mean.any()] or [np.zeros(held)], axis=0),
        _mean_of(together[together < held], held),
    ]
    told = [mean for mean in means if mean.any()]
    if not told:
        raise DataError(
            f"Nothing is known of the new item {item.id!r} to place it by: give it a category that "
            "other items have, or items that it was taken with."
        )
    blend: NDArray[np.float64] = np.mean(told, axis=0)
    return blend


def _mean_of(numbers: NDArray[np.int64], held: int) -> NDArray[np.float64]:
    weights = np.bincount(numbers, minlength=held).astype(np.float64)
    return weights / max(len(numbers), 1)


def extended(model: Model, blends: Sequence[NDArray[np.float64]]) -> Model:
    """Give a model with a row more for each blend, in every table of item rows.

    Cost: a copy of the model.
    """
    size = model.size + len(blends)
    options: dict[str, Any] = model.options
    larger = Model(size, copy.deepcopy(model.extractor), **options)
    weights = {}
    for name, table in model.state_dict().items():
        if table.ndim and table.shape[0] == model.size and not name.startswith("extractor."):
            mixed = [_blended(table, blend) for blend in blends]
            table = torch.cat([table, *(row[None] for row in mixed)])  # noqa: PLW2901
        weights[name] = table
    larger.load_state_dict(weights)
    return larger.to(model.device).eval()


def _blended(table: torch.Tensor, blend: NDArray[np.float64]) -> torch.Tensor:
    used = np.flatnonzero(blend)
    rows = table[torch.from_numpy(used).to(table.device)].double()
    share = torch.from_numpy(blend[used]).to(table.device)
    mixed: torch.Tensor = share @ rows
    return mixed.to(table.dtype)
