"""Numbers in text and in columns: weights, attributes, and the values of comparisons."""

import math
import re

import polars as pl

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""Pattern of a finite number as text; ``nan`` and ``inf`` are none."""


def parse_number(text: str) -> float | None:
    """Return the finite number that a text is; None if it is anything else."""
    if not re.fullmatch(NUMBER, text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def numbers_in(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Return cells as float64; null for text that is no number."""
    if not _is_text(dtype):
        return cell.cast(pl.Float64, strict=False)
    return _stripped(cell).cast(pl.Float64, strict=False)


def number_fault(cell: pl.Expr, dtype: pl.DataType, name: str) -> pl.Expr:
    """Return why a cell is not a finite number, or null."""
    number = numbers_in(cell, dtype)
    missing = cell.is_null()
    if _is_text(dtype):
        missing |= _stripped(cell) == ""
    return (
        pl.when(missing)
        .then(pl.lit(f"{name} is missing"))
        .when(number.is_null())
        .then(pl.lit(f"{name} is not a number"))
        .when(~number.is_finite())
        .then(pl.lit(f"{name} is not a finite number"))
    )


def _is_text(dtype: pl.DataType) -> bool:
    """Return whether cells are texts, in any encoding of Polars."""
    return isinstance(dtype, pl.String | pl.Categorical | pl.Enum)


def _stripped(cell: pl.Expr) -> pl.Expr:
    return cell.cast(pl.String).str.strip_chars()
