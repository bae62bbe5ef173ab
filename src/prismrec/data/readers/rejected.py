"""Rejected rows: the rows that cannot be used, counted per reason, with line numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from prismrec.data.readers.table import LINE, Table, has_several_files, place_of_row
from prismrec.errors import DataError

OVER_LINES = "a field contains a line break"
FILE, STATUS = "(file)", "(status)"
"""Columns of a frame next to ``LINE``: the number of the row's table, and either what its time is
or the reason why the row is rejected."""
UNREADABLE_TIME, NO_NUMBER = "time cannot be read", "is not a number"
"""A reason, and the end of one."""
DECIMALS = "write decimals with a point, such as 0.99"
SHOWN = 3
CALENDAR_US = -62_135_596_800_000_000, 253_402_300_799_999_999
"""The first and last microsecond of the years 1 to 9999."""


@dataclass(frozen=True)
class RejectedRows:
    """Rows that cannot be used, for one reason."""

    reason: str
    """Why they cannot be used, such as "time is missing"."""
    count: int
    """Number of rows."""
    lines: tuple[int, ...] = ()
    """The first three: lines of a text, or rows of a data frame or Parquet file, from 1."""
    examples: tuple[str, ...] = ()
    """The content of these lines, such as ``ann,B00A,31-12-2020``."""

    def __str__(self) -> str:
        """Return a short description: ``2 rows: time is missing (line 3: 'ann,B00A,')``."""
        first = f" (line {self.lines[0]:,}: {self.examples[0]!r})" if self.lines else ""
        return f"{self.count:,} row{'s' * (self.count != 1)}: {self.reason}{first}"


def find_rejected(
    rows: pl.LazyFrame, tables: Sequence[Table], counts: Mapping[str, int], *, show: Sequence[str]
) -> tuple[RejectedRows, ...]:
    """Find lines and examples of the rejected rows; the most frequent reason comes first.

    Args:
        rows: A frame with ``FILE``, ``LINE``, ``STATUS`` and the columns to show.
        tables: The tables, by the number in ``FILE``.
        counts: The number of rows per reason.
        show: The columns that make an example; those that are absent are left out.

    Cost: one pass per reason, up to its third row.
    """
    types = rows.collect_schema()
    text = pl.concat_str(
        [_shown(name, types[name]) for name in show if name in types], separator=","
    )
    reasons = sorted(counts, key=lambda reason: (-counts[reason], reason))
    samples = pl.collect_all(
        rows.filter(pl.col(STATUS) == reason).head(SHOWN).select(FILE, LINE, text.alias("text"))
        for reason in reasons
    )
    rejected = []
    for reason, sample in zip(reasons, samples, strict=True):
        lines, examples = [], []
        for file, line, example in sample.iter_rows():
            name, place = place_of_row(tables, file, line)
            lines.append(place)
            examples.append(f"{name}: {example}" if has_several_files(tables) else example)
        count = counts[reason]
        if reason == OVER_LINES:  # an unclosed quote joins lines, each of which was a row
            breaks = text.str.count_matches("\n", literal=True).sum()
            count += rows.filter(pl.col(STATUS) == reason).select(breaks).collect().item()
        rejected.append(RejectedRows(reason, count, tuple(lines), tuple(examples)))
    return tuple(rejected)


def _shown(name: str, dtype: pl.DataType) -> pl.Expr:
    """Return cells as text. Polars cannot print dates beyond its calendar: they are numbers."""
    cell = pl.col(name)
    if not dtype.is_temporal():
        return cell.cast(pl.String).fill_null("")
    within = cell.dt.epoch("us").is_between(*CALENDAR_US)
    printed = pl.when(within).then(cell).cast(pl.String)
    return pl.coalesce(printed, cell.to_physical().cast(pl.String), pl.lit(""))


def check_rejected(
    name: str, kept: int, rejected: Sequence[RejectedRows], *, strict: bool = False
) -> None:
    """Raise if too many rows are rejected.

    Raises:
        DataError: There are no rows; any row is rejected and ``strict`` is set; or more rows are
            rejected than kept. The message has counts, lines and their content.
    """
    count = sum(each.count for each in rejected)
    if strict and rejected:
        first = min(rejected, key=lambda each: each.lines)
        raise DataError(f"{name} has {first}; correct it, or read without strict to leave it out.")
    if count > kept:
        reasons = "; ".join(map(str, rejected))
        raise DataError(
            f"{name} has {count:,} rows of {count + kept:,} that cannot be used ({reasons}); "
            f"{_advice(rejected[0])}."
        )
    if kept == 0:
        raise DataError(f"{name} has no rows to use; give a source that has at least one.")


def _advice(rejected: RejectedRows) -> str:
    """Return what to do about the most frequent reason."""
    if rejected.reason == UNREADABLE_TIME:
        return (
            "give the format of the times as time_format, such as %d.%m.%Y or %m/%d/%Y %H:%M, or "
            "name another column of times"
        )
    if rejected.reason.endswith(NO_NUMBER) and any("," in text for text in rejected.examples):
        return DECIMALS
    return "correct them, or describe their format with the reading options"
