"""Types of columns whose cells can be read as text; of Parquet, Arrow and data frames."""

from typing import cast

import polars as pl

from prismrec.errors import DataError


def is_text(dtype: pl.DataType) -> bool:
    """Return whether cells are text, numbers, booleans, dates or times."""
    return not (dtype.is_nested() or isinstance(dtype, pl.Object | pl.Binary | pl.Duration))


def innermost(dtype: pl.DataType) -> tuple[int, pl.DataType]:
    """Return how many lists are around the values of a cell, and the type of these values."""
    depth = 0
    while isinstance(dtype, pl.List | pl.Array):
        depth, dtype = depth + 1, cast(pl.DataType, dtype.inner)
    return depth, dtype


def check_text(role: str, column: str, dtype: pl.DataType, *, table: str) -> None:
    """Raise DataError if a column cannot be read as text.

    Args:
        role: What the column is, for the message.
        column: Its name.
        dtype: Its type.
        table: Description of its table.
    """
    if not is_text(dtype):
        raise DataError(
            f"The {role} column {column!r} of {table} is {dtype}; write it as text or numbers, or "
            f"choose another {role} column."
        )
