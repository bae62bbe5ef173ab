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
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Catalog, IdMap
from prismrec.errors import DataError
from prismrec.models import Model


@dataclass(frozen=True, kw_only=True)
class NewItem:
    """What is known of an item that no event has been seen of."""

    id: str
    title: str | None = None
    """The id where it is None."""
    categories: Sequence[str] = ()
    related_to: Sequence[str] = ()
    """Ids of items bought, played or read together with it; unknown ones are ignored."""


def add_items(model: Model, catalog: Catalog, items: Sequence[NewItem]) -> tuple[Model, Catalog]:
    """Give a model and a catalog that know these items, new ones at their end.

    Raises:
        DataError: An id is empty or stands twice, or nothing places a new item.

    Cost: O(V); where an item is new a copy of the model, and a pass over the members of the new
        items' categories, once a category.
    """
    larger = described_anew(catalog, items)
    fresh = [item for item in items if item.id not in catalog.items]
    if not fresh:
        return model, larger
    return extended(model, blends_of(larger, fresh, catalog.size)), larger


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
    owner = catalog.owners
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


@dataclass(frozen=True)
class Blends:
    """Of what rows new ones are made: means of some items, and mixes of such means."""

    means: sparse.csr_array
    """``[M, V]``: a mean of the rows of some items each, of sum 1."""
    mixes: sparse.csr_array
    """``[N, M]``: a new item each, of sum 1."""

    def of(self, table: Float[np.ndarray, "V W"]) -> Float[np.ndarray, "N W"]:
        """Make the new rows of one table.

        Cost: O((numbers in ``means`` and ``mixes``) W) time, and memory for the rows that are read.
        """
        used = np.unique(self.means.indices)
        made: Float[np.ndarray, "N W"] = self.mixes @ (
            self.means[:, used] @ table[used].astype(np.float64)
        )
        return made


def blends_of(catalog: Catalog, items: Sequence[NewItem], held: int) -> Blends:
    """Say of which of the first ``held`` items each new one is made up.

    Raises:
        DataError: Neither an item's categories nor what it was taken with say anything.

    Cost: O(V + members of the items' categories + ``related_to``): a category's mean is made once.
    """
    number = {name: place for place, name in enumerate(catalog.category_names)}
    wanted = np.unique([number[name] for item in items for name in item.categories]).astype(int)
    within = np.isin(catalog.category_ids, wanted) & (catalog.owners < held)
    members, which = catalog.owners[within], np.searchsorted(wanted, catalog.category_ids[within])
    sizes = np.bincount(which, minlength=len(wanted))
    rows, columns, of_means = [which], [members], len(wanted)
    mixes: list[dict[int, float]] = []
    for item in items:
        places = np.searchsorted(wanted, sorted({number[name] for name in item.categories}))
        told = [places[sizes[places] > 0].tolist()]
        together = catalog.items.index_known(item.related_to)
        together = together[together < held]
        if len(together):
            rows.append(np.full(len(together), of_means))
            columns.append(together)
            told.append([of_means])
            of_means += 1
        told = [means for means in told if means]
        if not told:
            raise DataError(
                f"Nothing is known of the new item {item.id!r} to place it by: give it a category "
                "that other items have, or items that it was taken with."
            )
        mixes.append({mean: 1 / (len(told) * len(means)) for means in told for mean in means})
    row, column = np.concatenate(rows), np.concatenate(columns)
    share = 1 / np.bincount(row, minlength=of_means)[row]
    owner = np.repeat(np.arange(len(mixes)), [len(mix) for mix in mixes])
    parts = [mean for mix in mixes for mean in mix]
    weights = [weight for mix in mixes for weight in mix.values()]
    return Blends(
        sparse.csr_array((share, (row, column)), shape=(of_means, held)),
        sparse.csr_array((weights, (owner, parts)), shape=(len(mixes), of_means)),
    )


def extended(model: Model, blends: Blends) -> Model:
    """Give a model with a row more for each blend, in every table of item rows.

    Cost: a copy of the model.
    """
    size = model.size + blends.mixes.shape[0]
    options: dict[str, Any] = model.options
    larger = Model(size, copy.deepcopy(model.extractor), **options)
    with torch.no_grad():
        for old, new in zip(model.tables, larger.tables, strict=True):
            table = old.rows().cpu()
            made = torch.from_numpy(blends.of(table.numpy())).to(table.dtype)
            new.weight.copy_(torch.cat([table, made]))
    return larger.to(model.device).eval()
