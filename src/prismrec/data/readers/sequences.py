"""Read lines of sequences without a header: ``user item item …``, separated by spaces."""

import re
from pathlib import Path

import polars as pl

from prismrec.data.readers.table import FAULT, LINE, Table
from prismrec.data.readers.text import first_lines
from prismrec.errors import DataError

SAMPLE = 100  # lines inspected to distinguish sequences from events
_TIME = re.compile(r"\d{9,19}(\.\d*)?|\d{4}-\d\d-\d\d\S*|\d\d?:\d\d\S*")


def check_sequences(name: str, text: Path | bytes) -> None:
    """Raise if the lines look like ``user item time``: their times would be read as items.

    Raises:
        DataError: Each of the first lines has three or four words and ends in a time.
    """
    lines = [line.split() for _, line in first_lines(name, text, SAMPLE)]
    if all(len(words) in (3, 4) and _TIME.fullmatch(words[-1]) for words in lines):
        last = len(lines[0])
        raise DataError(
            f"{name} has no header, and its lines end in what looks like a time ({lines[0][-1]}); "
            f"name the columns of user, item and time, such as column_1, column_2 and column_{last}"
            ", or give the delimiter ' ' if all words of a line after the first are items."
        )


def sequence_table(name: str, text: Path | bytes) -> Table:
    """Return ``user item item …`` lines as events. Several lines of one user are joined."""
    words = (
        pl.col("text").str.strip_chars("\ufeff \t\r").str.replace_all(r"\s+", " ").str.split(" ")
    )
    frame = (
        pl.scan_lines(text, name="text", row_index_name=LINE, row_index_offset=1, glob=False)
        .select(LINE, pl.lit(None, dtype=pl.String).alias(FAULT), words.alias("words"))
        .filter(pl.col("words").list.first() != "")
        .select(LINE, FAULT, user=pl.col("words").list.first(), item=pl.col("words").list.slice(1))
        .explode("item", empty_as_null=True)
        .with_columns(time=pl.int_range(pl.len(), dtype=pl.Int64).over("user"))
    )
    return Table(name, frame, ["user", "item", "time"], text=text, is_sequences=True)
