"""Find the columns of a file of items: ids, titles, categories, pictures and attributes."""

from collections.abc import Iterator, Sequence
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

ROLES = {"title": "titles", "categories": "categories"}
EXAMPLES = {"title": "label", "categories": "brand"}
"""Names of columns that messages show."""


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
                'name the column, such as item="sku", or column_1 without a header.'
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


def missing_columns(
    tables: Sequence[Table], columns: ItemColumns, found: Sequence[FoundColumns]
) -> Iterator[str]:
    """Yield a note on the first table without titles or categories that has unread columns."""
    asked = {name.rpartition(":")[0] or name for name in columns.attributes}
    for table, names in zip(tables, found, strict=True):
        lacks = {"title": names.title, "categories": names.category}
        lacking = [role for role, name in lacks.items() if name is None]
        others = [
            name for name in table.columns
            if name and name not in names and asked.isdisjoint((name, name.partition(":")[0]))
        ]  # fmt: skip
        if lacking and others:
            examples = " or ".join(f'{role}="{EXAMPLES[role]}"' for role in lacking)
            yield (
                f"{table.description} has no column of "
                f"{' and none of '.join(ROLES[role] for role in lacking)} with a common name; its "
                f"other columns are {quote_names(others)}: name yours, such as {examples}."
            )
            return
