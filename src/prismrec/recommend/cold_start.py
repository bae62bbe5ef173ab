"""New items without training: their vectors come from their categories and related items.

The vector of a new item, in every table of the model, has the direction of the mean of two means:
the mean of the items of its categories, where each category counts the same, and the mean of its
related items. If only one of the two is known, it is that one. Its length is the mean length of
the same items, with the same weights: the mean of many vectors is short, and a short vector is in
no list. Its bias is the mean bias. An item with a content vector has its projection instead: see
``projection``. The item is provisional: it can be searched, recommended and read in a
history, but no event has trained it yet.
"""

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Catalog, IdMap
from prismrec.errors import ConfigError, DataError, check_type, is_utf8, list_of_ids
from prismrec.models import Model
from prismrec.recommend.projection import ContentProjection, content_vector


@dataclass(frozen=True, kw_only=True)
class NewItem:
    """An item without events, or a new description of an item of the catalog.

    Raises:
        ConfigError: The id or the title is no text, the categories or related items are not a list
            of texts, a text is not UTF-8, or the vector is no list of finite numbers.
    """

    id: str
    """External id."""
    title: str | None = None
    """Shown to people. None keeps the title of an item of the catalog; a new item gets its id."""
    categories: Sequence[str] | None = None
    """Names of its categories; new names are added to the catalog. A new item without related items
    and vector needs one that another item has. None keeps the categories of an item of the catalog;
    a new item has none then."""
    related_to: Sequence[str] = ()
    """Ids of items bought, played or read together with it; unknown ids have no effect."""
    vector: Sequence[float] | NDArray[np.floating] | None = None
    """Its content vector, for a model that was trained with content vectors; it replaces the means
    of categories and related items. It has no effect on an item of the catalog."""

    def __post_init__(self) -> None:
        """Check the values, and make lists tuples: an array of NumPy has no truth value."""
        check_type("The id of a new item", self.id, str, f"a text; write {str(self.id)[:40]!r}")
        check_type("The title of a new item", self.title, str | None, "a text; write it in quotes")
        for name, kind in (("categories", "category"), ("related_to", "item")):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(list_of_ids(getattr(self, name), kind)))
        for text in (self.id, self.title or "", *(self.categories or ())):
            if not is_utf8(text):
                raise ConfigError(
                    f"The new item {self.id!r} has the text {text[:40]!r} with half of a surrogate "
                    "pair, so it is not UTF-8; decode it from its file again."
                )
        if self.vector is not None:
            object.__setattr__(self, "vector", content_vector(self.vector, self.id))


def add_items(
    model: Model,
    catalog: Catalog,
    items: Sequence[NewItem],
    projection: ContentProjection | None = None,
) -> tuple[Model, Catalog]:
    """Return a model and a catalog that know these items; new items are appended.

    Raises:
        DataError: An id is empty or appears twice; a new item has neither a vector, nor a category
            with items, nor a known related item; or its vector cannot be projected.

    Cost: O(V); if an item is new, also a copy of the model and one pass over the items of each of
        the new items' categories.
    """
    larger = with_descriptions(catalog, items)
    fresh = [item for item in items if item.id not in catalog.items]
    if not fresh:
        return model, larger
    return extend_model(model, _new_rows(model, larger, fresh, projection)), larger


def _new_rows(
    model: Model, catalog: Catalog, items: Sequence[NewItem], projection: ContentProjection | None
) -> Float[np.ndarray, "N T"]:
    """Return the rows of new items in all tables, next to each other."""
    described = np.array([item.vector is None for item in items])
    rows = np.zeros((len(items), sum(table.embedding_dim for table in model.tables)))
    if described.any():
        blended = [item for item in items if item.vector is None]
        blends = blend_items(catalog, blended, model.size)
        tables = [table.rows().detach().cpu().numpy() for table in model.tables]
        rows[described] = np.hstack([blends.of(table, model.extractor.dim) for table in tables])
    with_vector = [item for item in items if item.vector is not None]
    if with_vector:
        if projection is None:
            raise DataError(
                f"The new item {with_vector[0].id!r} has a vector, but this model was trained "
                "without content vectors; train with item vectors, or leave the vector out."
            )
        vectors = [item.vector for item in with_vector if item.vector is not None]
        names = [item.id for item in with_vector]
        rows[~described] = projection.rows_of_items(vectors, names)
    return rows


def with_descriptions(catalog: Catalog, items: Sequence[NewItem]) -> Catalog:
    """Return a catalog with new items appended and the other items described as given.

    Raises:
        DataError: An id is empty or appears twice among ``items``.
        ConfigError: ``items`` is no list of new items.

    Cost: O(V).
    """
    needed = "a list of NewItem(…); write [NewItem(id='a')]"
    check_type("items", items, Collection, needed)
    for item in items:
        check_type("An item in items", item, NewItem, needed)
    names = [item.id for item in items]
    categories = {item.id: item.categories for item in items if item.categories is not None}
    if "" in names or len(set(names)) < len(names):
        raise DataError(
            "Items cannot be added with an empty id, or with one id twice; give each item once."
        )
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
        attributes=catalog.attributes and catalog.attributes.extended(catalog.size + len(fresh)),
        category_indptr=np.pad(catalog.category_indptr, (0, len(fresh)), mode="edge"),
    )
    return _with_categories(described, ids.index([*categories]), [*categories.values()])


def _text(values: pl.Series | list[str]) -> pl.Series:
    return pl.Series("id", values, dtype=pl.String)


def _with_categories(
    catalog: Catalog, numbers: NDArray[np.int64], names: Sequence[Sequence[str]]
) -> Catalog:
    """Return a catalog in which some items have other categories; new names are added."""
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
    """How new rows are computed: means of existing items, and mixes of these means."""

    means: sparse.csr_array
    """``[M, V]``: each row is a mean over some items; its weights sum to 1."""
    mixes: sparse.csr_array
    """``[N, M]``: each row is a new item, a mix of means; its weights sum to 1."""

    def of(self, table: Float[np.ndarray, "V W"], dim: int) -> Float[np.ndarray, "N W"]:
        """Return the new rows of one table, whose first ``dim`` columns are vectors.

        Cost: O(entries of ``means`` and ``mixes`` · W) time, and memory for the rows read.
        """
        used = np.unique(self.means.indices)
        rows = table[used].astype(np.float64)
        lengths = np.linalg.norm(rows[:, :dim], axis=1, keepdims=True)
        blended = self.mixes @ (self.means[:, used] @ np.hstack([rows, lengths]))
        made: Float[np.ndarray, "N W"] = blended[:, :-1]
        made[:, :dim] *= blended[:, -1:] / np.maximum(
            np.linalg.norm(made[:, :dim], axis=1, keepdims=True), 1e-12
        )
        return made


def blend_items(catalog: Catalog, items: Sequence[NewItem], held: int) -> Blends:
    """Return how the vector of each new item follows from the first ``held`` items.

    Raises:
        DataError: An item has neither a category with items nor a known related item.

    Cost: O(V + items of the categories + ``related_to``); a category's mean is computed once.
    """
    number = {name: place for place, name in enumerate(catalog.category_names)}
    wanted = np.unique([number[name] for item in items for name in item.categories or ()]).astype(
        int
    )
    within = np.isin(catalog.category_ids, wanted) & (catalog.owners < held)
    members, which = catalog.owners[within], np.searchsorted(wanted, catalog.category_ids[within])
    sizes = np.bincount(which, minlength=len(wanted))
    rows, columns, number_of_means = [which], [members], len(wanted)
    mixes: list[dict[int, float]] = []
    for item in items:
        places = np.searchsorted(wanted, sorted({number[name] for name in item.categories or ()}))
        means_of_item = [places[sizes[places] > 0].tolist()]
        together = catalog.items.index_known(item.related_to)
        together = together[together < held]
        if len(together):
            rows.append(np.full(len(together), number_of_means))
            columns.append(together)
            means_of_item.append([number_of_means])
            number_of_means += 1
        means_of_item = [means for means in means_of_item if means]
        if not means_of_item:
            raise DataError(
                f"The new item {item.id!r} has no category that other items have and no known "
                "related item, so it has no vector; give it one of the two."
            )
        mixes.append(
            {
                mean: 1 / (len(means_of_item) * len(means))
                for means in means_of_item
                for mean in means
            }
        )
    row, column = np.concatenate(rows), np.concatenate(columns)
    share = 1 / np.bincount(row, minlength=number_of_means)[row]
    owner = np.repeat(np.arange(len(mixes)), [len(mix) for mix in mixes])
    parts = [mean for mix in mixes for mean in mix]
    weights = [weight for mix in mixes for weight in mix.values()]
    return Blends(
        sparse.csr_array((share, (row, column)), shape=(number_of_means, held)),
        sparse.csr_array((weights, (owner, parts)), shape=(len(mixes), number_of_means)),
    )


def extend_model(model: Model, rows: Float[np.ndarray, "N T"]) -> Model:
    """Return a model with one more row per new item, in every table of item vectors.

    Args:
        model: The model to extend.
        rows: The rows of the new items in all tables, next to each other.

    Cost: a copy of the model.
    """
    size = model.size + len(rows)
    larger = Model(size, copy.deepcopy(model.extractor), **model.options).formed(model.forming)
    parts = np.split(rows, np.cumsum([table.embedding_dim for table in model.tables])[:-1], axis=1)
    with torch.no_grad():
        for old, new, part in zip(model.tables, larger.tables, parts, strict=True):
            table = old.rows().cpu()
            new.weight.copy_(torch.cat([table, torch.from_numpy(part).to(table.dtype)]))
    return larger.to(model.device).eval()
