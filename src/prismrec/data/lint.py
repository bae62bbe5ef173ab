"""The linter of an event log: what is odd about it, what each filter would drop, what to do next.

report = inspect_log(read_events("events.csv"), read_items("items.csv"))
report.lines()               # for people, at most 80 columns wide
report.to_json()["cores"]    # what is left where all have 1, 2, 5, 10 events
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from textwrap import wrap

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.dataset import encode, k_core, sameness
from prismrec.data.events import EventLog
from prismrec.data.items import ItemDescriptions, items_from_log
from prismrec.data.readers.rejected import RejectedRows

CORES = (1, 2, 5, 10)
DEFAULT = 5  # what ``prepare`` asks for unless told
FEW = 4  # events of a user too short for a history, a validation and a test of its own
WIDTH = 80
EARLY = 10**8 * 1_000_000  # microseconds in March 1973: before it, times are counts, not dates


@dataclass(frozen=True)
class Core:
    """What is left once every user and every item has at least ``min_events``."""

    min_events: int
    users: int
    items: int
    events: int


@dataclass(frozen=True, kw_only=True)
class LogReport:
    """What ``inspect_log`` finds. Counts are of the events kept, shares lie from 0 to 1."""

    source: str
    rows_read: int
    refused: tuple[RejectedRows, ...]
    events_left_out: int
    users_left_out: int
    events: int
    users: int
    items: int
    kinds: dict[str, int]
    """Events of each kind, most frequent first; empty where the log tells none apart."""
    time_unit: str
    first: str | None
    """The earliest time, as ISO 8601 in UTC; None where the log has an order only."""
    last: str | None
    tied_share: float | None
    """Events that have another of the same user and time; None where there is no time."""
    exact_duplicates: int
    """Events that repeat an earlier one of the same user, item and time."""
    repeats: int
    """Events whose user took the same item in the event before."""
    users_of_one_event: int
    users_of_few_events: int
    """Users of at most 4 events, those of one among them."""
    items_of_several_categories: int | None
    """None, like the next, where neither the log nor a table of items tells categories."""
    items_without_category: int | None
    cores: tuple[Core, ...]
    verdict: tuple[str, ...]
    """Sentences, the first of which says whether the log is ready."""
    next_command: str

    def to_json(self) -> dict[str, object]:
        """Give all of it as what JSON holds."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Give all of it as lines of text, at most 80 columns wide."""
        for name, text in self._facts():
            yield from wrap(f"{name:<12}{text}", WIDTH, subsequent_indent=" " * 12)
        yield ""
        yield f"{'at least':<12}{'events':>14}{'users':>14}{'items':>14}"
        for core in self.cores:
            yield f"{core.min_events:<12}{core.events:>14,}{core.users:>14,}{core.items:>14,}"
        yield ""
        yield self.verdict[0]
        for sentence in self.verdict[1:]:
            yield from wrap(sentence, WIDTH, initial_indent="- ", subsequent_indent="  ")
        yield ""
        yield "next"
        yield from wrap(
            self.next_command,
            WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "source", self.source
        yield "rows", f"{self.rows_read:,} read, {self.events:,} kept"
        for each in self.refused:
            yield "refused", str(each).replace("\n", " ")
        if self.events_left_out:
            users = f"{self.users_left_out:,} users have no other"
            yield "left out", f"{self.events_left_out:,} events of other kinds; {users}"
        yield "events", f"{self.events:,} of {self.users:,} users and {self.items:,} items"
        if self.kinds:
            yield (
                "kinds",
                ", ".join(f"{kind or '(none)'} {count:,}" for kind, count in self.kinds.items()),
            )
        if self.tied_share is None:
            yield "time", "none: the order of the log is the order of events"
        else:
            yield "time", f"{self.first} to {self.last}, read as {self.time_unit}"
            yield "ties", f"{self.tied_share:.1%} of events share user and time with another"
        yield "duplicates", f"{self.exact_duplicates:,} exact, {self.repeats:,} repeats in a row"
        few = f"{self.users_of_few_events:,} of at most {FEW}"
        yield "users", f"{self.users_of_one_event:,} of one event, {few}"
        if self.items_without_category is not None:
            several = f"{self.items_of_several_categories:,} items of several"
            yield "categories", f"{several}, {self.items_without_category:,} items of none"


def inspect_log(
    log: EventLog, items: ItemDescriptions | None = None, *, min_events: int = DEFAULT
) -> LogReport:
    """Look for what is odd about a log, and try the filters.

    Args:
        log: The events.
        items: Categories; those of the log itself, if it has any and these are not given.
        min_events: Events that users and items are to have; the next command asks for the most
            of ``CORES`` up to this that leaves anything.

    Cost: O(E log E) time where the log is not in time order, else O(E); 60 bytes an event.
    """
    _, users = encode(log.frame, "user")
    item_ids, codes = encode(log.frame, "item")
    times = log.frame.select("time").collect().to_series().to_numpy()
    order = np.lexsort((times, users))
    tied, exact, repeats = sameness(
        {"user": users[order], "item": codes[order], "time": times[order]}
    )
    lengths = np.bincount(users)
    columns = log.frame.collect_schema().names()
    if items is None and "category" in columns:
        items = items_from_log(log)
    several, without = (None, None) if items is None else _categories(item_ids, items)
    report = LogReport(
        source=log.source, rows_read=log.rows_read, refused=log.refused,
        events_left_out=log.events_left_out, users_left_out=log.users_left_out,
        events=len(users), users=len(lengths), items=len(item_ids),
        kinds=_kinds(log.frame) if "event" in columns else {},
        time_unit=log.time_unit,
        first=_moment(times.min()) if log.has_time else None,
        last=_moment(times.max()) if log.has_time else None,
        tied_share=float(tied.mean()) if log.has_time else None,
        exact_duplicates=int(exact.sum()), repeats=int(repeats.sum()),
        users_of_one_event=int((lengths == 1).sum()),
        users_of_few_events=int((lengths <= FEW).sum()),
        items_of_several_categories=several, items_without_category=without,
        cores=tuple(_cores(users, codes)), verdict=(), next_command="",
    )  # fmt: skip
    counted = log.has_time and int(times.max()) < EARLY
    worries = [*_worries_of_rows(report, counted=counted), *_worries_of_size(report, min_events)]
    usable = _usable(report.cores, min_events)
    ready = "Usable, but look at this first:" if worries else "Looks ready."
    if usable == 1:
        ready = "Too thin to train on: hardly a user or item comes twice."
    command = _command(report, usable)
    return replace(report, verdict=(ready, *worries), next_command=command)


def _moment(time: np.int64) -> str:
    return str(time.astype("datetime64[us]").astype("datetime64[s]")) + "Z"


def _kinds(frame: pl.LazyFrame) -> dict[str, int]:
    counted = frame.group_by("event").len().sort("len", "event", descending=[True, False])
    return dict(counted.collect(engine="streaming").iter_rows())


def _categories(item_ids: pl.Series, items: ItemDescriptions) -> tuple[int, int]:
    """Count the log's items of several categories, and those of none."""
    counts = items.frame.select("item", number=pl.col("categories").list.len())
    numbers = item_ids.alias("item").to_frame().join(counts, on="item", how="left")["number"]
    return int((numbers > 1).sum()), int((numbers.fill_null(0) == 0).sum())


def _cores(users: NDArray[np.int32], items: NDArray[np.int32]) -> Iterator[Core]:
    """Try each filter on what the one before leaves, for a core holds every larger one."""
    for least in CORES:
        kept = k_core(users, items, min_user_events=least, min_item_events=least)
        users, items = users[kept], items[kept]
        left_users, left_items = (np.count_nonzero(np.bincount(of)) for of in (users, items))
        yield Core(least, int(left_users), int(left_items), len(users))


def _usable(cores: Sequence[Core], min_events: int) -> int:
    return max((c.min_events for c in cores if c.events and c.min_events <= min_events), default=1)


def _worries_of_rows(report: LogReport, *, counted: bool) -> Iterator[str]:
    refused = sum(each.count for each in report.refused)
    if refused:
        share = refused / report.rows_read
        yield f"Rows refused: {refused:,} ({share:.1%}); look at the lines named above."
    if counted:
        yield (
            "Times look like counts, not dates: their order is used, but a split by time "
            "and anything said of days means nothing."
        )
    if report.tied_share is not None and report.tied_share > 0.1:
        yield (
            f"{report.tied_share:.1%} of events share user and time with another: those keep the "
            "order of the log, which may not be the order in which they happened."
        )
    if report.exact_duplicates:
        yield (
            f"Events that stand more than once: {report.exact_duplicates:,} too many; "
            "--duplicates drop-exact keeps the first of each."
        )
    if len(report.kinds) > 1:
        yield f"{len(report.kinds)} kinds of event are mixed; choose with --events, or take all."


def _worries_of_size(report: LogReport, min_events: int) -> Iterator[str]:
    usable = _usable(report.cores, min_events)
    if usable < min_events:
        yield f"At least {min_events} events a user and an item leave nothing; {usable} do."
    if report.users_of_one_event:
        yield (
            f"Users of one event: {report.users_of_one_event:,}; they can be served, but nothing "
            "is learnt from them."
        )
    if report.items_without_category is None:
        yield "Categories are not known: without them diversity has nothing to spread."
    elif report.items_without_category:
        yield (
            f"{report.items_without_category:,} of {report.items:,} items have no category; each "
            "counts as different from all others."
        )


def _command(report: LogReport, least: int) -> str:
    words = ["prismrec", "prepare", shlex.quote(report.source), "--out", "data/"]
    if least != DEFAULT:
        words += ["--min-user-events", str(least), "--min-item-events", str(least)]
    if report.exact_duplicates:
        words += ["--duplicates", "drop-exact"]
    return " ".join(words)
