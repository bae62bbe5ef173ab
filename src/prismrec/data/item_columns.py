"""Find the columns of a file of items: ids, titles, categories, pictures and attributes."""

from collections.abc import Sequence
from typing import NamedTuple

from prismrec.data.readers.attributes import ALL, AttributeColumn, find_attributes
from prismrec.data.readers.columns import (
    ItemColumns,
    find_column,
    normalize_name,
    quote_names,
)
from prismrec.data.readers.parquet_files import check_alike
from prismrec.data.readers.table import Table
from prismrec.errors import DataError


class FoundColumns(NamedTuple):
    """The columns of a table; None if it has no such column."""

    item: str
    title: str | None
    category: str | None
    image: str | None


def find_item_columns(table: Table, columns: ItemColumns) -> FoundColumns:
    """Find the columns of a table. ``id`` is the item column if no column has a common name.

    Raises:
        DataError: There is no column of items, or none of a chosen name.
    """
    item = find_column("item", table.columns, columns.item, table=table.description)
    if item is None:
        ids = [name for name in table.columns if normalize_name(name) == "id"]
        if len(ids) != 1:
            fault = (
                "several columns named id" if ids else
                "no column of ids with a common name, such as id or item"
            )  # fmt: skip
            raise DataError(
                f"{table.description} has {fault}; its columns are {quote_names(table.columns)}: "
                'name the column, such as item="sku" (--items-id-column sku), or column_1 without '
                "a header."
            )
        item = ids[0]
    chosen = {
        "title": columns.title,
        "category": columns.categories,
        "image": columns.image,
    }
    return FoundColumns(
        item,
        *(
            find_column(role, table.columns, name, table=table.description)
            for role, name in chosen.items()
        ),
    )


def find_item_attributes(
    tables: Sequence[Table], columns: ItemColumns, found: Sequence[FoundColumns]
) -> list[AttributeColumn]:
    """Return the wanted attributes.

    Raises:
        DataError: A table lacks one, or its Parquet files have different columns.
    """
    attributes = find_attributes(tables, columns.attributes, found)
    for number, (table, names) in enumerate(zip(tables, found, strict=True)):
        others = [one.columns[number] for one in attributes]
        asked = {names.title: columns.title, names.category: columns.categories,
                 names.image: columns.image}  # fmt: skip
        required = [names.item, *(name for name, chosen in asked.items() if chosen)]
        required += others if list(columns.attributes) != [ALL] else []
        check_alike(table.parts, {name for name in (*names, *others) if name}, required)
    return attributes
