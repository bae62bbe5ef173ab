"""Read lines of sequences without a header: ``user item item …``, separated by spaces."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from prismrec.data.readers.table import FAULT, LINE, Table
from prismrec.errors import DataError

TIME = re.compile(r"\d{9,19}([.,]\d*)?|\d{4}-\d\d-\d\d\S*|\d\d?:\d\d\S*|\d{8}T\d{4,6}\S*")
"""A word that looks like a time."""
MOST = 0.9  # share of the lines that must look alike: some lines of a table may be damaged


def check_sequences(name: str, lines: Sequence[str]) -> None:
    """Raise if the lines look like a table of events: times would be read as items.

    Raises:
        DataError: Most of the lines have the same number of words, three or more, and the words of
            one column look like times; or a first word occurs again, as the user of a table does.
    """
    rows = [line.split() for line in lines]
    width, count = Counter(map(len, rows)).most_common(1)[0]
    if width < 3 or count < MOST * len(rows):
        return
    rows = [row for row in rows if len(row) == width]
    for place in range(width - 1, 0, -1):
        words = [row[place] for row in rows]
        if sum(TIME.fullmatch(word) is not None for word in words) >= MOST * len(rows):
            raise DataError(
                f"{name} has no header, and column {place + 1} of its lines is what looks like a "
                f"time ({words[0][:80]}); {_advice(place + 1)}"
            )
    users = Counter(row[0] for row in rows)
    if len(rows) > 2 and max(users.values()) > 1 and len(users) < MOST * len(rows):
        raise DataError(
            f"{name} has no header, and each line has {width} words, with several lines per first "
            f"word, like a table of events; {_advice(width)}"
        )


def _advice(time: int) -> str:
    return (
        f"name the columns of user, item and time, such as column_1, column_2 and column_{time}, "
        "or give the delimiter ' ' if all words of a line after the first are items."
    )


def sequence_table(name: str, text: Path | bytes, skipped: int = 0) -> Table:
    """Return ``user item item …`` lines as events. Several lines of one user are joined.

    Args:
        name: Name of the table, for messages.
        text: The text.
        skipped: Number of lines before the first sequence.
    """
    words = (
        pl.col("text").str.strip_chars("\ufeff \t\r").str.replace_all(r"\s+", " ").str.split(" ")
    )
    is_comment = pl.col("words").list.first() == "#"
    fault = pl.when(is_comment).then(pl.lit("line is a comment")).alias(FAULT)
    # A comment is one row, however many words it has.
    marks = pl.when(is_comment).then(pl.col("words").list.head(1))
    items = marks.otherwise(pl.col("words").list.slice(1))
    frame = (
        pl.scan_lines(text, name="text", row_index_name=LINE, row_index_offset=1, glob=False)
        .filter(pl.col(LINE) > skipped)
        .select(LINE, words.alias("words"))
        .filter(pl.col("words").list.first() != "")
        .select(LINE, fault, user=pl.col("words").list.first(), item=items)
        .explode("item", empty_as_null=True)
        .with_columns(time=pl.int_range(pl.len(), dtype=pl.Int64).over("user"))
    )
    return Table(name, frame, ["user", "item", "time"], text=text, is_sequences=True)
