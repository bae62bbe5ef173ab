"""The weight of each row, and whether it is a dislike, from the columns of a table."""

import polars as pl

from prismrec.data.readers.cell_types import is_text
from prismrec.data.readers.columns import NAMES, Columns, find_column, quote_names
from prismrec.data.readers.numbers import number_fault, numbers_in
from prismrec.data.readers.table import Table
from prismrec.data.readers.weighting import MAX_WEIGHT, Weighting
from prismrec.errors import DataError

WEIGHT, DISLIKED, WEIGHT_FAULT = "weight", "disliked", "(weight fault)"
"""Columns added to the rows of a log: float64, bool, and why a row has no weight, or null."""
WEIGHT_CELL = "(weight cell)"
"""The cells from which they are read, as text, to show a bad one."""
Used = tuple[str | None, str | None]
"""The columns of the weights and of the dislikes; None for what was not asked for."""


def used_columns(table: Table, event: str | None, weighting: Weighting) -> Used:
    """Find the columns that ``weight_columns`` reads.

    Args:
        table: The table of the events.
        event: Name of its column of kinds, if it has one.
        weighting: What was asked for.

    Raises:
        DataError: A column is missing, or two columns have its name.
    """
    weight = disliked = None
    if weighting.column is not None:
        weight = find_column("weight", table.columns, weighting.column, table=table.description)
    if weighting.dislikes is not None:
        disliked = _compared_column(table, event, weighting.dislikes.column)
    return weight, disliked


def compares_kinds(table: Table, columns: Columns) -> bool:
    """Return whether the dislikes of a table are found by the kinds of its events.

    Raises:
        DataError: A column is missing, or two columns have its name.
    """
    if columns.weighting.dislikes is None:
        return False
    event = find_column("event", table.columns, columns.event, table=table.description)
    return event is not None and used_columns(table, event, columns.weighting)[1] == event


def event_kinds(event: str) -> pl.Expr:
    """Return the kind of each event, without outer spaces, which have no meaning."""
    return pl.col(event).cast(pl.String).str.strip_chars()


def weight_columns(
    table: Table, event: str | None, weighting: Weighting, used: Used
) -> list[pl.Expr]:
    """Return the columns ``WEIGHT``, ``DISLIKED`` and ``WEIGHT_FAULT``, as far as asked for.

    With them comes ``WEIGHT_CELL``.

    Args:
        table: The table of the events.
        event: Name of its column of kinds, if it has one.
        weighting: What was asked for.
        used: From ``used_columns``.

    Raises:
        DataError: There is no column of kinds, or a column has values that are neither numbers nor
            text.
    """
    chosen, faults = [], []
    column, compared = used
    if weighting.has_weights:
        weight, fault = _weights(table, event, weighting, column)
        chosen.append(weight.alias(WEIGHT))
        faults.append(fault)
    if weighting.dislikes is not None and compared is not None:
        matches, fault = weighting.dislikes.read(pl.col(compared), _type_of(table, compared))
        chosen.append(matches.fill_null(value=False).alias(DISLIKED))
        faults.append(fault)
    if faults:
        chosen.append(pl.coalesce(*faults).alias(WEIGHT_FAULT))
        cells = [pl.col(name).cast(pl.String).fill_null("") for name in dict.fromkeys(used) if name]
        chosen.append(pl.concat_str(cells or [pl.lit("")], separator=",").alias(WEIGHT_CELL))
    return chosen


def _weights(
    table: Table, event: str | None, weighting: Weighting, column: str | None
) -> tuple[pl.Expr, pl.Expr]:
    """Return the weight of each row, and why it has none, or null."""
    weight, fault = pl.lit(1.0), pl.lit(None, dtype=pl.String)
    if column is not None:
        cell, dtype = pl.col(column), _type_of(table, column)
        weight, fault = numbers_in(cell, dtype), number_fault(cell, dtype, "weight")
    if weighting.kinds:
        if event is None:
            raise _no_event_column(table)
        kinds = [kind.strip() for kind in weighting.kinds]
        values = [float(value) for value in weighting.kinds.values()]
        weight = weight * event_kinds(event).replace_strict(
            kinds, values, default=1.0, return_dtype=pl.Float64
        )
    return weight, pl.coalesce(
        fault,
        pl.when(weight < 0).then(pl.lit("weight is negative")),
        pl.when(weight > MAX_WEIGHT).then(pl.lit(f"weight is above {MAX_WEIGHT:,.0f}")),
    )


def _compared_column(table: Table, event: str | None, name: str) -> str | None:
    """Return the column that a comparison names: by its name, or else by its role.

    Raises:
        DataError: There is no such column, or there are two.
    """
    columns = table.columns
    if not any(name in (each, each.partition(":")[0]) for each in columns):
        if name == "event" and event is not None:
            return event
        if name in NAMES:
            by_role = find_column(name, columns, None, table=table.description)
            if by_role is not None:
                return by_role
    return find_column("dislikes", columns, name, table=table.description)


def _type_of(table: Table, column: str) -> pl.DataType:
    """Return the type of a column of numbers or text."""
    dtype = table.frame.collect_schema()[column]
    if not is_text(dtype) or dtype.is_temporal():
        raise DataError(
            f"The column {column!r} of {table.description} is {dtype}, which is neither a number "
            "nor text; choose another column for weights or dislikes."
        )
    return dtype


def _no_event_column(table: Table) -> DataError:
    return DataError(
        f"Weights of kinds of events were given, but {table.description} has no event column among "
        f"{quote_names(table.columns)}; name the column, or leave the weights out."
    )
