"""The catalog of a data set, from the titles, categories and attributes that its items have."""

from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.attributes import Attributes
from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap, positions_of

if TYPE_CHECKING:
    from prismrec.data.events import EventLog
    from prismrec.data.items import ItemDescriptions

LISTS = pl.List(pl.String)


def categories_source(
    log: "EventLog", items: "ItemDescriptions | None"
) -> Literal["items", "log"] | None:
    """Return what the categories are from: the item table if it has one, or else the log."""
    if items is not None and items.frame["categories"].list.len().max():
        return "items"
    return "log" if "category" in log.frame.collect_schema() else None


def describe_items(
    log: "EventLog", items: "ItemDescriptions | None", categories: pl.DataFrame | None = None
) -> pl.DataFrame:
    """Return ``item``, ``title`` and ``categories``, perhaps in several rows per item.

    Args:
        log: The events.
        items: The item table.
        categories: What this function would read from the log; None to read it.
    """
    nothing = pl.DataFrame(schema={"item": pl.String, "title": pl.String, "categories": LISTS})
    described = nothing if items is None else items.frame
    if categories_source(log, items) != "log":
        return described
    if categories is None:
        item = pl.col("item").cast(pl.String)
        title = pl.lit(None, dtype=pl.String).alias("title")
        pairs = log.frame.select("item", title, pl.col("category").alias("categories")).unique()
        categories = pairs.with_columns(item).collect()
    return pl.concat([described, categories], how="diagonal")


def build_catalog(ids: pl.Series, count: NDArray[np.int64], described: pl.DataFrame) -> Catalog:
    """Build the catalog. If an item has several rows, it gets the categories of all of them."""
    item = ids.alias("item").to_frame().with_row_index("number", offset=1)
    named = described.drop_nulls("title").unique("item", keep="first", maintain_order=True)
    titles = item.join(named, on="item", how="left", maintain_order="left")["title"].fill_null(ids)
    pairs = (
        item.join(described.explode("categories").drop_nulls("categories"), on="item")
        .select("number", "categories")
        .unique()
        .sort("number", "categories")
    )
    names = pairs["categories"].unique(maintain_order=True)
    codes = names.to_frame().with_row_index("code")
    pairs = pairs.join(codes, on="categories").sort("number", "code")
    indptr = np.cumsum(np.bincount(pairs["number"].to_numpy(), minlength=len(ids) + 1))
    images = None
    if "image" in described.columns:
        shown = described.drop_nulls("image").unique("item", keep="first", maintain_order=True)
        images = item.join(shown, on="item", how="left", maintain_order="left")["image"]
    return Catalog(
        items=IdMap(ids, first=1, kind="item"),
        titles=titles,
        category_names=names.to_list(),
        category_indptr=np.concatenate([[0], indptr]).astype(np.int64),
        category_ids=pairs["code"].to_numpy().astype(np.int32),
        count=count,
        images=images,
    )


def attributes_of(ids: pl.Series, items: "ItemDescriptions") -> Attributes:
    """Return the attributes of the items of a catalog; an item without a row has no values."""
    rows = positions_of(ids, items.frame["item"])
    return Attributes.of({name: one.gather(rows) for name, one in items.attributes.items()})
