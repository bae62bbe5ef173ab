"""The weight of each row, and whether it is a dislike, from the columns of a table."""

from collections.abc import Mapping, Sequence

import polars as pl

from prismrec.data.readers.columns import NAMES, find_column, quote_names
from prismrec.data.readers.comparison import number_fault, numbers_in
from prismrec.data.readers.table import Table
from prismrec.data.readers.weighting import MAX_WEIGHT, Weighting
from prismrec.errors import DataError

WEIGHT, DISLIKED, WEIGHT_FAULT = "weight", "disliked", "(weight fault)"
"""Columns added to the rows of a log: float64, bool, and why a row has no weight, or null."""


def weight_columns(table: Table, event: str | None, weighting: Weighting) -> list[pl.Expr]:
    """Return the columns ``WEIGHT``, ``DISLIKED`` and ``WEIGHT_FAULT``, as far as asked for.

    Args:
        table: The table of the events.
        event: Name of its column of kinds, if it has one.
        weighting: What was asked for.

    Raises:
        DataError: A column is missing, or has values that are neither numbers nor text.
    """
    chosen, faults = [], []
    if weighting.has_weights:
        weight, fault = _weights(table, event, weighting)
        chosen.append(weight.alias(WEIGHT))
        faults.append(fault)
    if weighting.dislikes is not None:
        column = _compared_column(table, event, weighting.dislikes.column)
        matches, fault = weighting.dislikes.read(pl.col(column), _type_of(table, column))
        chosen.append(matches.fill_null(value=False).alias(DISLIKED))
        faults.append(fault)
    if faults:
        chosen.append(pl.coalesce(*faults).alias(WEIGHT_FAULT))
    return chosen


def used_columns(table: Table, event: str | None, weighting: Weighting) -> set[str]:
    """Return the names of the columns that ``weight_columns`` reads."""
    names = [weighting.column] if weighting.column is not None else []
    found = {find_column("weight", table.columns, name, table=table.description) for name in names}
    if weighting.dislikes is not None:
        found.add(_compared_column(table, event, weighting.dislikes.column))
    return {name for name in found if name is not None}


def _weights(table: Table, event: str | None, weighting: Weighting) -> tuple[pl.Expr, pl.Expr]:
    """Return the weight of each row, and why it has none, or null."""
    weight, fault = pl.lit(1.0), pl.lit(None, dtype=pl.String)
    if weighting.column is not None:
        column = find_column("weight", table.columns, weighting.column, table=table.description)
        cell, dtype = pl.col(str(column)), _type_of(table, str(column))
        weight = numbers_in(cell, dtype)
        fault = pl.coalesce(
            number_fault(cell, dtype, "weight"),
            pl.when(weight < 0).then(pl.lit("weight is negative")),
            pl.when(weight > MAX_WEIGHT).then(pl.lit(f"weight is above {MAX_WEIGHT:,.0f}")),
        )
    if weighting.kinds:
        if event is None:
            raise _no_event_column(table)
        kinds, values = list(weighting.kinds), list(weighting.kinds.values())
        factor = pl.col(event).cast(pl.String).replace_strict(
            kinds, values, default=1.0, return_dtype=pl.Float64
        )  # fmt: skip
        weight = (weight * factor).clip(upper_bound=MAX_WEIGHT)
    return weight, fault


def _compared_column(table: Table, event: str | None, name: str) -> str:
    """Return the column that a comparison names: by its name, or by its role."""
    named = next((c for c in table.columns if name in (c, c.partition(":")[0])), None)
    if named is not None:
        return named
    if name == "event" and event is not None:
        return event
    found = (
        find_column(name, table.columns, None, table=table.description) if name in NAMES else None
    )
    if found is None:
        raise DataError(
            f"The column {name!r} of the dislikes is not in {table.description}; choose one of its "
            f"columns: {quote_names(table.columns)}."
        )
    return found


def _type_of(table: Table, column: str) -> pl.DataType:
    """Return the type of a column of numbers or text."""
    dtype = table.frame.collect_schema()[column]
    if dtype.is_nested() or dtype.is_temporal() or dtype == pl.Binary:
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


def check_kinds_exist(kinds: Sequence[str], counts: Mapping[str, int], name: str) -> None:
    """Raise DataError if a kind with a weight is in no row."""
    absent = [kind for kind in kinds if kind not in counts]
    if absent:
        most = sorted(counts, key=lambda kind: (-counts[kind], kind))[:20]
        raise DataError(
            f"A weight was given to {', '.join(absent)}, which is in no row of {name}; choose from "
            f"{', '.join(f'{kind} ({counts[kind]:,} rows)' for kind in most)}."
        )
