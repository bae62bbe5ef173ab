"""Check an event log: report problems, the effect of each filter, and the next command.

report = inspect_log(read_events("events.csv"), read_items("items.csv"))
for line in report.lines():         # at most 80 columns wide
    print(line)
report.to_json()["cores"]           # the counts if all users and items have 1, 2, 5, 10 events
report.warnings[0].line             # a line that shows the first problem
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.build_catalog import categories_source
from prismrec.data.checks import locate
from prismrec.data.events import EventLog
from prismrec.data.filtering import MIN_EVENTS, count_codes, encode_ids, find_duplicates, k_core
from prismrec.data.items import ItemDescriptions, items_from_log
from prismrec.data.log_report import FEW, Core, LogReport
from prismrec.data.report_checks import (
    Ids,
    check_described,
    check_events,
    check_levels,
    check_rows,
    check_sizes,
    check_source,
    usable_core,
)
from prismrec.data.reprs import written_time

CORES = (1, 2, 5, 10)


def inspect_log(
    log: EventLog, items: ItemDescriptions | None = None, *, min_events: int = MIN_EVENTS,
    flags: Sequence[str] = (),
) -> LogReport:  # fmt: skip
    """Check a log for problems, and count what each filter keeps.

    Args:
        log: The events.
        items: Categories of the items. None, or none of them: use those of the log, if it has any.
        min_events: Desired minimum number of events per user and item. The next command uses the
            largest value of ``CORES`` up to this for which events remain.
        flags: Words of the command line with which the log was read, for the next command.

    Cost: O(E log E) time, less if the log is in time order; memory about 60 bytes per event.
    """
    user_ids, users = encode_ids(log.frame, "user")
    item_ids, codes = encode_ids(log.frame, "item")
    times = log.frame.select("time").collect().to_series().to_numpy()
    order = np.lexsort((times, users))
    tied, exact, repeats = find_duplicates(
        {"user": users[order], "item": codes[order], "time": times[order]}
    )
    lengths, counts = count_codes(users), count_codes(codes)
    columns = log.frame.collect_schema().names()
    described = [] if items is None else [*check_described(item_ids, items.frame["item"])]
    source = categories_source(log, items)
    used = items_from_log(log) if source == "log" else items
    several, without = (None, None) if used is None else _count_categories(item_ids, used)
    categories = None if used is None else used.frame["categories"].explode().drop_nulls()
    report = LogReport(
        source=log.source, rows_read=log.rows_read, rejected=log.rejected,
        events_left_out=log.events_left_out, users_left_out=log.users_left_out,
        events=len(users), users=len(lengths), items=len(item_ids), warnings=(),
        kinds=_kinds(log.frame) if "event" in columns else {},
        time_unit=log.time_unit,
        first=written_time(int(times.min())) if log.has_time else None,
        last=written_time(int(times.max())) if log.has_time else None,
        tied_share=float(tied.mean()) if log.has_time else None,
        exact_duplicates=int(exact.sum()), repeats=int(repeats.sum()),
        users_of_one_event=int((lengths == 1).sum()),
        users_of_few_events=int((lengths <= FEW).sum()),
        items_of_several_categories=several, items_without_category=without,
        cores=tuple(_cores(users, codes)), verdict=(), next_command="", notes=_notes(log, items),
        categories=None if categories is None else categories.n_unique(), categories_from=source,
    )  # fmt: skip
    first = {"tied": _first(order, tied), "exact": _first(order, exact)}
    ids: dict[str, Ids] = {"user": (user_ids, users, lengths), "item": (item_ids, codes, counts)}
    found = [
        *check_rows(report, first), *check_events(log, ids, times), *check_source(log),
        *check_sizes(report, min_events), *check_levels(categories), *described,
    ]  # fmt: skip
    warnings = sorted(locate(found, log.rows), key=lambda each: not each.serious)
    usable = usable_core(report.cores, min_events)
    verdict = "Usable, but check this first:" if warnings else "Looks ready."
    if usable == 1:
        verdict = "Too sparse for training: almost no user or item occurs twice."
    return replace(
        report, warnings=tuple(warnings), verdict=(verdict, *map(str, warnings)),
        next_command=_command(report, usable, flags),
    )  # fmt: skip


def _first(order: NDArray[np.int64], mask: NDArray[np.bool_]) -> int | None:
    """Return the first row of the log whose sorted event is in the mask."""
    return int(order[mask].min()) if mask.any() else None


def _notes(log: EventLog, items: ItemDescriptions | None) -> tuple[str, ...]:
    """Return the notes of the log and of the file of items."""
    of_items = () if items is None else items.notes
    return (*log.notes, *(f"in the file of items: {note}" for note in of_items))


def _kinds(frame: pl.LazyFrame) -> dict[str, int]:
    counted = frame.group_by("event").len().sort("len", "event", descending=[True, False])
    return dict(counted.collect(engine="streaming").iter_rows())


def _count_categories(item_ids: pl.Series, items: ItemDescriptions) -> tuple[int, int]:
    """Count the items of the log with several categories, and those without."""
    counts = items.frame.select("item", number=pl.col("categories").list.len())
    numbers = item_ids.alias("item").to_frame().join(counts, on="item", how="left")["number"]
    return int((numbers > 1).sum()), int((numbers.fill_null(0) == 0).sum())


def _cores(users: NDArray[np.int32], items: NDArray[np.int32]) -> Iterator[Core]:
    """Yield the counts of each filter. A filter is applied to the result of the smaller one."""
    for least in CORES:
        kept = k_core(users, items, min_user_events=least, min_item_events=least)
        users, items = users[kept], items[kept]
        user_count, item_count = (np.count_nonzero(count_codes(codes)) for codes in (users, items))
        yield Core(least, int(user_count), int(item_count), len(users))


def _command(report: LogReport, least: int, flags: Sequence[str]) -> str:
    words = ["prismrec", "prepare", report.source, "--out", "data/", *flags]
    if least != MIN_EVENTS:
        words += ["--min-user-events", str(least), "--min-item-events", str(least)]
    if report.exact_duplicates:
        words += ["--duplicates", "drop-exact"]
    return shlex.join(words)
