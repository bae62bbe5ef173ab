"""What a store of events is: five methods, and what each promises.

An event's id is its user's: another user may have one of the same name. Times are microseconds
since 1970 UTC. Ids are text, compared byte for byte; see ``LONGEST``.
"""

import operator
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar, NamedTuple, Self

from prismrec.errors import ConfigError, DataError

LONGEST = 1_000
"""Bytes of an id in UTF-8: user and event id together fit a page of every database's index."""
KEEP = 10_000
"""Events kept of a user, if nothing else is asked."""


class Event(NamedTuple):
    """One thing that a user did."""

    user: str
    item: str
    time: int  # microseconds since 1970 UTC, int64
    id: str  # chosen by whoever sends the event: sent again, it is the same event


class Store(ABC):
    """The newest ``keep`` events of each user, shared by threads and, but for memory, processes.

    Args:
        url: Where the events are; the scheme chose the class.
        keep: Events kept of a user, the newest by time, of those of one time the last to arrive.
            What is dropped is forgotten with its id. Sent again it is older than all that is
            kept and is dropped again; only one as old as the oldest kept would come back.

    Raises:
        ConfigError: ``keep`` is below 1, or the store was written by a newer version.
        MissingExtra: An optional dependency is not installed.
        StoreError: The store cannot be opened. From every method: it does not answer.

    Every method may be called again after a ``StoreError``: doing it twice is doing it once. A
    store is opened in the process that uses it, never carried over a fork.
    """

    kind: ClassVar[str]

    def __init__(self, url: str, *, keep: int = KEEP) -> None:
        if keep < 1:
            raise ConfigError(f"A store was to keep {keep} events a user; keep at least 1.")
        self._url, self._keep = url, keep

    @property
    @abstractmethod
    def promise(self) -> str:
        """Say in one sentence what an acknowledged event survives, as this server is set up."""

    @abstractmethod
    def append(self, events: Iterable[Event]) -> int:
        """Store events, all or none, and return once they are stored as ``promise`` says.

        An event whose id its user already has is left out: the first one stands.

        Returns:
            How many were not there yet.

        Raises:
            DataError: An id is empty, too long, not text, or holds NUL or a lone surrogate; a
                time is not an int64. Nothing is stored.

        Cost: O(log keep) an event, and O(keep) a user who has reached ``keep``.
        """

    @abstractmethod
    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Give the newest ``n`` events of each user: a list a user, oldest event first.

        Events are in the order of their times, those of one time in that of their arrival. A
        user without events has an empty list.

        Raises:
            ConfigError: ``n`` is below 1.
            DataError: See ``append``.
        """

    def recent(self, user: str, n: int) -> list[Event]:
        """Give the newest ``n`` events of one user; see ``recent_many``."""
        return self.recent_many([user], n)[0]

    @abstractmethod
    def forget(self, user: str) -> int:
        """Erase everything of a user, ids of events too, and return how many events that was.

        What was forgotten may be sent again and is new then.
        """

    @abstractmethod
    def ping(self) -> None:
        """Return if the store answers now.

        Raises:
            StoreError: It does not.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go of files and connections; may be called again. No other method may be, after."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def checked_events(events: Iterable[Event]) -> list[Event]:
    """Check events as ``Store.append`` says, and give them as a list."""
    return [
        Event(
            checked_id("user", event.user),
            checked_id("item", event.item),
            _checked_time(event.time),
            checked_id("event", event.id),
        )
        for event in events
    ]


def checked_query(users: Sequence[str], n: int) -> list[str]:
    """Check what ``Store.recent_many`` is given."""
    if n < 1:
        raise ConfigError(f"A store was asked for the newest {n} events; ask for at least 1.")
    return [checked_id("user", user) for user in users]


def checked_id(kind: str, name: str) -> str:
    """Refuse an id that some store could not give back as it was."""
    if not isinstance(name, str):
        raise DataError(f"The id of the {kind} is {name!r}; give it as text.")
    if not name or "\0" in name:
        raise DataError(f"The id of the {kind} is {name!r}; give text, not empty, without NUL.")
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        raise DataError(f"The id of the {kind} is {name!r}, which is no text in UTF-8.") from None
    if size > LONGEST:
        raise DataError(f"The id of the {kind} has {size:,} bytes; at most {LONGEST:,} are stored.")
    return name


def _checked_time(time: int) -> int:
    try:
        number = operator.index(time)
    except TypeError:
        raise DataError(
            f"An event's time is {time!r}; give whole microseconds since 1970."
        ) from None
    if not -(2**63) <= number < 2**63:
        raise DataError(f"An event's time is {number}, which is no int64 of microseconds.")
    return number


def refuse_newer(where: str, version: int, known: int) -> None:
    """Refuse a store whose schema is of a version that is not known here."""
    if version > known:
        raise ConfigError(
            f"The store {where} has schema version {version}, but this prismrec knows versions up "
            f"to {known}; upgrade prismrec, or open another store."
        )
