"""Convert cells to lists of categories: lists, nested lists, JSON, or text with separators.

Objects, such as ``[{"id": 28, "name": "Action"}]``, are an error: it is not known which of their
values is the name of the category.
"""

from collections.abc import Iterable

import polars as pl

from prismrec.data.readers.cell_types import innermost, is_text
from prismrec.data.readers.rejected import RejectedRows
from prismrec.errors import DataError

OBJECTS = "categories are objects, not names"
ADVICE = "give names or lists of names, or choose another column for the categories"
LEVELS = r"\s+>\s+"
"""Text between the levels of a category, as in ``Home > Kitchen > Tea``."""
_STRING = r'"(?:[^"\\]|\\.)*"'
# A JSON string with its quotes, or a number or word. Brackets and commas separate them.
_SCALAR = rf'{_STRING}|[^\[\],\s"]+'


def category_lists(
    column: str, dtype: pl.DataType, *, separator: str, table: str, depth: int | None = None
) -> pl.Expr:
    """Return the distinct categories of each cell, in order; an empty list for an empty cell.

    Args:
        column: Name of the column.
        dtype: Its type: text, numbers, or lists of these, nested to any depth. A text that as a
            whole is a JSON list is read as that list.
        separator: Separates the categories in other text. A column of RecBole's type
            ``:token_seq`` is separated by spaces instead. A cell without separator is one category.
        table: Description of the table, for the message.
        depth: Number of levels to keep of categories such as ``A > B > C``. None: all.

    Raises:
        DataError: The type is a type of objects, maps, bytes or durations.
    """
    lists_deep, inner = innermost(dtype)
    if isinstance(inner, pl.Struct | pl.Object):
        raise DataError(f"The column {column!r} of {table} is {dtype}: its {OBJECTS}; {ADVICE}.")
    if not is_text(inner):
        raise DataError(
            f"The column {column!r} of {table} is {dtype}, which cannot be read as categories; "
            f"{ADVICE}."
        )
    if lists_deep:
        nested: pl.DataType = pl.String()
        for _ in range(lists_deep):
            nested = pl.List(nested)
        lists = pl.col(column).cast(nested)
        for _ in range(lists_deep - 1):
            lists = lists.list.eval(pl.element().explode())
    else:
        between = " " if column.endswith(":token_seq") else separator
        text = pl.col(column).cast(pl.String)
        json = _json(text, "[")
        lists = pl.when(json.is_null()).then(text.str.split(between)).otherwise(_scalars(json))
    name = pl.element().str.strip_chars()
    if depth is not None:
        levels = name.str.replace_all(LEVELS, " > ").str.split(" > ")
        name = levels.list.head(depth).list.join(" > ")
    cleaned = lists.list.eval(name.filter(name != "")).list.drop_nulls()
    empty = pl.lit([], dtype=pl.List(pl.String))
    return cleaned.list.unique(maintain_order=True).fill_null(empty)


def object_faults(column: str, dtype: pl.DataType) -> pl.Expr:
    """Return ``OBJECTS`` for each cell whose text is JSON and contains an object; else null."""
    if dtype != pl.String:
        return pl.lit(None, dtype=pl.String)
    without_texts = _json(pl.col(column), "[", "{").str.replace_all(_STRING, "")
    return pl.when(without_texts.str.contains("{", literal=True)).then(pl.lit(OBJECTS))


def raise_for_objects(name: str, rejected: Iterable[RejectedRows]) -> None:
    """Raise if cells are objects: reading on would produce wrong categories or none.

    Raises:
        DataError: There are such cells; the message has the line of the first one.
    """
    for each in rejected:
        if each.reason == OBJECTS:
            raise DataError(f"{name} has {each}; {ADVICE}.")


def _json(text: pl.Expr, *starts: str) -> pl.Expr:
    """Return the cells that have one of these starts and are valid JSON; null for the others."""
    begins = pl.any_horizontal(text.str.starts_with(start) for start in starts)
    return pl.when(begins).then(text).str.json_path_match("$")


def _scalars(json: pl.Expr) -> pl.Expr:
    quoted = pl.element().str.starts_with('"')
    word = pl.when(pl.element() != "null").then(pl.element())
    text = pl.when(quoted).then(pl.element()).str.json_decode(pl.String)
    scalar = pl.when(quoted).then(text).otherwise(word)
    return json.str.extract_all(_SCALAR).list.eval(scalar)
