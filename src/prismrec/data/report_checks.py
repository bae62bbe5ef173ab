"""Checks that use the counts of a report: rows, ties, kinds of events, sizes and categories."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.checks import (
    LogWarning,
    check_core,
    check_ids,
    check_shares,
    check_times,
    check_values,
    check_written_times,
    locate,
)
from prismrec.data.dataset import Dataset
from prismrec.data.events import EventLog
from prismrec.data.log_report import Core, LogReport
from prismrec.data.readers.categories import LEVELS
from prismrec.data.readers.rejected import RejectedRows

Ids = tuple[pl.Series, NDArray[np.int32] | None, NDArray[np.int64]]
"""Distinct ids, the place of each event's id among them if known, and the number of events per
id."""
TIES, NOT_DESCRIBED = 0.1, 0.5  # shares that are worth a warning
REJECTED, DUPLICATES = 0.01, 0.05  # shares that are serious


def check_rejected_rows(rejected: Sequence[RejectedRows], rows_read: int) -> Iterator[LogWarning]:
    """Yield one warning per reason to reject rows."""
    for each in rejected:
        share = each.count / rows_read
        yield LogWarning(
            name="rejected_rows", count=each.count, share=share, serious=share > REJECTED,
            sentence=f"Rejected rows: {each.count:,} ({share:.1%}): {each.reason}.",
            line=each.lines[0] if each.lines else None,
            example=each.examples[0][:80] if each.examples else None,
        )  # fmt: skip


def check_rows(report: LogReport, first: Mapping[str, int | None]) -> Iterator[LogWarning]:
    """Yield warnings about rejected rows, ties, duplicates and kinds of events.

    Args:
        report: The counts.
        first: The position of the first ``tied`` event and of the first ``exact`` duplicate.
    """
    yield from check_rejected_rows(report.rejected, report.rows_read)
    if report.tied_share is not None and report.tied_share > TIES:
        yield LogWarning(
            name="tied_events", count=round(report.tied_share * report.events),
            share=report.tied_share, position=first["tied"],
            sentence=f"{report.tied_share:.1%} of events have the same user and time as another "
            "event: they keep the order of the log, which may differ from the order in which they "
            "happened.",
        )  # fmt: skip
    yield from check_duplicates(report.exact_duplicates, report.events, first["exact"])
    if len(report.kinds) > 1:
        rest = report.events - max(report.kinds.values())
        yield LogWarning(
            name="kinds_of_events", count=len(report.kinds), share=rest / report.events,
            sentence=f"{len(report.kinds)} kinds of events are mixed; choose with --events, or use "
            "all.",
        )  # fmt: skip


def check_duplicates(count: int, events: int, position: int | None = None) -> Iterator[LogWarning]:
    """Yield a warning if events repeat an earlier event of the same user, item and time.

    Args:
        count: The number of such events.
        events: The number of all events.
        position: The position of the first such event.
    """
    if count:
        share = count / events
        yield LogWarning(
            name="exact_duplicates", count=count, share=share, serious=share > DUPLICATES,
            position=position,
            sentence=f"{count:,} events ({share:.1%}) are exact duplicates of another event; "
            "--duplicates drop-exact keeps only the first one.",
        )  # fmt: skip


def check_dislikes(how: Mapping[str, Any]) -> Iterator[LogWarning]:
    """Yield a warning if dislikes were asked for, but no event is one.

    Args:
        how: That of the data set.
    """
    if "dislikes" in how and not how["dislikes"]["events"]:
        yield LogWarning(
            name="no_dislikes", count=0, share=0.0, serious=True,
            sentence="No event is a dislike; is the value of --dislikes written as in the log?",
        )  # fmt: skip


def check_sizes(report: LogReport, min_events: int) -> Iterator[LogWarning]:
    """Yield warnings about filters that drop too much, short users and missing categories."""
    usable = usable_core(report.cores, min_events)
    if usable < min_events:
        yield LogWarning(
            name="nothing_remains", count=report.events, share=1.0, serious=True,
            sentence=f"No event remains with at least {min_events} per user and item; {usable} "
            "works.",
        )  # fmt: skip
    all_, kept = (
        next(core for core in report.cores if core.min_events == least) for least in (1, usable)
    )
    yield from check_core(
        (all_.users, all_.items, all_.events), (kept.users, kept.items, kept.events),
        f"{usable} events per user and item",
    )  # fmt: skip
    if report.users_of_one_event:
        share = report.users_of_one_event / report.users
        yield LogWarning(
            name="users_of_one_event", count=report.users_of_one_event, share=share,
            sentence=f"{report.users_of_one_event:,} users ({share:.1%}) have one event; they can "
            "get recommendations, but the model cannot learn from them.",
        )  # fmt: skip
    without = report.items_without_category
    if without is None:
        yield LogWarning(
            name="no_categories", count=report.items, share=1.0,
            sentence="There are no categories: without them, diversity has no effect.",
        )  # fmt: skip
    elif without:
        yield LogWarning(
            name="items_without_category", count=without, share=without / report.items,
            sentence=f"{without:,} of {report.items:,} items have no category; each of them counts "
            "as different from all other items.",
        )  # fmt: skip


def check_events(
    log: EventLog, ids: Mapping[str, Ids], times: NDArray[np.int64]
) -> Iterator[LogWarning]:
    """Yield warnings about ids, shares and times; positions are places in the arrays.

    Args:
        log: The log, for its types.
        ids: The ids of "user" and "item".
        times: Microseconds since 1970 UTC, one per event.
    """
    types = log.frame.collect_schema()
    for role, (names, codes, counts) in ids.items():
        if not types[role].is_integer():
            yield from check_ids(role, names, codes)
        yield from check_shares(role, names, counts, codes)
    if log.has_time:
        yield from check_times(times)


def check_source(log: EventLog) -> Iterator[LogWarning]:
    """Yield warnings about what is written in the source: times, and columns of values.

    Cost: a pass over the times, if they are text; two over columns of values.
    """
    if log.has_time:
        yield from check_written_times(log.rows)
    yield from check_values(log.rows, log.weighting)


def check_described(item_ids: pl.Series, described: pl.Series) -> Iterator[LogWarning]:
    """Yield a warning if fewer than half of the items of a log are in the file of items.

    Args:
        item_ids: Distinct ids of the log, as texts.
        described: Distinct ids of the file of items, as texts.
    """
    missing = item_ids.filter(~item_ids.is_in(described.implode()))
    share = len(missing) / max(len(item_ids), 1)
    if share > NOT_DESCRIBED and len(described):
        log_has, file_has = missing[0][:40], described[0][:40]
        yield LogWarning(
            name="items_not_described", count=len(missing), share=share,
            serious=len(missing) == len(item_ids),
            sentence=f"{len(missing):,} of {len(item_ids):,} items of the log are not in the file "
            f"of items; are the ids the same? The log has {log_has!r}, the file {file_has!r}.",
        )  # fmt: skip


def check_levels(categories: pl.Series | None) -> Iterator[LogWarning]:
    """Yield a warning if categories have levels, such as ``A > B > C``.

    Args:
        categories: The categories of all items, or None if there are none.
    """
    if categories is None:
        return
    distinct = categories.unique(maintain_order=True)
    leveled = distinct.filter(distinct.str.contains(LEVELS))
    if len(leveled):
        top = distinct.str.replace(f"{LEVELS}.*$", "").n_unique()
        yield LogWarning(
            name="categories_with_levels", count=len(leveled), share=len(leveled) / len(distinct),
            example=leveled[0][:80],
            sentence=f"{len(leveled):,} of {len(distinct):,} categories have levels; each is one "
            f"category of its own. --category-depth 1 keeps {top:,} categories of the first level.",
        )  # fmt: skip


def usable_core(cores: Sequence[Core], min_events: int) -> int:
    """Return the largest minimum up to ``min_events`` for which events remain."""
    return max((c.min_events for c in cores if c.events and c.min_events <= min_events), default=1)


def time_warnings(log: EventLog) -> list[LogWarning]:
    """Return the serious warnings about the times of a log, with lines.

    Cost: a pass over the times, two if they are text; 8 bytes per event.
    """
    if not log.has_time:
        return []
    times = log.frame.select("time").collect(engine="streaming").to_series().to_numpy()
    found = [*check_times(times), *check_written_times(log.rows)] if len(times) else []
    return [each for each in locate(found, log.rows) if each.serious]


def serious_warnings(log: EventLog, dataset: Dataset) -> list[LogWarning]:
    """Return the serious warnings about a log, computed from the data set that was built from it.

    Lines are known for rejected rows, rounded times and columns of values only; ``inspect_log``
    finds the others.

    Cost: one pass over the ids and arrays of the data set, and that of ``check_source``.
    """
    histories = dataset.histories
    ids: dict[str, Ids] = {
        "user": (dataset.users.ids, None, np.asarray(histories.lengths)),
        "item": (dataset.catalog.items.ids, None, dataset.catalog.count[1:]),
    }
    found = [
        *check_rejected_rows(log.rejected, log.rows_read),
        *check_events(log, ids, np.asarray(histories.times)),
        *locate([*check_source(log)], log.rows),
    ]
    how: Mapping[str, Any] = dataset.how
    found += check_dislikes(how)
    before, after = (
        (step["users"], step["items"], step["events"])
        for step in how["steps"][-2:]  # before the minima and after them
    )
    if how["duplicates"] == "keep":
        found += check_duplicates(how["exact_duplicates"], before[2])
    minima = f"{how['min_user_events']} events per user and {how['min_item_events']} per item"
    found += check_core(before, after, minima)
    # Positions are those of the data set, which is sorted by user.
    return [replace(each, position=None) for each in found if each.serious]
