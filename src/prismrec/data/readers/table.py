"""An opened table: a lazy frame of its cells as they are written, and the line of each row.

A row that does not match the header has a ``fault``; no row is dropped silently.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path

import polars as pl

from prismrec.data.readers.text import stream
from prismrec.errors import DataError

LINE, FAULT = "(line)", "(fault)"
"""Columns added to each frame: the line (in a data frame the row, from 1), and the reason why the
row cannot be read, or null."""


@dataclass(frozen=True)
class Table:
    """One opened table. Opening reads only its first lines."""

    name: str
    """Name for messages: the file's name, or "the frame"."""
    frame: pl.LazyFrame
    columns: list[str]
    text: Path | bytes | None = None
    """The text of the cells, if the source is text."""
    is_sequences: bool = False
    """Whether the lines are ``user item item …``. The columns are then user, item and time, and
    the time is the position of the event among the events of its user, from 0."""
    delimiter: str | None = None

    @property
    def description(self) -> str:
        """The name and the delimiter, for messages about columns."""
        return self.name + (f" read with delimiter {self.delimiter!r}" if self.delimiter else "")


def numbered_table(name: str, frame: pl.LazyFrame) -> Table:
    """Return a table of a frame: its rows are numbered from 1 and none has a fault."""
    columns = frame.collect_schema().names()
    frame = frame.with_row_index(LINE, offset=1)
    return Table(name, frame.with_columns(pl.lit(None, dtype=pl.String).alias(FAULT)), columns)


def malformed(tables: Sequence[Table], error: Exception) -> DataError:
    """Return the error for tables that Polars cannot read.

    Cost: CSV is read again, row by row in Python, up to its first stray quote.
    """
    for table in tables:
        line = _stray_quote(table)
        if line is not None:
            return DataError(
                f"{table.name} has a quote in line {line:,} that is not closed or is followed by "
                "text; double the quotes inside a quoted field, or remove the stray quote."
            )
    reason = str(error).strip().partition("\n")[0]
    return DataError(f"{tables[0].name} cannot be read: {reason}; repair it or write it again.")


def physical_line(table: Table, row: int) -> int:
    """Return the line on which a row begins: quoted fields before it may contain line breaks.

    Cost: a pass over the table up to the row.
    """
    if table.delimiter is None:
        return row
    breaks = pl.sum_horizontal(pl.col(table.columns).str.count_matches("\n", literal=True))
    before = table.frame.filter(pl.col(LINE) < row).select(breaks.sum())
    return row + int(before.collect(engine="streaming").item())


def _stray_quote(table: Table) -> int | None:
    """Return the line of the first row with unmatched quotes; None if there is no such row."""
    if table.text is None or table.delimiter is None:
        return None
    line = 1
    with TextIOWrapper(stream(table.text), encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines, delimiter=table.delimiter, strict=True)
        try:
            for _ in reader:
                line = reader.line_num + 1
        except csv.Error:
            return line
    return None
