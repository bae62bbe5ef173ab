"""Stored events and interests of users."""

import threading
import time
from collections.abc import Callable, Sequence
from uuid import uuid4

from prismrec.io import as_step
from prismrec.service.items import titles_of
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.responses import History, StoredEvent, StoredEvents
from prismrec.service.schemas import EventIn
from prismrec.service.stores import Event, Store

BACK = 3_600_000_000
"""Microseconds: if the clock is set back by less, events keep their order."""


class MonotonicClock:
    """The time of arrival, which does not go back when the system clock is set back.

    Args:
        clock: Returns nanoseconds since 1970.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self.clock, self.last, self.lock = clock, 0, threading.Lock()

    def now(self) -> int:
        """Return microseconds since 1970, never less than at the last call.

        Otherwise a new event would come before older ones. A clock that is set back by an hour or
        more was wrong before; its new time is used at once.
        """
        with self.lock:
            now = self.clock() // 1_000
            if not 0 < self.last - now < BACK:
                self.last = now
            return self.last


@as_step("store")
def stored_items(store: Store, users: Sequence[str], newest: int) -> list[list[str]]:
    """Return the items of the newest stored events of each user, oldest first.

    Cost: one read of the store, also if a user appears several times.
    """
    names = list(dict.fromkeys(users))
    items = dict(zip(names, store.recent_items(names, newest), strict=True))
    return [items[user] for user in users]


def store_events(store: Store, events: Sequence[EventIn], arrived: int) -> StoredEvents:
    """Store events; they are as durable as the store promises when this returns.

    An event without a time comes after the stored events of its user, also if another process
    stored them, or this one before a restart, with a clock that was ahead by less than an hour.

    Args:
        store: The store.
        events: The events.
        arrived: Time of events without a time, in microseconds since 1970.
    """
    users = list(dict.fromkeys(event.user for event in events if event.time is None))
    newest = store.recent_many(users, 1) if users else []
    last = {user: own[0].time for user, own in zip(users, newest, strict=True) if own}

    def time_of(event: EventIn) -> int:
        if event.time is not None:
            return event.time
        ahead = last.get(event.user, arrived)
        return ahead if 0 < ahead - arrived < BACK else arrived

    stored = store.append(Event(e.user, e.item, time_of(e), e.id or uuid4().hex) for e in events)
    return StoredEvents(stored=stored, duplicates=len(events) - stored)


def describe_events(served: LoadedArtifact, user: str, stored: Sequence[Event]) -> History:
    """Return stored events of a user, with titles."""
    titles = titles_of(served.recommender.catalog, [event.item for event in stored])
    events = [
        StoredEvent(event.id, event.item, title, event.time, known)
        for event, (title, known) in zip(stored, titles, strict=True)
    ]
    return History(user, events)
