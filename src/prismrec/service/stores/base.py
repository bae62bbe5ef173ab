"""The interface of a store of events.

The id of an event is unique per user: events of two users may have the same id. Times are
microseconds since 1970 UTC. Ids are text and are compared byte by byte; see ``LONGEST_ID``.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple, Self

from prismrec.data import LONGEST_ID, MOST_DISLIKES
from prismrec.errors import ConfigError, DataError, StoreError, is_number

KEEP = 10_000
"""Default number of events kept per user."""
DEADLINE = 5.0
"""Seconds after which a call to a server that does not answer is an error."""


class Event(NamedTuple):
    """One event: a user and an item."""

    user: str
    item: str
    time: int  # microseconds since 1970 UTC, int64
    id: str  # chosen by the sender; an event with the same user and id is the same event
    kind: str | None = None
    value: float | None = None
    disliked: bool = False  # a dislike is no part of a history


class Feedback(NamedTuple):
    """What the list of a user is made from."""

    history: Sequence[str] = ()
    """Items of the newest events that are no dislikes, oldest first."""
    dislikes: Sequence[str] = ()
    """Items that the user dislikes, each once, in the order of their newest dislikes."""


class Store(ABC):
    """The newest ``keep`` events of each user, and the newest dislikes.

    Threads share a store; so do processes, except for the memory store. Every method may be called
    again after a ``StoreError``: calling it twice has the effect of calling it once. A store is
    opened in the process that uses it, and never used after a fork.

    Args:
        url: Address of the events.
        keep: Events kept per user: the newest by time; among equal times, the last to arrive. An
            event that is dropped is forgotten with its id. If it is sent again, it is older than
            all kept events and is dropped again, except if it is as old as the oldest kept event.
            Dislikes are kept apart: of each user the newest ``MOST_DISLIKES``, or ``keep`` if that
            is less.

    Raises:
        ConfigError: ``keep`` is below 1, or a newer version wrote the store.
        MissingExtra: An optional dependency is not installed.
        StoreError: The store cannot be opened. Every method raises it if the store does not answer.
    """

    kind: ClassVar[str]

    def __init__(self, url: str, *, keep: int = KEEP) -> None:
        if keep < 1:
            raise ConfigError(f"keep is {keep}; a store keeps at least 1 event per user.")
        self._url, self._keep = url, keep
        self._keep_disliked = min(keep, MOST_DISLIKES)

    @property
    @abstractmethod
    def promise(self) -> str:
        """One sentence: what a stored event survives with the server's settings of today."""

    @abstractmethod
    def append(self, events: Iterable[Event]) -> int:
        """Store events, all or none, and return the number of new ones.

        When this returns, they are as durable as ``promise`` states. An event is left out if its
        user already has an event with that id.

        Raises:
            DataError: An id or a kind is empty, too long, not text, or contains NUL or a lone
                surrogate; or a time is not an int64, or a value not a finite number. Then nothing
                is stored.

        Cost: O(log keep) per event, and O(keep) per user who has reached ``keep``.
        """

    @abstractmethod
    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest ``n`` events of each user, oldest first: one list per user.

        Events are sorted by time, and by arrival among equal times; dislikes come after other
        events of the same time. A user without events has an empty list.

        Raises:
            ConfigError: ``n`` is below 1.
            DataError: See ``append``.
        """

    @abstractmethod
    def recent_feedback(self, users: Sequence[str], n: int) -> list[Feedback]:
        """Return the items of the newest ``n`` events without dislikes, and the disliked items.

        An item is disliked if one of its dislikes is kept, and no kept event of the item is later:
        to like it again ends the dislike. At equal times the dislike counts. Dislikes of equal time
        are in the order of their items.

        Raises:
            ConfigError, DataError: See ``recent_many``.

        Cost: one call of the database, also for users without dislikes; O(keep) per user with
            dislikes.
        """

    def recent(self, user: str, n: int) -> list[Event]:
        """Return the newest ``n`` events of one user; see ``recent_many``."""
        return self.recent_many([user], n)[0]

    @abstractmethod
    def forget(self, user: str) -> int:
        """Erase all events of a user, including their ids, and return the number of events.

        A forgotten event may be sent again and is then new.
        """

    @abstractmethod
    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase single events of a user by their ids, and return the number of erased events.

        A forgotten event may be sent again and is then new.
        """

    def merge(self, anonymous: str, user: str) -> int:
        """Move all events of one user to another one, and return the number of moved events.

        An event whose id the other user already has is left out, and erased like the others. Both
        users are changed in one step, so an erasure of one of them comes before or after it. After
        an error, the call may be repeated.

        The method of this class, for stores that have no method of their own, takes three steps: an
        event that is erased between them comes back, and one that arrives stays where it is.
        """
        moved = self.recent(anonymous, self._keep + self._keep_disliked)
        if anonymous == user or not moved:
            return 0
        stored = self.append(event._replace(user=user) for event in moved)
        self.forget_events(anonymous, [event.id for event in moved])
        return stored

    @abstractmethod
    def ping(self) -> None:
        """Check that the store answers.

        Raises:
            StoreError: It does not answer.
        """

    @abstractmethod
    def close(self) -> None:
        """Close files and connections. It may be called twice; no other method may follow."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def checked_events(events: Iterable[Event]) -> list[Event]:
    """Check events as ``Store.append`` requires, and return them as a list."""
    return [
        Event(
            checked_id("user", event.user),
            checked_id("item", event.item),
            _checked_time(event.time),
            checked_id("event", event.id),
            None if event.kind is None else _checked_text("kind of an event", event.kind),
            None if event.value is None else _checked_value(event.value),
            bool(event.disliked),
        )
        for event in events
    ]


def checked_query(users: Sequence[str], n: int) -> list[str]:
    """Check the arguments of ``Store.recent_many``, and return the users as a list."""
    if n < 1:
        raise ConfigError(f"n is {n}; read at least the newest 1 event of a user.")
    return [checked_id("user", user) for user in users]


def checked_id(kind: str, name: str) -> str:
    """Check that every store can return an id unchanged, and return it."""
    return _checked_text(f"id of the {kind}", name)


def _checked_text(what: str, text: str) -> str:
    if not isinstance(text, str):
        raise DataError(f"The {what} is {text!r}; send text.")
    if not text or "\0" in text:
        raise DataError(f"The {what} is {text!r}; send text that is not empty and has no NUL.")
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        raise DataError(f"The {what} is {text!r}, which is no valid UTF-8; send text.") from None
    if size > LONGEST_ID:
        raise DataError(f"The {what} has {size:,} bytes; send at most {LONGEST_ID:,}.")
    return text


def _checked_value(value: float) -> float:
    if not is_number(value):
        raise DataError(f"The value of an event is {value!r}; send a finite number.")
    return float(value)


def _checked_time(time: int) -> int:
    try:
        number = operator.index(time)
    except TypeError:
        raise DataError(
            f"The time of an event is {time!r}; send whole microseconds since 1970."
        ) from None
    if not -(2**63) <= number < 2**63:
        raise DataError(
            f"The time of an event is {number}, which is no int64; send microseconds since 1970."
        )
    return number


def merge_newest(
    rows: Sequence[tuple[int, int, Event]], disliked: Sequence[tuple[int, int, Event]], n: int
) -> list[Event]:
    """Return the newest ``n`` of events and dislikes, oldest first; see ``Store.recent_many``.

    Args:
        rows: Time, arrival and event of events without dislikes.
        disliked: The same of dislikes.
        n: Number of events.
    """
    if disliked:
        whole = sorted([*rows, *disliked], key=lambda row: (row[0], row[2].disliked, row[1]))
    else:
        whole = sorted(rows)
    return [event for _, _, event in whole[-n:]]


def refuse_newer(where: str, version: int, known: int) -> None:
    """Check that this version knows the schema of a store."""
    if version > known:
        raise ConfigError(
            f"The store {where} has schema version {version}, but this prismrec knows versions up "
            f"to {known}; upgrade prismrec, or use another store."
        )


def server_failed(where: str, message: str, secrets: Iterable[str]) -> StoreError:
    """Return the error for a server that failed, with its message in one line.

    Args:
        where: Scheme of the store.
        message: That of the client library, without what was sent: ids are not for the log.
        secrets: Passwords of the address, which the message must not repeat; "" is skipped.
    """
    message = " ".join(message.split())
    for secret in filter(None, secrets):
        message = message.replace(secret, "***")
    return StoreError(
        f"The store {where} could not be used ({message}); check its address, whether it runs, and "
        "what its message states."
    )
