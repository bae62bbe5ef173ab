"""What a table holds that cannot be used: counted, named by line, and judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from prismrec.data.readers.table import LINE, Table, physical_line
from prismrec.errors import DataError

OVER_LINES = "a field runs over lines"
FILE, KIND = "(file)", "(kind)"
"""Beside ``LINE`` in a frame: the number of its table, and what each row is."""
SHOWN = 3


@dataclass(frozen=True)
class RejectedRows:
    """Rows that cannot be used, for one reason."""

    reason: str
    count: int
    lines: tuple[int, ...] = ()
    """The first three: lines of text, from 1, or rows of anything else, from 1."""
    examples: tuple[str, ...] = ()
    """What those hold, as in ``ann,B00A,31-12-2020``."""

    def __str__(self) -> str:
        """Say it in a few words: ``2 rows: time is missing (line 3: 'ann,B00A,')``."""
        first = f" (line {self.lines[0]:,}: {self.examples[0]!r})" if self.lines else ""
        return f"{self.count:,} row{'s' * (self.count != 1)}: {self.reason}{first}"


def find_rejected(
    rows: pl.LazyFrame, tables: Sequence[Table], counts: Mapping[str, int], *, show: Sequence[str]
) -> tuple[RejectedRows, ...]:
    """Name the rows to be refused, the most frequent reason first.

    Args:
        rows: ``FILE``, ``LINE``, ``KIND`` and the columns to show.
        tables: By the number in ``FILE``.
        counts: The kinds to be refused and how often each stands in ``rows``.
        show: Columns that make an example.

    Cost: for each reason one pass as far as its third row.
    """
    text = pl.concat_str(
        [pl.col(name).cast(pl.String).fill_null("") for name in show], separator=","
    )
    ordered = sorted(counts, key=lambda reason: (-counts[reason], reason))
    found = pl.collect_all(
        rows.filter(pl.col(KIND) == reason).head(SHOWN).select(FILE, LINE, text.alias("text"))
        for reason in ordered
    )
    refused = []
    for reason, first in zip(ordered, found, strict=True):
        lines, examples = [], []
        for file, line, example in first.iter_rows():
            lines.append(physical_line(tables[file], line))
            examples.append(f"{tables[file].name}: {example}" if len(tables) > 1 else example)
        count = counts[reason]
        if reason == OVER_LINES:  # an open quote swallows lines, each of which was a row
            breaks = text.str.count_matches("\n", literal=True).sum()
            count += rows.filter(pl.col(KIND) == reason).select(breaks).collect().item()
        refused.append(RejectedRows(reason, count, tuple(lines), tuple(examples)))
    return tuple(refused)


def check_rejected(
    name: str, kept: int, refused: Sequence[RejectedRows], *, strict: bool = False
) -> None:
    """Raise where rows were refused that may not be.

    Raises:
        DataError: There are no rows; any is refused though it is ``strict``; or more are refused
            than kept. The message has counts, lines and what these hold.
    """
    count = sum(each.count for each in refused)
    if strict and refused:
        first = min(refused, key=lambda each: each.lines)
        raise DataError(f"{name} has {first}; mend it, or read without strict to leave it out.")
    if count > kept:
        told = "; ".join(map(str, refused))
        raise DataError(
            f"{name} has {count:,} rows of {count + kept:,} that cannot be used ({told}); "
            "mend them, or tell by the options of reading how they are written."
        )
    if kept == 0:
        raise DataError(f"{name} has no rows to use; give a source that has at least one.")
