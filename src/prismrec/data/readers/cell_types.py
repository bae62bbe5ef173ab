"""Types of columns whose cells can be read as text; of Parquet, Arrow and data frames."""

from typing import cast

import polars as pl

from prismrec.errors import DataError


def is_text(dtype: pl.DataType) -> bool:
    """Return whether cells are text, numbers, booleans, dates or times."""
    other = dtype.is_nested() or isinstance(dtype, pl.Object | pl.Binary | pl.Duration)
    return not other and not is_too_wide(dtype)


def is_too_wide(dtype: pl.DataType) -> bool:
    """Return whether cells are decimals of more than 38 digits, which Polars cannot read."""
    return isinstance(dtype, pl.Decimal) and dtype.precision > 38


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


def time_cells(column: str, dtype: pl.DataType, *, table: str) -> pl.Expr:
    """Return a column of times as numbers, dates or text.

    Args:
        column: Its name.
        dtype: Its type.
        table: Description of its table, for the message.

    Raises:
        DataError: The column is float32, or its type cannot contain times.
    """
    if dtype == pl.Float32:
        raise DataError(
            f"The time column {column!r} of {table} is float32, which cannot distinguish times "
            "less than 128 seconds apart; write the log again with int64 times."
        )
    if dtype in (pl.Categorical, pl.Enum):
        return pl.col(column).cast(pl.String)
    is_number = dtype.is_numeric() and not is_too_wide(dtype)
    if not (is_number or dtype in (pl.Date, pl.Datetime, pl.String)):
        raise DataError(
            f"The time column {column!r} of {table} is {dtype}; write it as numbers, dates or text."
        )
    return pl.col(column)
