"""Check an event log: report problems, the effect of each filter, and the next command.

report = inspect_log(read_events("events.csv"), read_items("items.csv"))
for line in report.lines():         # at most 80 columns wide
    print(line)
report.to_json()["cores"]           # the counts if all users and items have 1, 2, 5, 10 events
"""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from textwrap import wrap

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.events import EventLog
from prismrec.data.filtering import count_codes, encode_ids, find_duplicates, k_core
from prismrec.data.items import ItemDescriptions, items_from_log
from prismrec.data.readers.rejected import RejectedRows
from prismrec.data.reprs import html_table, text_table

CORES = (1, 2, 5, 10)
DEFAULT = 5  # the default minimum of ``prepare``
FEW = 4  # users with at most this many events are too short for history, validation and test
WIDTH = 80
EARLY = 10**8 * 1_000_000  # microseconds in March 1973: earlier times are counts, not dates


@dataclass(frozen=True)
class Core:
    """The counts that remain if every user and every item has at least ``min_events`` events."""

    min_events: int
    users: int
    items: int
    events: int


@dataclass(frozen=True, kw_only=True, repr=False)
class LogReport:
    """The result of ``inspect_log``. Counts are counts of kept events; shares are from 0 to 1."""

    source: str
    rows_read: int
    rejected: tuple[RejectedRows, ...]
    events_left_out: int
    users_left_out: int
    events: int
    users: int
    items: int
    kinds: dict[str, int]
    """Number of events per kind, most frequent first; empty if the log has no event column."""
    time_unit: str
    first: str | None
    """The earliest time, as ISO 8601 in UTC; None if the log has no times."""
    last: str | None
    """The latest time, likewise."""
    tied_share: float | None
    """Share of events for which another event has the same user and time; None without times."""
    exact_duplicates: int
    """Number of events that repeat an earlier event of the same user, item and time."""
    repeats: int
    """Number of events whose user's previous event has the same item."""
    users_of_one_event: int
    users_of_few_events: int
    """Users with at most 4 events, including users with one event."""
    items_of_several_categories: int | None
    """None, like the next field, if neither the log nor an item table has categories."""
    items_without_category: int | None
    cores: tuple[Core, ...]
    verdict: tuple[str, ...]
    """Sentences. The first one states whether the log is ready; the others describe problems."""
    next_command: str

    def __repr__(self) -> str:
        facts = dict(self._facts())
        shown = [(name, facts[name]) for name in ("source", "rows", "events", "time")]
        return text_table("LogReport", [*shown, *self._conclusions()])

    def _repr_html_(self) -> str:
        return html_table("LogReport", [*self._facts(), *self._conclusions()])

    def _conclusions(self) -> Iterator[tuple[str, str]]:
        yield "verdict", " ".join(self.verdict)
        yield "next", self.next_command

    def to_json(self) -> dict[str, object]:
        """Return the report as values that JSON can store."""
        return asdict(self)

    def lines(self) -> Iterator[str]:
        """Yield the report as lines of text, at most 80 columns wide."""
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
        for each in self.rejected:
            yield "rejected", str(each).replace("\n", " ")
        if self.events_left_out:
            users = f"{self.users_left_out:,} users have no other events"
            yield "left out", f"{self.events_left_out:,} events of other kinds; {users}"
        yield "events", f"{self.events:,} of {self.users:,} users and {self.items:,} items"
        if self.kinds:
            yield (
                "kinds",
                ", ".join(f"{kind or '(none)'} {count:,}" for kind, count in self.kinds.items()),
            )
        if self.tied_share is None:
            yield "time", "none: the order of the log is used"
        else:
            yield "time", f"{self.first} to {self.last}, read as {self.time_unit}"
            yield "ties", f"{self.tied_share:.1%} of events have the same user and time as another"
        yield "duplicates", f"{self.exact_duplicates:,} exact, {self.repeats:,} repeats in a row"
        few = f"{self.users_of_few_events:,} with at most {FEW}"
        yield "users", f"{self.users_of_one_event:,} with one event, {few}"
        if self.items_without_category is not None:
            several = f"{self.items_of_several_categories:,} items with several"
            yield "categories", f"{several}, {self.items_without_category:,} items without"


def inspect_log(
    log: EventLog, items: ItemDescriptions | None = None, *, min_events: int = DEFAULT
) -> LogReport:
    """Check a log for problems, and count what each filter keeps.

    Args:
        log: The events.
        items: Categories of the items. None: use the categories of the log, if it has any.
        min_events: Desired minimum number of events per user and item. The next command uses the
            largest value of ``CORES`` up to this for which events remain.

    Cost: O(E log E) time, less if the log is in time order; memory about 60 bytes per event.
    """
    _, users = encode_ids(log.frame, "user")
    item_ids, codes = encode_ids(log.frame, "item")
    times = log.frame.select("time").collect().to_series().to_numpy()
    order = np.lexsort((times, users))
    tied, exact, repeats = find_duplicates(
        {"user": users[order], "item": codes[order], "time": times[order]}
    )
    lengths = count_codes(users)
    columns = log.frame.collect_schema().names()
    if items is None and "category" in columns:
        items = items_from_log(log)
    several, without = (None, None) if items is None else _count_categories(item_ids, items)
    report = LogReport(
        source=log.source, rows_read=log.rows_read, rejected=log.rejected,
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
    problems = [*_row_problems(report, counted=counted), *_size_problems(report, min_events)]
    usable = _usable(report.cores, min_events)
    verdict = "Usable, but check this first:" if problems else "Looks ready."
    if usable == 1:
        verdict = "Too sparse for training: almost no user or item occurs twice."
    command = _command(report, usable)
    return replace(report, verdict=(verdict, *problems), next_command=command)


def _moment(time: np.int64) -> str:
    return str(time.astype("datetime64[us]").astype("datetime64[s]")) + "Z"


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


def _usable(cores: Sequence[Core], min_events: int) -> int:
    return max((c.min_events for c in cores if c.events and c.min_events <= min_events), default=1)


def _row_problems(report: LogReport, *, counted: bool) -> Iterator[str]:
    rejected = sum(each.count for each in report.rejected)
    if rejected:
        share = rejected / report.rows_read
        yield f"Rejected rows: {rejected:,} ({share:.1%}); check the lines shown above."
    if counted:
        yield (
            "Times look like counts, not dates: their order is used, but a split by time and "
            "all results in days are meaningless."
        )
    if report.tied_share is not None and report.tied_share > 0.1:
        yield (
            f"{report.tied_share:.1%} of events have the same user and time as another event: they "
            "keep the order of the log, which may differ from the order in which they happened."
        )
    if report.exact_duplicates:
        yield (
            f"{report.exact_duplicates:,} events are exact duplicates of another event; "
            "--duplicates drop-exact keeps only the first one."
        )
    if len(report.kinds) > 1:
        yield f"{len(report.kinds)} kinds of events are mixed; choose with --events, or use all."


def _size_problems(report: LogReport, min_events: int) -> Iterator[str]:
    usable = _usable(report.cores, min_events)
    if usable < min_events:
        yield f"No event remains with at least {min_events} per user and item; {usable} works."
    if report.users_of_one_event:
        yield (
            f"{report.users_of_one_event:,} users have one event; they can get recommendations, "
            "but the model cannot learn from them."
        )
    if report.items_without_category is None:
        yield "There are no categories: without them, diversity has no effect."
    elif report.items_without_category:
        yield (
            f"{report.items_without_category:,} of {report.items:,} items have no category; each "
            "of them counts as different from all other items."
        )


def _command(report: LogReport, least: int) -> str:
    words = ["prismrec", "prepare", shlex.quote(report.source), "--out", "data/"]
    if least != DEFAULT:
        words += ["--min-user-events", str(least), "--min-item-events", str(least)]
    if report.exact_duplicates:
        words += ["--duplicates", "drop-exact"]
    return " ".join(words)
