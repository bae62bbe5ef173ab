"""What an opened source is: a lazy frame of its cells as they stand, and where each row is.

A row that cannot be what the header says has a ``fault``; nobody drops it in silence.
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
"""Added to each frame: the line (a frame's row, from 1), and why it cannot be read, or null."""


@dataclass(frozen=True)
class Table:
    """One opened source: of its cells only the first lines' are read."""

    name: str
    """What messages call it: the file's name, or "the frame"."""
    frame: pl.LazyFrame
    columns: list[str]
    text: Path | bytes | None = None
    """The text that the cells come from, if it is text."""
    is_sequences: bool = False
    """Whether it held ``user item item …`` lines; then the columns are user, item, time and a
    time is the event's place among its user's events, from 0."""
    delimiter: str | None = None

    @property
    def where(self) -> str:
        """Name the table, and how it was cut into columns, for messages about these."""
        return self.name + (f" read with delimiter {self.delimiter!r}" if self.delimiter else "")


def malformed(tables: Sequence[Table], error: Exception) -> DataError:
    """Say what is wrong with tables that Polars cannot read.

    Cost: CSV is read again, row by row in Python, as far as its first stray quote.
    """
    for table in tables:
        line = _stray_quote(table)
        if line is not None:
            return DataError(
                f"{table.name} has a quote in line {line:,} that is not closed, or that text "
                "follows; double the quotes inside of a quoted field, or drop the stray one."
            )
    said = str(error).strip().partition("\n")[0]
    return DataError(f"{tables[0].name} does not read: {said}; mend it or write it again.")


def physical_line(table: Table, row: int) -> int:
    """Give the line at which a row begins: quoted fields before it may run over lines.

    Cost: a pass over the table as far as the row.
    """
    if table.delimiter is None:
        return row
    breaks = pl.sum_horizontal(pl.col(table.columns).str.count_matches("\n", literal=True))
    before = table.frame.filter(pl.col(LINE) < row).select(breaks.sum())
    return row + int(before.collect(engine="streaming").item())


def _stray_quote(table: Table) -> int | None:
    """Give the line of the first row whose quotes do not match, if it is a delimited table."""
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
