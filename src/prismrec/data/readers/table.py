"""An opened table: a lazy frame of its cells as they are written, and the line of each row.

A row that does not match the header has a ``fault``; no row is dropped silently.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

import polars as pl

from prismrec.data.readers.parquet_files import count_rows, damaged_file, file_name
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
    is_multiline: bool = False
    """Whether a row may have several lines, because quoted fields may contain line breaks."""
    has_header: bool = True
    """False if the columns are named by their numbers or by a known layout."""
    raw: str | None = None
    """Name of the column of the frame with the JSON text of each row, if the source is JSON."""
    notes: tuple[str, ...] = ()
    """Sentences about what was skipped."""
    parts: tuple[Path, ...] = ()
    """The Parquet files of the table if there are several."""

    @cached_property
    def last_rows(self) -> list[int]:
        """The last row of each part. Reads the footers of the files."""
        return list(accumulate(map(count_rows, self.parts)))

    @property
    def description(self) -> str:
        """The name and the delimiter, for messages about columns."""
        return self.name + (f" read with delimiter {self.delimiter!r}" if self.delimiter else "")


def numbered_table(name: str, frame: pl.LazyFrame) -> Table:
    """Return a table of a frame: its rows are numbered from 1 and none has a fault."""
    columns = frame.collect_schema().names()
    frame = frame.with_row_index(LINE, offset=1)
    return Table(name, frame.with_columns(pl.lit(None, dtype=pl.String).alias(FAULT)), columns)


def malformed(tables: Sequence[Table]) -> DataError:
    """Return the error for tables that Polars cannot read, without the words of Polars.

    They are for programmers; the original error is the cause of this one.
    """
    table = tables[0]
    name = damaged_file(table.parts) or table.name
    return DataError(
        f"{name} cannot be read: it is damaged or incomplete; repair it or write it again."
    )


def place_of_row(tables: Sequence[Table], number: int, row: int) -> tuple[str, int]:
    """Return the name of the file or frame of a row, and the line of the row in it.

    Args:
        tables: All tables of the source.
        number: The table of the row.
        row: The number of the row, or of its line, in the table.
    """
    table = tables[number]
    if not table.parts:
        return table.name, physical_line(table, row)
    part = bisect_left(table.last_rows, row)
    before = table.last_rows[part - 1] if part else 0
    return file_name(table.parts[part], table.parts), row - before


def has_several_files(tables: Sequence[Table]) -> bool:
    """Return whether a row needs the name of its file next to its line."""
    return len(tables) > 1 or bool(tables[0].parts)


def physical_line(table: Table, row: int) -> int:
    """Return the line on which a row begins: quoted fields before it may contain line breaks.

    Cost: O(1); a pass over the table up to the row if it has quotes.
    """
    if not table.is_multiline:
        return row
    cells = [name for name in table.frame.collect_schema() if name not in (LINE, FAULT)]
    breaks = pl.sum_horizontal(pl.col(cells).str.count_matches("\n", literal=True))
    before = table.frame.filter(pl.col(LINE) < row).select(breaks.sum())
    return row + int(before.collect(engine="streaming").item())
