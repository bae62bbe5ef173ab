"""An event log: who took what and when, from any table; what cannot be used is counted and named.

    log = read_events("events.csv.gz")
    log = read_events("clicks/", columns=Columns(user="visitor"), keep_events=("buy",))
    log.frame      # lazy: user, item, time; perhaps event and category
    log.refused    # (Refused("time cannot be read", 2, (17, 40), ("ann,B00A,31-12-2020", …)),)

A log is read in two passes: one says of each row what it is, which chooses the unit of time and
counts what is refused; the other is the caller's, who collects ``frame``.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from prismrec.data.readers import times
from prismrec.data.readers.categories import category_lists, objects, refuse_objects
from prismrec.data.readers.columns import Columns, find, listed, require
from prismrec.data.readers.formats import Parsing, open_tables
from prismrec.data.readers.rejected import (
    FILE,
    KIND,
    OVER_LINES,
    RejectedRows,
    check_rejected,
    find_rejected,
)
from prismrec.data.readers.table import FAULT, LINE, Table, malformed
from prismrec.errors import DataError

OTHER = "another event"
COMIREC = {3: ("user", "item", "time")}
ANY_COLUMNS = Columns()


@dataclass(frozen=True, kw_only=True)
class EventLog:
    """Events with external ids, in the order of the log, none with a missing value.

    ``rows_read`` is ``rows_kept``, the rows refused and the ``events_left_out`` together.
    """

    frame: pl.LazyFrame
    """``user`` and ``item`` (text, or int64 or uint64 where the source has whole numbers),
    ``time`` (int64 microseconds since 1970 UTC), perhaps ``event`` (text) and ``category`` (lists
    of text)."""
    rows_read: int
    rows_kept: int
    source: str
    refused: tuple[RejectedRows, ...] = ()
    has_time: bool = True
    """False: the source has an order and nothing else, and time is the place in it, from 0."""
    time_unit: str = "us"
    """What the source's times were: s, ms, us, ns, date, auto-per-row or order."""
    events_left_out: int = 0
    """Rows that ``keep_events`` leaves out."""
    users_left_out: int = 0
    """Users who thereby lose all their events."""


def read_events(
    source: object, *, columns: Columns = ANY_COLUMNS, keep_events: Collection[str] = (),
    time_unit: times.TimeUnit = "auto", time_format: str | None = None,
    delimiter: str | None = None, encoding: str = "utf-8", strict: bool = False,
) -> EventLog:  # fmt: skip
    """Read an event log.

    Args:
        source: A path, glob or directory (see ``prismrec.data.readers.formats``), or any data frame.
        columns: Names of columns that are not common ones.
        keep_events: The kinds of event to keep; all, if empty.
        time_unit: Of numbers, where their size does not tell it; see ``prismrec.data.readers.times``.
        time_format: A ``strptime`` format, for dates that are not year first.
        delimiter: Between fields of text; told by the header if None.
        encoding: Of text.
        strict: Raise at the first row that cannot be used, rather than refuse it.

    Returns:
        The log. ``NA`` and ``007`` are ids; only an empty field is missing. A text ``category``
        is cut at ``|``, or at spaces where its name ends in ``:token_seq``.

    Raises:
        DataError: The source does not read, lacks a column, mixes units of time, has categories
            that are objects or none of ``keep_events``; or more rows are refused than kept.
        ConfigError: An unknown unit, encoding or delimiter.

    Cost: a streaming pass, and one to the first refused rows; memory O(1) for most sources.
    """
    times.check(time_unit)
    parsing = Parsing(delimiter=delimiter, encoding=encoding, given=columns.given, layouts=COMIREC)
    tables = open_tables(source, parsing)
    order = tables[0].is_sequences
    unit: str = "us" if order else time_unit  # places in a sequence are taken as they are
    try:
        rows = _together([_chosen(number, each, columns) for number, each in enumerate(tables)])
        dtype = rows.collect_schema()["time"]
        _check_events(rows, keep_events, tables[0])
        kind = times.kind(pl.col("time"), dtype, time_unit=unit, time_format=time_format)
        rows = rows.with_columns(_kind(kind, keep_events, tables[0]).alias(KIND))
        counts = dict(rows.group_by(KIND).len().collect(engine="streaming").iter_rows())
        unit = times.choose_unit(counts, unit)
        kept = times.accepted(unit)
        refused = _refused(rows, tables, counts, (*kept, OTHER))
        users_left_out = _users_left_out(rows, kept) if OTHER in counts else 0
    except pl.exceptions.PolarsError as error:
        raise malformed(tables, error) from error
    rows_kept = sum(counts.get(label, 0) for label in kept)
    name = str(source) if isinstance(source, str | Path) else tables[0].name
    refuse_objects(name, refused)
    check_rejected(name, rows_kept, refused, strict=strict)
    time = times.microseconds(pl.col("time"), dtype, unit=unit, time_format=time_format)
    if set(counts) - set(kept):  # else no row is looked at again, only the columns asked for
        rows = rows.filter(pl.col(KIND).is_in(kept))
    return EventLog(
        frame=rows.select("user", "item", time.alias("time"), "^event$", "^category$"),
        source=name, refused=refused, rows_kept=rows_kept,
        rows_read=rows_kept + counts.get(OTHER, 0) + sum(each.count for each in refused),
        has_time=not order, time_unit="order" if order else unit,
        events_left_out=counts.get(OTHER, 0), users_left_out=users_left_out,
    )  # fmt: skip


def id_of(column: str, dtype: pl.DataType, where: str) -> pl.Expr:
    """Give a column of ids as text, or as int64 or uint64 where it has whole numbers.

    Raises:
        DataError: Anything else; floats above all, which lose the digits of large ids.
    """
    if dtype.is_integer():
        return pl.col(column).cast(pl.UInt64 if dtype == pl.UInt64 else pl.Int64)
    if dtype in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        return pl.col(column).cast(pl.String)
    raise DataError(
        f"The column {column!r} of {where} is {dtype}, which cannot hold ids digit for digit; "
        "make it whole numbers or text."
    )


def _chosen(number: int, table: Table, columns: Columns) -> pl.LazyFrame:
    """Give the columns of each role, and where each row stands."""
    names = {
        role: require(role, table.columns, getattr(columns, role), where=table.where)
        for role in ("user", "item", "time")
    }
    schema = table.frame.collect_schema()
    chosen = [id_of(names[role], schema[names[role]], table.where).alias(role)
              for role in ("user", "item")]  # fmt: skip
    chosen.append(pl.col(names["time"]).alias("time"))
    event, category = (
        find(role, table.columns, getattr(columns, role), where=table.where)
        for role in ("event", "category")
    )
    if event is not None:
        chosen.append(pl.col(event).cast(pl.String).alias("event"))
    fault = pl.col(FAULT)
    if category is not None:
        lists = category_lists(category, schema[category], separator="|", where=table.where)
        chosen.append(lists.alias("category"))
        fault = pl.coalesce(fault, objects(category, schema[category])).alias(FAULT)
    return table.frame.select(pl.lit(number).alias(FILE), LINE, fault, *chosen)


def _together(rows: list[pl.LazyFrame]) -> pl.LazyFrame:
    """Put the rows of all files in one frame; not all need have the optional columns."""
    every = pl.concat(rows, how="diagonal")
    empty = {"event": pl.lit(""), "category": pl.lit([], dtype=pl.List(pl.String))}
    columns = every.collect_schema()
    return every.with_columns(
        pl.col(name).fill_null(value) for name, value in empty.items() if name in columns
    )


def _check_events(rows: pl.LazyFrame, keep_events: Collection[str], table: Table) -> None:
    """Refuse to keep kinds of event that the log does not have."""
    if not keep_events:
        return
    asked = ", ".join(keep_events)
    if "event" not in rows.collect_schema():
        raise DataError(
            f"keep_events asks for {asked}, but {table.where} has no event column among "
            f"{listed(table.columns)}; name it, or leave keep_events out."
        )
    found = dict(rows.group_by("event").len().collect(engine="streaming").iter_rows())
    absent = [event for event in keep_events if event not in found]
    if absent:
        most = sorted(found, key=lambda event: (-found[event], event))[:20]
        raise DataError(
            f"keep_events asks for {', '.join(absent)}, which no row of {table.name} is; choose "
            f"among {', '.join(f'{event} ({found[event]:,} rows)' for event in most)}."
        )


def _kind(time_kind: pl.Expr, keep_events: Collection[str], table: Table) -> pl.Expr:
    """Say of each row what its time is, or the first reason not to keep it."""
    ids = [pl.col(role).cast(pl.String).fill_null("") for role in ("user", "item")]
    checks = [(pl.col(FAULT).is_not_null(), pl.col(FAULT))]
    checks += [(ids[0] == "", pl.lit("user is missing")), (ids[1] == "", pl.lit("item is missing"))]
    if table.text is not None:
        broken = pl.any_horizontal(each.str.contains("\n", literal=True) for each in ids)
        checks.append((broken, pl.lit(OVER_LINES)))
    if keep_events:
        checks.append((~pl.col("event").is_in(list(keep_events)), pl.lit(OTHER)))
    kind = time_kind
    for found, label in reversed(checks):
        kind = pl.when(found).then(label).otherwise(kind)
    return kind


def _refused(
    rows: pl.LazyFrame, tables: Sequence[Table], counts: dict[str, int], good: Collection[str]
) -> tuple[RejectedRows, ...]:
    """Name what is refused; times that read but do not fit the column get their reason here."""
    reasons = {kind: times.reason(kind) for kind in counts if kind not in good}
    refused: Counter[str] = Counter()
    for kind, reason in reasons.items():
        refused[reason] += counts[kind]
    told = rows.with_columns(pl.col(KIND).replace(reasons))
    return find_rejected(told, tables, refused, show=("user", "item", "time"))


def _users_left_out(rows: pl.LazyFrame, kept: Sequence[str]) -> int:
    """Count the users of whose rows none is kept, though some might be."""
    is_kept = pl.col(KIND).is_in(kept)
    usable = rows.filter(is_kept | (pl.col(KIND) == OTHER))
    users = usable.group_by("user").agg(is_kept.any().alias("kept"))
    return int(users.select((~pl.col("kept")).sum()).collect(engine="streaming").item())
