"""What is known of items: titles, and none, one or several categories each.

items = read_items("movies.item")             # a table: item, title, categories
items = read_items("item_attributes.json")    # {"B00A": ["tea", "cups"], …}
items = items_from_log(log)                   # from the log's category column
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from prismrec.data.events import EventLog, id_of
from prismrec.data.readers.categories import category_lists, objects, refuse_objects
from prismrec.data.readers.columns import find, require
from prismrec.data.readers.formats import Parsing, open_tables
from prismrec.data.readers.rejected import FILE, KIND, RejectedRows, check_rejected, find_rejected
from prismrec.data.readers.table import FAULT, LINE, Table, malformed
from prismrec.data.readers.text import read_text
from prismrec.errors import DataError

GOOD = "good"
COMIREC = {2: ("item", "category")}


@dataclass(frozen=True)
class ItemDescriptions:
    """Items by external id, each once, in the order in which the source first names them."""

    frame: pl.DataFrame
    """``item`` (text), ``title`` (text or null), ``categories`` (list of text: distinct, maybe
    empty)."""
    refused: tuple[RejectedRows, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ItemColumns:
    """The caller's names of columns; where one is None the common names are tried."""

    item: str | None = None
    title: str | None = None
    categories: str | None = None


ANY_COLUMNS = ItemColumns()


def read_items(
    source: object, *, columns: ItemColumns = ANY_COLUMNS, separator: str = "|",
    delimiter: str | None = None, encoding: str = "utf-8",
) -> ItemDescriptions:  # fmt: skip
    """Read titles and categories.

    An item of several rows has the categories of all of them, and the first title: no row takes
    the place of another.

    Args:
        source: A table, from all that ``read_events`` reads; ComiRec's ``item,category`` without
            a header; or JSON of one object, from items to their categories.
        columns: Names of columns that are not common ones.
        separator: Cuts the categories in a field of text; a space where the column's name ends in
            ``:token_seq``, as RecBole's do. A field that is a list of JSON as a whole is that
            list, however deep.
        delimiter: Between fields of text; told by the header if None.
        encoding: Of text.

    Returns:
        The items. One whose categories are missing or empty is kept, with none.

    Raises:
        DataError: The source does not read, has no item column, or holds sequences; categories
            are objects; or more rows are refused, for want of an item, than kept.
        ConfigError: An unknown encoding or delimiter.

    Cost: O(rows) time and memory.
    """
    given = [name for name in (columns.item, columns.title, columns.categories) if name is not None]
    mapping = _mapping(source, encoding, given)
    parsing = Parsing(delimiter=delimiter, encoding=encoding, given=given, layouts=COMIREC)
    tables = open_tables(source if mapping is None else mapping, parsing)
    if any(table.is_sequences for table in tables):
        raise DataError(
            f"{source} has no header that names a column of items, and its lines are words with "
            "spaces between, as of sequences of events; give a table of items: item, title, "
            "categories."
        )
    try:
        rows = pl.concat(
            _chosen(number, table, columns, separator) for number, table in enumerate(tables)
        )
        missing = pl.when(pl.col("item").fill_null("") == "").then(pl.lit("item is missing"))
        rows = rows.with_columns(
            pl.coalesce(pl.col(FAULT), missing.otherwise(pl.lit(GOOD))).alias(KIND)
        )
        counts = dict(rows.group_by(KIND).len().collect(engine="streaming").iter_rows())
        kept = counts.pop(GOOD, 0)
        refused = find_rejected(rows, tables, counts, show=("item", "title"))
        items = _united(rows.filter(pl.col(KIND) == GOOD).collect())
    except pl.exceptions.PolarsError as error:
        raise malformed(tables, error) from error
    name = str(source) if isinstance(source, str | Path) else tables[0].name
    refuse_objects(name, refused)
    check_rejected(name, kept, refused)
    return ItemDescriptions(items, refused)


def items_from_log(log: EventLog) -> ItemDescriptions:
    """Take the categories from the log's ``category`` column: of each item, all that it came with.

    Raises:
        DataError: The log has no such column.

    Cost: one pass over the log; memory O(distinct pairs of item and category).
    """
    if "category" not in log.frame.collect_schema():
        raise DataError(
            f"The categories of {log.source} are asked for, but it has no category column; "
            "name one when reading it, or read a table of items."
        )
    rows = log.frame.select("item", "category").unique(maintain_order=True)
    named = rows.select(
        pl.col("item").cast(pl.String), pl.lit(None, dtype=pl.String).alias("title"),
        pl.col("category").alias("categories"),
    )  # fmt: skip
    return ItemDescriptions(_united(named.collect()))


class _Pairs(list[tuple[str, Any]]):
    """An object of JSON with all its keys, those that stand twice too."""


def _mapping(source: object, encoding: str, given: list[str]) -> pl.DataFrame | None:
    """Read JSON of one object from items to categories; None if the source is none."""
    if not isinstance(source, str | Path) or ".json" not in Path(source).suffixes:
        return None
    path = Path(source)
    if not path.is_file():
        return None
    text = read_text(path, encoding)
    try:
        found = json.loads(
            path.read_bytes() if isinstance(text, Path) else text,
            object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=str,
        )  # fmt: skip
        if not isinstance(found, _Pairs):
            return None
        keys = [key for key, _ in found]
        if find("item", keys, None, where=path.name) is not None or set(given) & set(keys):
            return None  # JSON lines, of which there is one
        cells = [list(_names(key, value, path.name)) for key, value in found]
    except json.JSONDecodeError:
        return None  # JSON lines, or nothing that reads: the table's reader says which
    except RecursionError:
        raise DataError(
            f"{path.name} holds lists in lists too deep to read; write it flatter."
        ) from None
    schema = {"item": pl.String(), "categories": pl.List(pl.String)}
    return pl.DataFrame({"item": keys, "categories": cells}, schema=schema)


def _names(item: str, value: object, where: str) -> Iterator[str]:
    """Give the names in a value of JSON: itself, or those of a list however deep."""
    if isinstance(value, _Pairs):
        raise DataError(
            f"The item {item!r} of {where} has an object for its categories; give a list of names, "
            "or JSON lines of one object an item, with its id among them."
        )
    if isinstance(value, list):
        for each in value:
            yield from _names(item, each, where)
    elif value is not None:
        yield value if isinstance(value, str) else json.dumps(value)


def _chosen(number: int, table: Table, columns: ItemColumns, separator: str) -> pl.LazyFrame:
    """Give item, title and categories, and where each row stands."""
    schema = table.frame.collect_schema()
    item = require("item", table.columns, columns.item, where=table.where)
    title = find("title", table.columns, columns.title, where=table.where)
    category = find("category", table.columns, columns.categories, where=table.where)
    lists, fault = pl.lit([], dtype=pl.List(pl.String)), pl.col(FAULT)
    if category is not None:
        lists = category_lists(category, schema[category], separator=separator, where=table.where)
        fault = pl.coalesce(fault, objects(category, schema[category])).alias(FAULT)
    named = pl.lit(None, dtype=pl.String) if title is None else pl.col(title).cast(pl.String)
    ids = id_of(item, schema[item], table.where).cast(pl.String)
    return table.frame.select(
        pl.lit(number).alias(FILE), LINE, fault,
        ids.alias("item"), named.alias("title"), lists.alias("categories"),
    )  # fmt: skip


def _united(rows: pl.DataFrame) -> pl.DataFrame:
    """Make one row an item: its first title, and the categories of all its rows."""
    title = pl.col("title").filter(pl.col("title") != "").first()
    every = pl.col("categories").explode(empty_as_null=False, keep_nulls=False)
    return rows.group_by("item", maintain_order=True).agg(title, every.unique(maintain_order=True))
