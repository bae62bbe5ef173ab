"""Read an event log (user, item, time) from any table; count and report rows that cannot be used.

    log = read_events("events.csv.gz")
    log = read_events("clicks/", columns=Columns(user="visitor"), keep_events=("buy",))
    log.frame      # lazy: user, item, time; perhaps event and category
    log.rejected   # (RejectedRows("time cannot be read", 2, (17, 40), ("ann,B00A,31-12-2020", …)),)

A log is read in two passes. The first pass classifies each row, chooses the unit of time and counts
the rejected rows. The second pass is the caller's: it collects ``frame``.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from prismrec.data.readers import times
from prismrec.data.readers.base import Parsing
from prismrec.data.readers.categories import raise_for_objects
from prismrec.data.readers.columns import Columns
from prismrec.data.readers.open import open_tables
from prismrec.data.readers.rejected import (
    FILE,
    OVER_LINES,
    STATUS,
    RejectedRows,
    check_rejected,
    find_rejected,
)
from prismrec.data.readers.source_rows import SourceRows
from prismrec.data.readers.table import FAULT, LINE, Table, malformed, place_of_row
from prismrec.data.readers.weight_columns import (
    DISLIKED,
    WEIGHT,
    WEIGHT_CELL,
    WEIGHT_FAULT,
    compares_kinds,
)
from prismrec.data.readers.weighting import NO_WEIGHTING, Weighting
from prismrec.data.reprs import shorten
from prismrec.data.selecting import is_in_file_order, kinds_to_keep, select_rows
from prismrec.errors import DataError

SAMPLE = 1_000  # rows whose times are looked at first
OTHER = "another kind of event"
COMIREC = {3: ("user", "item", "time")}  # the columns of a file without a header
COMMON_NAMES = Columns()


@dataclass(frozen=True, kw_only=True)
class ReadPlan:
    """How a source was read, so that parts of it can be read in the same way elsewhere."""

    source: object
    """The source, as the caller wrote it."""
    columns: Columns
    keep_events: tuple[str, ...]
    given_unit: str
    """Unit of numeric times that the caller chose, or "auto"."""
    time_unit: str
    """Unit that was chosen for the whole source."""
    time_format: str | None

    def rows_of(self, table: Table) -> pl.LazyFrame:
        """Return the rows of a part of the source that the log keeps.

        The columns are ``LINE`` and those of ``EventLog.frame``.
        """
        rows = select_rows([table], self.columns, ())
        time, dtype = pl.col("time"), rows.collect_schema()["time"]
        kind = times.classify(
            time, dtype, time_unit=self.given_unit, time_format=self.time_format
        )  # fmt: skip
        status = _status(kind, self.keep_events, [table], self.columns.weighting)
        moment = times.to_microseconds(
            time, dtype, unit=self.time_unit, time_format=self.time_format
        )
        kept = rows.filter(status.is_in(times.accepted_kinds(self.time_unit)))
        return kept.select(LINE, "user", "item", moment.alias("time"), "^event$", "^category$")


@dataclass(frozen=True, kw_only=True, repr=False)
class EventLog:
    """Events with external ids, in the order of the log, without missing values.

    ``rows_read`` is the sum of ``rows_kept``, ``events_left_out`` and the rejected rows.
    """

    frame: pl.LazyFrame
    """Columns ``user`` and ``item`` (text, or int64 or uint64 if the source has whole numbers),
    ``time`` (int64 microseconds since 1970 UTC), and optionally ``event`` (text), ``category``
    (lists of text), ``weight`` (float64) and ``disliked`` (whether the event is a dislike)."""
    rows_read: int
    """Number of rows in the source."""
    rows_kept: int
    """Number of rows in ``frame``."""
    source: str
    """Path or name of the source."""
    rejected: tuple[RejectedRows, ...] = ()
    """The rows that cannot be used, by reason, the most frequent one first."""
    has_time: bool = True
    """False if the source has only an order; ``time`` is then the position in it, from 0."""
    time_unit: str = "us"
    """Unit of the source's times: s, ms, us, ns, date, auto-per-row or order."""
    events_left_out: int = 0
    """Number of usable rows that ``keep_events`` excludes."""
    users_left_out: int = 0
    """Number of users whose events are all excluded by ``keep_events``."""
    notes: tuple[str, ...] = ()
    """Sentences about lines that are not rows, such as comments above the header."""
    weighting: Weighting = NO_WEIGHTING
    """Where the weights and dislikes come from."""
    dislikes_by_kind: bool = False
    """Whether the dislikes are found by the kind of an event, not by another column."""
    rows: SourceRows | None = field(default=None, compare=False)
    """The rows of ``frame`` with their lines in the source; None if it was not read."""
    reading: ReadPlan | None = field(default=None, compare=False)
    """How the source was read; None if it was not read."""

    def __repr__(self) -> str:
        rejected = sum(each.count for each in self.rejected)
        counts = f"{self.rows_kept:,} rows kept, {rejected:,} rejected"
        return f"EventLog({counts}, source {shorten(self.source)})"


def read_events(
    source: object, *, columns: Columns = COMMON_NAMES, keep_events: Collection[str] = (),
    time_unit: times.TimeUnit = "auto", time_format: str | None = None,
    delimiter: str | None = None, encoding: str = "utf-8", strict: bool = False,
) -> EventLog:  # fmt: skip
    """Read an event log.

    Args:
        source: A path, glob or folder (see ``readers.open``), or a Polars, Pandas or Arrow frame.
        columns: Column names, if they are not common names; the order of the rows instead of
            times; how categories are read; weights and dislikes.
        keep_events: The kinds of event to keep. Empty: all. Outer spaces have no meaning.
        time_unit: Unit of numeric times. "auto": detect it by their size, see ``readers.times``.
        time_format: A ``strptime`` format, for dates that are not year first.
        delimiter: Character between fields of text. None: detect it in the header.
        encoding: Encoding of text.
        strict: Raise at the first row that cannot be used, instead of rejecting it.

    Returns:
        The log. ``NA`` and ``007`` are ids; only an empty field is missing. A text ``category``
        is separated by ``|``, or by spaces if the column's name ends in ``:token_seq``.

    Raises:
        DataError: The source cannot be read, lacks a column, mixes units of time, has categories
            that are objects, or lacks a kind of event; or more rows are rejected than kept.
        ConfigError: Unknown unit, encoding or delimiter; an option of categories is invalid; or an
            argument of another type.

    Cost: one streaming pass, and one up to the first rejected rows; memory O(1) for most sources.
    """
    times.check_unit(time_unit)
    times.check_format(time_format)
    keep_events = kinds_to_keep(keep_events, columns)
    parsing = Parsing(delimiter=delimiter, encoding=encoding, column_names=columns.names,
                      other_names=columns.weighting.compared, layouts=COMIREC)  # fmt: skip
    tables = open_tables(source, parsing)
    unit: str = time_unit
    if is_in_file_order(tables, columns):
        unit, time_format = "order", None
    try:
        log, dtype = _classify(tables, columns, keep_events, unit, time_format)
    except pl.exceptions.PolarsError as error:
        raise malformed(tables) from error
    name = str(source) if isinstance(source, str | Path) else tables[0].name
    raise_for_objects(name, log.rejected)
    check_rejected(name, log.rows_kept, log.rejected, strict=strict)
    unit = log.time_unit if log.has_time else "us"  # positions are not converted
    time = times.to_microseconds(pl.col("time"), dtype, unit=unit, time_format=time_format)
    optional = [f"^{name}$" for name in ("event", "category", WEIGHT, DISLIKED)]
    frame = log.frame.select("user", "item", time.alias("time"), *optional)
    reading = ReadPlan(
        source=source, columns=columns, keep_events=keep_events, given_unit=time_unit,
        time_unit=log.time_unit, time_format=time_format,
    )  # fmt: skip
    return replace(
        log, frame=frame, source=name, weighting=columns.weighting, reading=reading,
        dislikes_by_kind=compares_kinds(tables[0], columns),
    )  # fmt: skip


def _classify(
    tables: Sequence[Table], columns: Columns, keep_events: Collection[str],
    time_unit: str, time_format: str | None,
) -> tuple[EventLog, pl.DataType]:  # fmt: skip
    """Return the log with times as they are written, and their type. Counts the rejected rows."""
    has_time = time_unit != "order"
    unit = time_unit if has_time else "us"
    rows = select_rows(tables, columns, keep_events)
    dtype = rows.collect_schema()["time"]
    kind = times.classify(pl.col("time"), dtype, time_unit=unit, time_format=time_format)
    rows, counts = _count_statuses(rows, _status(kind, keep_events, tables, columns.weighting))
    if unit.startswith("auto") and time_format is None:
        _check_calendar(rows, counts, dtype, tables)
    unit = times.choose_unit(counts, unit)
    accepted = times.accepted_kinds(unit)
    rejected = _rejected(rows, tables, counts, (*accepted, OTHER))
    users_left_out = _users_left_out(rows, accepted) if OTHER in counts else 0
    if set(counts) - set(accepted):  # else only the needed columns are read again
        rows = rows.filter(pl.col(STATUS).is_in(accepted))
    rows_kept = sum(counts.get(label, 0) for label in accepted)
    log = EventLog(
        frame=rows, source="", rejected=rejected, rows_kept=rows_kept,
        rows_read=rows_kept + counts.get(OTHER, 0) + sum(each.count for each in rejected),
        has_time=has_time, time_unit=unit if has_time else "order",
        events_left_out=counts.get(OTHER, 0), users_left_out=users_left_out,
        notes=tuple(note for table in tables for note in table.notes),
        rows=SourceRows(rows, tables),
    )  # fmt: skip
    return log, dtype


def _count_statuses(rows: pl.LazyFrame, status: pl.Expr) -> tuple[pl.LazyFrame, dict[str, int]]:
    """Return the rows with the column ``STATUS``, and the number of rows per status."""
    rows = rows.with_columns(status.alias(STATUS))
    return rows, dict(rows.group_by(STATUS).len().collect(engine="streaming").iter_rows())


def _check_calendar(
    rows: pl.LazyFrame, counts: dict[str, int], dtype: pl.DataType, tables: Sequence[Table]
) -> None:
    """Raise if all numeric times are dates written as numbers, such as 20210203.

    Cost: a pass over the first rows; a pass over all only if those are dates.

    Raises:
        DataError: They are; the message has their format.
    """
    numbers = (times.SMALL, *times.UNITS)
    count = sum(counts.get(number, 0) for number in numbers)
    if dtype.is_temporal() or count == 0 or counts.get(times.DATE, 0) > count:
        return
    is_number = pl.col(STATUS).is_in(numbers)
    digits = times.digits_of(pl.col("time"))
    shown = [FILE, LINE, digits.alias("digits")]
    # The first rows only: Polars reads no further if the filter comes after them.
    sample = rows.head(SAMPLE).filter(is_number).select(shown).collect(engine="streaming")
    if sample.is_empty():
        sample = rows.filter(is_number).head(SAMPLE).select(shown).collect(engine="streaming")
    time_format = times.calendar_format(sample["digits"].to_list())
    if time_format is None:
        return
    other = rows.filter(is_number & ~digits.str.contains(f"^{times.CALENDAR}$")).head(1)
    if other.collect(engine="streaming").is_empty():
        file, line, text = sample.row(0)
        where = "{}, line {:,}: {}".format(*place_of_row(tables, file, line), text)
        raise DataError(
            f"The times are dates written as numbers ({where}), not numbers of seconds; give "
            f"time_format {time_format}, or the time_unit if they are numbers after all."
        )


def _status(
    time_kind: pl.Expr, keep_events: Collection[str], tables: Sequence[Table], weighting: Weighting
) -> pl.Expr:
    """Return the kind of each row's time, or the first reason not to keep the row."""
    ids = [pl.col(role).cast(pl.String).fill_null("") for role in ("user", "item")]
    checks = [(pl.col(FAULT).is_not_null(), pl.col(FAULT))]
    checks += [(ids[0] == "", pl.lit("user is missing")), (ids[1] == "", pl.lit("item is missing"))]
    if any(table.is_multiline for table in tables):
        broken = pl.any_horizontal(each.str.contains("\n", literal=True) for each in ids)
        checks.append((broken, pl.lit(OVER_LINES)))
    if keep_events:
        kept = pl.col("event").is_in(list(keep_events))
        if weighting.dislikes is not None:
            kept |= pl.col(DISLIKED)
        checks.append((~kept, pl.lit(OTHER)))
    if not weighting.is_empty:
        checks.append((pl.col(WEIGHT_FAULT).is_not_null(), pl.col(WEIGHT_FAULT)))
    status = time_kind
    for condition, label in reversed(checks):
        status = pl.when(condition).then(label).otherwise(status)
    return status


def _rejected(
    rows: pl.LazyFrame, tables: Sequence[Table], counts: dict[str, int], valid: Collection[str]
) -> tuple[RejectedRows, ...]:
    """Return the rejected rows, with a reason for valid times of another unit than the column's."""
    reasons = {status: times.rejection_reason(status) for status in counts if status not in valid}
    per_reason: Counter[str] = Counter()
    for status, reason in reasons.items():
        per_reason[reason] += counts[status]
    labelled = rows.with_columns(pl.col(STATUS).replace(reasons))
    return find_rejected(labelled, tables, per_reason, show=("user", "item", "time", WEIGHT_CELL))


def _users_left_out(rows: pl.LazyFrame, accepted: Sequence[str]) -> int:
    """Count the users who have usable rows but none of a kind to keep."""
    is_kept = pl.col(STATUS).is_in(accepted)
    usable = rows.filter(is_kept | (pl.col(STATUS) == OTHER))
    users = usable.group_by("user").agg(is_kept.any().alias("kept"))
    return int(users.select((~pl.col("kept")).sum()).collect(engine="streaming").item())
