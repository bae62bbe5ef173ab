"""Loads the events of a log into a store, so that a service knows its users from the start."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

import polars as pl

from prismrec.data import EventLog, is_refused
from prismrec.errors import ConfigError, DataError
from prismrec.io import track
from prismrec.service.stores import Event, Store

GROUP = 5_000
"""Events that are stored together."""


@dataclass(frozen=True)
class Imported:
    """What an import did."""

    events: int
    """Number of events of the log that were sent to the store."""
    stored: int
    """Number of events that are new in the store."""
    users: int
    """Number of users with events."""
    older: int = 0
    """Number of events that were left out, because their users have enough newer ones."""
    dislikes: int | None = None
    """Number of the events that are dislikes; None if the log was read without."""

    def lines(self) -> Iterator[str]:
        """Yield the summary in sentences."""
        yield f"{self.events:,} events of {self.users:,} users: {self.stored:,} were new."
        if self.older:
            yield f"{self.older:,} older events were left out: only the newest per user are stored."
        if self.dislikes is not None:
            yield f"{self.dislikes:,} events are dislikes: they are no part of a history."


def import_events(log: EventLog, store: Store, *, newest: int) -> Imported:
    """Store the events of a log, each once: the import may be interrupted and repeated.

    The id of an event follows from its user, item and time, whether it is a dislike, and among
    equal events from their number; so the same log, also in another file or order, has the same
    ids.

    Args:
        log: The events, with their kinds; those that are dislikes are stored as dislikes.
        store: The store.
        newest: Number of the newest events per user that are stored, and of dislikes.

    Raises:
        ConfigError: ``newest`` is below 1.
        DataError: The log has no times; or an id is too long or has a NUL.
        StoreError: The store does not answer; what was stored before stays.

    Cost: memory for the newest events of all users; one commit per ``GROUP`` events.
    """
    if newest < 1:
        raise ConfigError(f"newest is {newest}; import at least the newest 1 event of a user.")
    if not log.has_time:
        raise DataError(
            f"{log.source} has no times, by which a store orders events; import a log with times."
        )
    text = [pl.col(name).cast(pl.String) for name in ("user", "item")]
    columns = log.frame.collect_schema()
    kind = _kind(pl.col("event")) if "event" in columns else pl.lit(None, dtype=pl.String)
    disliked = pl.col("disliked") if "disliked" in columns else pl.lit(value=False)
    read = log.frame.select(*text, "time", kind.alias("kind"), disliked.alias("disliked"))
    frame = read.collect(engine="streaming").sort("user", "time", maintain_order=True)
    number_read = len(frame)
    frame = frame.group_by("user", "disliked", maintain_order=True).tail(newest)
    sent = stored = 0
    same: Counter[tuple[str, str, int, bool]] = Counter()
    starts = range(0, len(frame), GROUP)
    for start in track(starts, "storing events", len(starts)):
        group = []
        rows = frame.slice(start, GROUP).select("user", "item", "time", "kind", "disliked")
        for user, item, time, kind, disliked in rows.iter_rows():
            key = (user, item, time, disliked)
            same[key] += 1
            group.append(Event(user, item, time, _id(*key, same[key]), kind, disliked=disliked))
        same = Counter({key: n for key, n in same.items() if key[0] == group[-1].user})
        stored += store.append(group)
        sent += len(group)
    dislikes = int(frame["disliked"].sum()) if "disliked" in columns else None
    older = number_read - len(frame)
    return Imported(sent, stored, frame["user"].n_unique(), older, dislikes)


def _kind(event: pl.Expr) -> pl.Expr:
    """Return the kind of each event; null if it is none that a store accepts."""
    return pl.when((event != "") & ~is_refused(event)).then(event)


def _id(user: str, item: str, time: int, disliked: bool, number: int) -> str:
    """Return an id that is the same for the same event."""
    words = "\0".join((user, item, str(time), str(number), *(["disliked"] if disliked else [])))
    return "import-" + blake2b(words.encode(), digest_size=12).hexdigest()
