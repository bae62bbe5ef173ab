"""Loads the events of a log into a store, so that a service knows its users from the start."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import polars as pl

from prismrec.data import EventLog, is_refused
from prismrec.errors import ConfigError, DataError
from prismrec.io import track
from prismrec.service.stores import Event, Store

GROUP = 5_000
"""Events that are stored together."""
USERS = 20
"""Users whose stored events are read together."""
EVERY = 1 << 30
"""More events than any store keeps of a user."""
PREFIX = "import-"
Key = tuple[str, str, int, bool]
"""User, item, time, and whether it is a dislike."""


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
    equal events of the same kind from their number; so the same log, also in another file or order,
    is stored once. If an event of another kind has this id, the id follows from the kind too. What
    has a kind is therefore compared with the events of the user that were imported before.

    Args:
        log: The events, with their kinds; those that are dislikes are stored as dislikes.
        store: The store.
        newest: Number of the newest events per user that are stored, and of dislikes.

    Raises:
        ConfigError: ``newest`` is below 1.
        DataError: The log has no times; or an id is too long or has a NUL.
        StoreError: The store does not answer; what was stored before stays.

    Cost: memory for the newest events of all users; one commit per ``GROUP`` events. If they have
        kinds, the stored events of their users are read once per group.
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
    has_kinds = frame["kind"].is_not_null().any()
    sent = stored = 0
    same: Counter[tuple[Key, str | None]] = Counter()
    before = _ImportedBefore()
    starts = range(0, len(frame), GROUP)
    for start in track(starts, "storing events", len(starts)):
        group = []
        rows = frame.slice(start, GROUP).select("user", "item", "time", "kind", "disliked")
        for user, item, time, kind, disliked in rows.iter_rows():
            key = (user, item, time, disliked)
            same[key, kind] += 1
            number = same[key, kind]
            event = Event(user, item, time, _id(*key, number), kind, disliked=disliked)
            group.append((event, number))
        last = group[-1][0].user
        same = Counter({(key, kind): n for (key, kind), n in same.items() if key[0] == last})
        if has_kinds:
            before.read(store, [event.user for event, _ in group])
        events = _new_events(group, before) if has_kinds else [event for event, _ in group]
        stored += store.append(events)
        sent += len(group)
    dislikes = int(frame["disliked"].sum()) if "disliked" in columns else None
    older = number_read - len(frame)
    return Imported(sent, stored, frame["user"].n_unique(), older, dislikes)


def _kind(event: pl.Expr) -> pl.Expr:
    """Return the kind of each event; null if it is none that a store accepts."""
    return pl.when((event != "") & ~is_refused(event)).then(event)


class _ImportedBefore:
    """The events of users that earlier imports stored."""

    def __init__(self) -> None:
        self.ids: dict[str, set[str]] = {}
        self.counts: Counter[tuple[Key, str | None]] = Counter()
        self.every: Counter[Key] = Counter()
        """Events of all kinds."""
        self.without_kind: Counter[Key] = Counter()
        """Events without a kind that are the same as no event of this import so far."""

    def read(self, store: Store, users: Sequence[str]) -> None:
        """Read the events of users, and forget those of others.

        A user whose events were read is not read again: this import has stored events since.
        """
        kept = self.ids.keys() & set(users)
        new = [user for user in dict.fromkeys(users) if user not in kept]
        self.ids = {user: self.ids[user] for user in kept}
        self.counts = Counter({each: n for each, n in self.counts.items() if each[0][0] in kept})
        self.every = Counter({key: n for key, n in self.every.items() if key[0] in kept})
        left = {key: n for key, n in self.without_kind.items() if key[0] in kept}
        self.without_kind = Counter(left)
        for start in range(0, len(new), USERS):
            some = new[start : start + USERS]
            for user, events in zip(some, store.recent_many(some, EVERY), strict=True):
                imported = [event for event in events if event.id.startswith(PREFIX)]
                self.ids[user] = {event.id for event in imported}
                self.every.update(map(_key, imported))
                self.counts.update((_key(event), event.kind) for event in imported)
                self.without_kind.update(_key(each) for each in imported if each.kind is None)


def _new_events(group: Sequence[tuple[Event, int]], before: _ImportedBefore) -> Iterator[Event]:
    """Yield the events of which no import stored as many, with ids that no other event has.

    Earlier versions numbered events of all kinds together, so ids alone do not decide which of them
    are stored. An event that was stored without its kind counts as one event of the same user,
    item and time, whatever its kind.

    Args:
        group: Events, and the number of each among equal events of its kind.
        before: The stored events of these users; changed.
    """
    for event, number in group:
        key = _key(event)
        known = before.every[key] if event.kind is None else before.counts[key, event.kind]
        if event.kind is not None and number > known and before.without_kind[key]:
            before.without_kind[key] -= 1  # the same event, stored without its kind
        elif number > known:
            is_taken = event.id in before.ids[event.user]
            free = _id(*key, number, event.kind or "") if is_taken else event.id
            before.ids[event.user].add(free)
            yield event._replace(id=free)


def _key(event: Event) -> Key:
    return event.user, event.item, event.time, event.disliked


def _id(
    user: str, item: str, time: int, disliked: bool, number: int, kind: str | None = None
) -> str:
    """Return an id that is the same for the same event."""
    words = [user, item, str(time), str(number)]
    words += ["disliked"] * disliked + ([] if kind is None else ["kind", kind])
    return PREFIX + blake2b("\0".join(words).encode(), digest_size=12).hexdigest()
