"""Read columns of ids: text, or whole numbers digit for digit; never floats, lists or objects."""

import polars as pl

from prismrec.data.readers.cell_types import is_too_wide
from prismrec.data.readers.json_lines import exact_ids
from prismrec.data.readers.table import FAULT, Table
from prismrec.errors import DataError

_TEXT = (pl.String, pl.Categorical, pl.Enum, pl.Null, pl.Int128, pl.UInt128)


def id_column(column: str, table: Table, role: str) -> tuple[pl.Expr, pl.Expr | None]:
    """Return a column of ids as text, int64 or uint64, and why a cell is no id, or null.

    The second expression is None if all cells are ids or missing.

    Args:
        column: Name of the column.
        table: The table that has it.
        role: "user" or "item", for the reason.

    Raises:
        DataError: The column has another type; for example floats, which lose digits of large ids.
    """
    if table.raw is not None:
        return exact_ids(column, role)
    dtype = table.frame.collect_schema()[column]
    is_wide = is_too_wide(dtype)
    if dtype in _TEXT or (isinstance(dtype, pl.Decimal) and dtype.scale == 0 and not is_wide):
        return pl.col(column).cast(pl.String), None
    if dtype.is_integer():
        return pl.col(column).cast(pl.UInt64 if dtype == pl.UInt64 else pl.Int64), None
    fault = (
        "has more than the 38 digits that can be read" if is_wide else "cannot store ids exactly"
    )
    raise DataError(
        f"The column {column!r} of {table.description} is {dtype}, which {fault}; convert it to "
        "whole numbers or text."
    )


def row_fault(*faults: pl.Expr | None) -> pl.Expr:
    """Return the first reason why a row cannot be read: the row itself, or one of its cells."""
    cells = [fault for fault in faults if fault is not None]
    return pl.coalesce(pl.col(FAULT), *cells).alias(FAULT) if cells else pl.col(FAULT)
