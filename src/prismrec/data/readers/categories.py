"""Categories in a cell: a list, nested lists, JSON, or text with separators, made one list.

Objects, such as ``[{"id": 28, "name": "Action"}]``, are refused: which of their values is the
category's name cannot be told.
"""

from collections.abc import Iterable
from typing import cast

import polars as pl

from prismrec.data.readers.rejected import RejectedRows
from prismrec.errors import DataError

OBJECTS = "categories are objects, not names"
ADVICE = "give names or lists of names, or name another column for the categories"
_STRING = r'"(?:[^"\\]|\\.)*"'
# A string of JSON with its quotes, or a number or word; brackets and commas fall between.
_SCALAR = rf'{_STRING}|[^\[\],\s"]+'


def category_lists(column: str, dtype: pl.DataType, *, separator: str, where: str) -> pl.Expr:
    """Give the distinct categories of each cell, in order; an empty list where there are none.

    Args:
        column: Name of the cells' column.
        dtype: Their type: text, numbers, or lists of these, however deep. Text that as a whole is
            a list of JSON is that list.
        separator: Cuts other text, but for a column of RecBole's type ``:token_seq``, which is
            cut at spaces; a cell without it is one category.
        where: The table, for the message.

    Raises:
        DataError: The type is one of objects.
    """
    depth, inner = 0, dtype
    while isinstance(inner, pl.List | pl.Array):
        depth, inner = depth + 1, cast(pl.DataType, inner.inner)
    if isinstance(inner, pl.Struct | pl.Object):
        raise DataError(f"The column {column!r} of {where} is {dtype}: its {OBJECTS}; {ADVICE}.")
    if depth:
        lists: pl.DataType = pl.String()
        for _ in range(depth):
            lists = pl.List(lists)
        found = pl.col(column).cast(lists)
        for _ in range(depth - 1):
            found = found.list.eval(pl.element().explode())
    else:
        between = " " if column.endswith(":token_seq") else separator
        text = pl.col(column).cast(pl.String)
        json = _json(text, "[")
        found = pl.when(json.is_null()).then(text.str.split(between)).otherwise(_scalars(json))
    name = pl.element().str.strip_chars()
    cleaned = found.list.eval(name.filter(name != "")).list.drop_nulls()
    empty = pl.lit([], dtype=pl.List(pl.String))
    return cleaned.list.unique(maintain_order=True).fill_null(empty)


def objects(column: str, dtype: pl.DataType) -> pl.Expr:
    """Give the fault of each cell that is text of JSON and holds an object; else null."""
    if dtype != pl.String:
        return pl.lit(None, dtype=pl.String)
    without_texts = _json(pl.col(column), "[", "{").str.replace_all(_STRING, "")
    return pl.when(without_texts.str.contains("{", literal=True)).then(pl.lit(OBJECTS))


def refuse_objects(name: str, refused: Iterable[RejectedRows]) -> None:
    """Raise where cells are objects: to go on would make categories of them, or of nothing.

    Raises:
        DataError: There are such cells; the message has the first one's line.
    """
    for each in refused:
        if each.reason == OBJECTS:
            raise DataError(f"{name} has {each}; {ADVICE}.")


def _json(text: pl.Expr, *starts: str) -> pl.Expr:
    """Give the cells that begin so and are JSON as a whole; null in place of the others."""
    begins = pl.any_horizontal(text.str.starts_with(start) for start in starts)
    return pl.when(begins).then(text).str.json_path_match("$")


def _scalars(json: pl.Expr) -> pl.Expr:
    quoted = pl.element().str.starts_with('"')
    word = pl.when(pl.element() != "null").then(pl.element())
    text = pl.when(quoted).then(pl.element()).str.json_decode(pl.String)
    scalar = pl.when(quoted).then(text).otherwise(word)
    return json.str.extract_all(_SCALAR).list.eval(scalar)
