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
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from prismrec.data.readers import times
from prismrec.data.readers.base import Parsing
from prismrec.data.readers.categories import category_lists, object_faults, raise_for_objects
from prismrec.data.readers.columns import Columns, find_column, quote_names, require_column
from prismrec.data.readers.open import open_tables
from prismrec.data.readers.rejected import (
    FILE,
    OVER_LINES,
    STATUS,
    RejectedRows,
    check_rejected,
    find_rejected,
)
from prismrec.data.readers.table import FAULT, LINE, Table, malformed
from prismrec.data.reprs import shorten
from prismrec.errors import DataError

OTHER = "another kind of event"
COMIREC = {3: ("user", "item", "time")}  # the columns of a file without a header
COMMON_NAMES = Columns()


@dataclass(frozen=True, kw_only=True, repr=False)
class EventLog:
    """Events with external ids, in the order of the log, without missing values.

    ``rows_read`` is the sum of ``rows_kept``, ``events_left_out`` and the rejected rows.
    """

    frame: pl.LazyFrame
    """Columns ``user`` and ``item`` (text, or int64 or uint64 if the source has whole numbers),
    ``time`` (int64 microseconds since 1970 UTC), and optionally ``event`` (text) and ``category``
    (lists of text)."""
    rows_read: int
    """Number of rows in the source."""
    rows_kept: int
    """Number of rows in ``frame``."""
    source: str
    """Path or name of the source."""
    rejected: tuple[RejectedRows, ...] = ()
    has_time: bool = True
    """False if the source has only an order; ``time`` is then the position in it, from 0."""
    time_unit: str = "us"
    """Unit of the source's times: s, ms, us, ns, date, auto-per-row or order."""
    events_left_out: int = 0
    """Number of usable rows that ``keep_events`` excludes."""
    users_left_out: int = 0
    """Number of users whose events are all excluded by ``keep_events``."""

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
        columns: Column names, if they are not common names.
        keep_events: The kinds of event to keep. Empty: all.
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
            that are objects, or has none of ``keep_events``; or more rows are rejected than kept.
        ConfigError: Unknown unit, encoding or delimiter.

    Cost: one streaming pass, and one up to the first rejected rows; memory O(1) for most sources.
    """
    times.check_unit(time_unit)
    parsing = Parsing(
        delimiter=delimiter, encoding=encoding, column_names=columns.names, layouts=COMIREC
    )
    tables = open_tables(source, parsing)
    is_order = tables[0].is_sequences
    unit: str = "us" if is_order else time_unit  # positions in a sequence are not converted
    try:
        rows = _select_rows(tables, columns, keep_events)
        dtype = rows.collect_schema()["time"]
        kind = times.classify(pl.col("time"), dtype, time_unit=unit, time_format=time_format)
        rows, counts = _count_statuses(rows, _status(kind, keep_events, tables[0]))
        unit = times.choose_unit(counts, unit)
        accepted = times.accepted_kinds(unit)
        rejected = _rejected(rows, tables, counts, (*accepted, OTHER))
        users_left_out = _users_left_out(rows, accepted) if OTHER in counts else 0
    except pl.exceptions.PolarsError as error:
        raise malformed(tables, error) from error
    rows_kept = sum(counts.get(label, 0) for label in accepted)
    name = str(source) if isinstance(source, str | Path) else tables[0].name
    raise_for_objects(name, rejected)
    check_rejected(name, rows_kept, rejected, strict=strict)
    time = times.to_microseconds(pl.col("time"), dtype, unit=unit, time_format=time_format)
    if set(counts) - set(accepted):  # else only the needed columns are read again
        rows = rows.filter(pl.col(STATUS).is_in(accepted))
    return EventLog(
        frame=rows.select("user", "item", time.alias("time"), "^event$", "^category$"),
        source=name, rejected=rejected, rows_kept=rows_kept,
        rows_read=rows_kept + counts.get(OTHER, 0) + sum(each.count for each in rejected),
        has_time=not is_order, time_unit="order" if is_order else unit,
        events_left_out=counts.get(OTHER, 0), users_left_out=users_left_out,
    )  # fmt: skip


def _select_rows(
    tables: Sequence[Table], columns: Columns, keep_events: Collection[str]
) -> pl.LazyFrame:
    """Return the columns of all tables as one frame.

    Raises:
        DataError: A column is missing, or no row has one of ``keep_events``.
    """
    rows = _concatenate(
        [_select_columns(number, each, columns) for number, each in enumerate(tables)]
    )
    _check_kinds(rows, keep_events, tables[0])
    return rows


def _count_statuses(rows: pl.LazyFrame, status: pl.Expr) -> tuple[pl.LazyFrame, dict[str, int]]:
    """Return the rows with the column ``STATUS``, and the number of rows per status."""
    rows = rows.with_columns(status.alias(STATUS))
    return rows, dict(rows.group_by(STATUS).len().collect(engine="streaming").iter_rows())


def id_column(column: str, dtype: pl.DataType, table: str) -> pl.Expr:
    """Return a column of ids as text, or as int64 or uint64 if it has whole numbers.

    Raises:
        DataError: Any other type; for example floats, which lose digits of large ids.
    """
    if dtype.is_integer():
        return pl.col(column).cast(pl.UInt64 if dtype == pl.UInt64 else pl.Int64)
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return pl.col(column).cast(pl.String)
    raise DataError(
        f"The column {column!r} of {table} is {dtype}, which cannot store ids exactly; "
        "convert it to whole numbers or text."
    )


def _select_columns(number: int, table: Table, columns: Columns) -> pl.LazyFrame:
    """Return the columns of each role, and the table and line of each row."""
    names = {
        role: require_column(role, table.columns, getattr(columns, role), table=table.description)
        for role in ("user", "item", "time")
    }
    schema = table.frame.collect_schema()
    chosen = [id_column(names[role], schema[names[role]], table.description).alias(role)
              for role in ("user", "item")]  # fmt: skip
    chosen.append(pl.col(names["time"]).alias("time"))
    event, category = (
        find_column(role, table.columns, getattr(columns, role), table=table.description)
        for role in ("event", "category")
    )
    if event is not None:
        chosen.append(pl.col(event).cast(pl.String).alias("event"))
    fault = pl.col(FAULT)
    if category is not None:
        lists = category_lists(category, schema[category], separator="|", table=table.description)
        chosen.append(lists.alias("category"))
        fault = pl.coalesce(fault, object_faults(category, schema[category])).alias(FAULT)
    return table.frame.select(pl.lit(number).alias(FILE), LINE, fault, *chosen)


def _concatenate(rows: list[pl.LazyFrame]) -> pl.LazyFrame:
    """Return the rows of all files as one frame. Optional columns may be missing in some files."""
    every = pl.concat(rows, how="diagonal")
    empty = {"event": pl.lit(""), "category": pl.lit([], dtype=pl.List(pl.String))}
    columns = every.collect_schema()
    return every.with_columns(
        pl.col(name).fill_null(value) for name, value in empty.items() if name in columns
    )


def _check_kinds(rows: pl.LazyFrame, keep_events: Collection[str], table: Table) -> None:
    """Raise DataError if a kind of event to keep is not in the log."""
    if not keep_events:
        return
    if "event" not in rows.collect_schema():
        raise DataError(
            f"keep_events is {', '.join(keep_events)}, but {table.description} has no event column "
            f"among {quote_names(table.columns)}; name the column, or leave keep_events out."
        )
    counts = dict(rows.group_by("event").len().collect(engine="streaming").iter_rows())
    absent = [event for event in keep_events if event not in counts]
    if absent:
        most = sorted(counts, key=lambda event: (-counts[event], event))[:20]
        raise DataError(
            f"keep_events contains {', '.join(absent)}, which is in no row of {table.name}; choose "
            f"from {', '.join(f'{event} ({counts[event]:,} rows)' for event in most)}."
        )


def _status(time_kind: pl.Expr, keep_events: Collection[str], table: Table) -> pl.Expr:
    """Return the kind of each row's time, or the first reason not to keep the row."""
    ids = [pl.col(role).cast(pl.String).fill_null("") for role in ("user", "item")]
    checks = [(pl.col(FAULT).is_not_null(), pl.col(FAULT))]
    checks += [(ids[0] == "", pl.lit("user is missing")), (ids[1] == "", pl.lit("item is missing"))]
    if table.text is not None:
        broken = pl.any_horizontal(each.str.contains("\n", literal=True) for each in ids)
        checks.append((broken, pl.lit(OVER_LINES)))
    if keep_events:
        checks.append((~pl.col("event").is_in(list(keep_events)), pl.lit(OTHER)))
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
    return find_rejected(labelled, tables, per_reason, show=("user", "item", "time"))


def _users_left_out(rows: pl.LazyFrame, accepted: Sequence[str]) -> int:
    """Count the users who have usable rows but none of a kind to keep."""
    is_kept = pl.col(STATUS).is_in(accepted)
    usable = rows.filter(is_kept | (pl.col(STATUS) == OTHER))
    users = usable.group_by("user").agg(is_kept.any().alias("kept"))
    return int(users.select((~pl.col("kept")).sum()).collect(engine="streaming").item())
