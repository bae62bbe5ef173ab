"""Read item descriptions: a title, any number of categories and a picture per item.

items = read_items("movies.item")             # a table: item or id, title, categories, image
items = read_items("item_attributes.json")    # {"B00A": ["tea", "cups"], …}
items = items_from_log(log)                   # from the log's category column
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from prismrec.data.events import EventLog
from prismrec.data.item_columns import (
    FoundColumns,
    find_item_attributes,
    find_item_columns,
    missing_columns,
)
from prismrec.data.readers.attributes import (
    ALL,
    AttributeColumn,
    AttributeReport,
    attribute_cells,
    typed_cells,
    unreadable_columns,
)
from prismrec.data.readers.base import Parsing
from prismrec.data.readers.categories import (
    category_lists,
    object_faults,
    raise_for_objects,
)
from prismrec.data.readers.cell_types import check_text
from prismrec.data.readers.columns import ItemColumns, check_separator
from prismrec.data.readers.ids import id_column, row_fault
from prismrec.data.readers.mappings import read_mapping
from prismrec.data.readers.open import open_tables
from prismrec.data.readers.rejected import (
    FILE,
    STATUS,
    RejectedRows,
    check_rejected,
    find_rejected,
)
from prismrec.data.readers.table import FAULT, LINE, Table, malformed
from prismrec.errors import DataError, check_type

VALID = "valid"
COMIREC = {2: ("item", "category")}  # the columns of a file without a header
LONGEST_IMAGE = 2_000
"""Longest address of a picture; a longer one is usually the picture itself, as text."""


@dataclass(frozen=True, repr=False)
class ItemDescriptions:
    """One row per item, in the order of first occurrence in the source."""

    frame: pl.DataFrame
    """Columns ``item`` (text), ``title`` (text or null), ``categories`` (list of distinct texts,
    possibly empty) and, if the source has pictures, ``image`` (an https address or null)."""
    rejected: tuple[RejectedRows, ...] = ()
    """The rows that cannot be used, by reason."""
    attributes: Mapping[str, pl.Series] = field(default_factory=dict)
    """The wanted attributes by name, one row per item; null for no value."""
    reports: tuple[AttributeReport, ...] = ()
    """How each attribute was read."""
    notes: tuple[str, ...] = ()
    """Sentences about lines that are not rows, and columns that are missing or not read."""

    def __repr__(self) -> str:
        rejected = sum(each.count for each in self.rejected)
        return f"ItemDescriptions({self.frame.height:,} items, {rejected:,} rows rejected)"


COMMON_NAMES = ItemColumns()


def read_items(
    source: object, *, columns: ItemColumns = COMMON_NAMES, separator: str = "|",
    delimiter: str | None = None, encoding: str = "utf-8",
) -> ItemDescriptions:  # fmt: skip
    """Read titles, categories, the addresses of pictures, and attributes.

    If an item has several rows, it gets the categories of all of them, and the first title and
    the first picture. An address that does not begin with https://, contains a space or has more
    than 2,000 characters is dropped; of a list of addresses the first one is used.

    Args:
        source: A table in any format that ``read_events`` reads; ComiRec's ``item,category``
            without a header; or one JSON object that maps items to their categories.
        columns: Column names, if they are not common names.
        separator: Separates the categories in a text field. If the column's name ends in
            ``:token_seq`` (RecBole), a space separates them. A field that as a whole is a JSON
            list, nested to any depth, is read as that list.
        delimiter: Character between fields of text. None: detect it in the header.
        encoding: Encoding of text.

    Returns:
        The items. An item without categories is kept.

    Raises:
        DataError: The source cannot be read, has no item column, lacks an attribute, or contains
            sequences; categories are objects; or more rows are rejected, because they have no item,
            than kept.
        ConfigError: Unknown encoding or delimiter; ``separator``, the depth or the attributes are
            invalid; or ``columns`` has another type.

    Cost: O(rows) time and memory.
    """
    tables = _open(source, columns, delimiter, encoding)
    check_separator(separator)
    found = [find_item_columns(table, columns) for table in tables]
    attributes = find_item_attributes(tables, columns, found)
    try:
        rows = pl.concat(
            _select_columns(number, tables, names, separator, columns.category_depth, attributes)
            for number, names in enumerate(found)
        )
        missing = pl.when(pl.col("item").fill_null("") == "").then(pl.lit("item is missing"))
        rows = rows.with_columns(
            pl.coalesce(pl.col(FAULT), missing.otherwise(pl.lit(VALID))).alias(STATUS)
        )
        counts = dict(rows.group_by(STATUS).len().collect(engine="streaming").iter_rows())
        kept = counts.pop(VALID, 0)
        rejected = find_rejected(rows, tables, counts, show=("item", "title"))
        valid = rows.filter(pl.col(STATUS) == VALID).collect()
        typed = [typed_cells(one, valid, tables, separator) for one in attributes]
        items = _merge_rows(valid.with_columns(cells for cells, _ in typed), attributes)
    except pl.exceptions.PolarsError as error:
        raise malformed(tables) from error
    name = str(source) if isinstance(source, str | Path) else tables[0].name
    raise_for_objects(name, rejected)
    check_rejected(name, kept, rejected)
    values = {one.name: items[one.cells] for one in attributes}
    items, reports = items.drop(one.cells for one in attributes), tuple(one for _, one in typed)
    notes = _notes(tables, columns, found, reports)
    return ItemDescriptions(items, rejected, values, reports, notes)


def _notes(
    tables: Sequence[Table], columns: ItemColumns, found: Sequence[FoundColumns],
    reports: Sequence[AttributeReport],
) -> tuple[str, ...]:  # fmt: skip
    """Return the notes of the tables, and on columns that are missing, left out or odd."""
    notes = [note for table in tables for note in table.notes]
    notes += missing_columns(tables, columns, found)
    notes += [report.note for report in reports if report.note]
    return (*notes, *unreadable_columns(tables, columns.attributes, found))


def items_from_log(log: EventLog) -> ItemDescriptions:
    """Return the items of a log with all the categories of their events.

    Raises:
        DataError: The log has no ``category`` column.

    Cost: one pass over the log; memory O(distinct pairs of item and category).
    """
    if "category" not in log.frame.collect_schema():
        raise DataError(
            f"The log {log.source} has no category column; name one when you read it, or read a "
            "table of items."
        )
    rows = log.frame.select("item", "category").unique(maintain_order=True)
    nothing = pl.lit(None, dtype=pl.String)
    named = rows.select(
        pl.col("item").cast(pl.String), nothing.alias("title"),
        pl.col("category").alias("categories"), nothing.alias("image"),
    )  # fmt: skip
    return ItemDescriptions(_merge_rows(named.collect()))


def _open(
    source: object, columns: ItemColumns, delimiter: str | None, encoding: str
) -> Sequence[Table]:
    """Open the tables of items.

    Raises:
        ConfigError: ``columns`` has another type.
        DataError: They cannot be read, or contain sequences.
    """
    check_type("columns", columns, ItemColumns, "ItemColumns; write ItemColumns(item='name')")
    chosen = (columns.item, columns.title, columns.categories, columns.image)
    names = [name for name in chosen if name is not None]
    mapping = read_mapping(source, encoding, names)
    attributes = columns.attributes
    parsing = Parsing(
        delimiter=delimiter, encoding=encoding, column_names=names, layouts=COMIREC,
        other_names=[*attributes, *(name.rpartition(":")[0] for name in attributes)],
        reads_every_column=list(attributes) == [ALL],
    )  # fmt: skip
    tables = open_tables(source if mapping is None else mapping, parsing)
    if any(table.is_sequences for table in tables):
        raise DataError(
            f"{source} has no header with a column of items, and its lines are words separated by "
            "spaces, as in sequences of events; give a table of items: item, title, categories."
        )
    return tables


def _select_columns(
    number: int, tables: Sequence[Table], names: FoundColumns, separator: str, depth: int | None,
    attributes: Sequence[AttributeColumn],
) -> pl.LazyFrame:  # fmt: skip
    """Return item, title, categories, image and attributes, and the table and line of each row."""
    table, (item, title, category, image) = tables[number], names
    schema = table.frame.collect_schema()
    ids, fault = id_column(item, table, "item")
    faults = [fault]
    lists = pl.lit([], dtype=pl.List(pl.String))
    if category is not None:
        lists = category_lists(
            category, schema[category], separator=separator, depth=depth,
            table=table.description,
        )  # fmt: skip
        faults.append(object_faults(category, schema[category]))
    if title is not None:
        check_text("title", title, schema[title], table=table.description)
    titles = pl.lit(None, dtype=pl.String) if title is None else pl.col(title).cast(pl.String)
    return table.frame.select(
        pl.lit(number).alias(FILE), LINE, row_fault(*faults),
        ids.cast(pl.String).alias("item"), titles.alias("title"), lists.alias("categories"),
        _image_addresses(table, image).alias("image"),
        *(attribute_cells(one, tables, number, separator) for one in attributes),
    )  # fmt: skip


def _image_addresses(table: Table, column: str | None) -> pl.Expr:
    """Return the address of each row's picture; null where there is none that can be used."""
    nothing = pl.lit(None, dtype=pl.String)
    if column is None:
        return nothing
    kind, text = table.frame.collect_schema()[column], pl.col(column)
    if kind == pl.List(pl.String):
        kind, text = pl.String(), text.list.first()
    if kind != pl.String:
        return nothing  # numbers or objects
    first = text.str.extract(r'^\s*\[\s*"([^"\\]*)"')  # JSON lines hold a list as JSON text
    text = pl.coalesce(first, text).str.strip_chars()
    usable = text.str.contains(r"^https://[^\s\p{C}]+$") & (text.str.len_chars() <= LONGEST_IMAGE)
    return pl.when(usable).then(text).otherwise(nothing)


def _merge_rows(rows: pl.DataFrame, attributes: Sequence[AttributeColumn] = ()) -> pl.DataFrame:
    """Return one row per item: its first title, picture and values, the categories of all rows."""
    title = pl.col("title").filter(pl.col("title").str.strip_chars() != "").first()
    every = pl.col("categories").explode(empty_as_null=False, keep_nulls=False)
    image = pl.col("image").drop_nulls().first()
    items = rows.group_by("item", maintain_order=True).agg(
        title, every.unique(maintain_order=True), image,
        *(_merged_cells(one.cells, rows.schema[one.cells]) for one in attributes),
    )  # fmt: skip
    return items if items["image"].count() else items.drop("image")


def _merged_cells(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return the first value of an item; of sets, the texts of all its rows."""
    if not isinstance(dtype, pl.List):
        return pl.col(name).drop_nulls().first()
    every = pl.col(name).explode(empty_as_null=False, keep_nulls=False).unique(maintain_order=True)
    return pl.when(every.len() > 0).then(every.implode()).first().alias(name)
