"""The report of an event log: counts, warnings and the next command, as text or JSON."""

import shlex
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import Literal

from prismrec.data.checks import LogWarning
from prismrec.data.readers.rejected import RejectedRows
from prismrec.data.reprs import html_facts, text_facts

FEW = 4  # users with at most this many events are too short for history, validation and test
WIDTH = 80


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
    notes: tuple[str, ...]
    """Sentences about lines that were skipped because they are not rows."""
    categories: int | None
    """Number of categories; None if neither the log nor an item table has categories."""
    categories_from: Literal["items", "log"] | None
    """Whether the categories are those of the item table or of the log; None if there are none."""
    warnings: tuple[LogWarning, ...]
    """The problems, serious ones first."""
    verdict: tuple[str, ...]
    """Sentences. The first one states whether the log is ready; the others describe problems."""
    next_command: str

    def __repr__(self) -> str:
        facts = dict(self._facts())
        shown = [(name, facts[name]) for name in ("source", "rows", "events", "time")]
        return text_facts("LogReport", [*shown, *self._conclusions()])

    def _repr_html_(self) -> str:
        return html_facts("LogReport", [*self._facts(), *self._conclusions()])

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
        yield from _wrap_command(self.next_command)

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "source", self.source
        yield "rows", f"{self.rows_read:,} read, {self.events:,} kept"
        for note in self.notes:
            yield "note", note
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
            without = f"{self.items_without_category:,} items without"
            source = "" if self.categories_from is None else f", from the {self.categories_from}"
            yield "categories", f"{self.categories:,}{source}; {several}, {without}"


def _wrap_command(command: str) -> Iterator[str]:
    """Yield the lines of a command; a backslash continues it, so that it can be pasted."""
    line = "  "
    for word in map(shlex.quote, shlex.split(command)):
        if len(line) + len(word) > WIDTH - 2 and line.strip():
            yield f"{line}\\"
            line = "    "
        line += f"{word} "
    yield line.rstrip()
