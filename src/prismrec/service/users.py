"""Stored events and interests of users."""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple
from uuid import uuid4

from prismrec.errors import StoreError
from prismrec.io import as_step
from prismrec.service.event_rules import EventRules
from prismrec.service.items import titles_of
from prismrec.service.loaded_artifact import LoadedArtifact
from prismrec.service.responses import History, StoredEvent, StoredEvents, StoredFeedback
from prismrec.service.schemas import EventIn
from prismrec.service.stores import MOST_DISLIKES, Event, Feedback, Store

ALONE = 1.0
"""Seconds within which users are read alone after an error: a slow store would hold up others."""
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
def stored_feedback(store: Store, users: Sequence[str], newest: int) -> list[Feedback | StoreError]:
    """Return the items of the newest stored events of each user, and the disliked items.

    If the store answers but cannot read these users together, such as with a damaged entry of one
    of them, each is read alone, so that only that one has an error.

    Raises:
        StoreError: The store does not answer.

    Cost: one read of the store, also if a user appears several times. After an error one per user,
        for at most ``ALONE`` seconds.
    """
    names = list(dict.fromkeys(users))
    began = time.monotonic()
    try:
        found = dict(zip(names, store.recent_feedback(names, newest), strict=True))
        return [found[user] for user in users]
    except StoreError as error:
        if len(names) == 1 or time.monotonic() - began > ALONE:
            raise
        store.ping()
        each: dict[str, Feedback | StoreError] = dict.fromkeys(names, error)
    for name in names:
        if time.monotonic() - began > ALONE:
            break
        try:
            (each[name],) = store.recent_feedback([name], newest)
        except StoreError as error:
            each[name] = error
    return [each[user] for user in users]


class StoredUser(NamedTuple):
    """The newest stored events of a user, and the items that the user dislikes."""

    events: Sequence[Event] = ()
    dislikes: Sequence[str] = ()


def stored_user(store: Store, user: str, newest: int) -> StoredUser:
    """Return the newest events that are no dislikes, and then the dislikes.

    Args:
        store: The store.
        user: The user.
        newest: Number of events that are no dislikes.
    """
    events = store.recent(user, newest + MOST_DISLIKES)
    history = [event for event in events if not event.disliked][-newest:]
    kept = [event for event in events if event.disliked]
    if not kept:
        return StoredUser(history)
    return StoredUser([*history, *kept], store.recent_feedback([user], newest)[0].dislikes)


def store_events(
    store: Store,
    events: Sequence[EventIn],
    arrived: int,
    rules_of: Callable[[], EventRules] = EventRules,
) -> StoredEvents:
    """Store events; they are as durable as the store promises when this returns.

    An event without a time comes after the stored events of its user, also if another process
    stored them, or this one before a restart, with a clock that was ahead by less than an hour.

    Args:
        store: The store.
        events: The events.
        arrived: Time of events without a time, in microseconds since 1970.
        rules_of: Returns the rules of the artifact, by which an event is a dislike. It is called
            only if an event has a kind or a value; what an event is does not change later.
    """
    marked = any(event.kind is not None or event.value is not None for event in events)
    rules = rules_of() if marked else EventRules()
    users = list(dict.fromkeys(event.user for event in events if event.time is None))
    newest = store.recent_many(users, 1) if users else []
    # An event ends a dislike only if it is later.
    last = {
        user: own[0].time + own[0].disliked for user, own in zip(users, newest, strict=True) if own
    }

    def time_of(event: EventIn) -> int:
        if event.time is not None:
            return event.time
        ahead = last.get(event.user, arrived)
        return ahead if 0 < ahead - arrived < BACK else arrived

    sent = [
        Event(
            e.user, e.item, time_of(e), e.id or uuid4().hex,
            e.kind, e.value, rules.is_dislike(e.kind, e.value),
        )
        for e in events
    ]  # fmt: skip
    stored = store.append(sent)
    if not marked:
        return StoredEvents(stored, len(events) - stored)
    unknown = sum(e.kind is not None and not rules.is_known(e.kind) for e in events)
    dislikes = sum(event.disliked for event in sent)
    return StoredFeedback(stored, len(events) - stored, dislikes, unknown)


def describe_events(served: LoadedArtifact, user: str, stored: Sequence[Event]) -> History:
    """Return stored events of a user, with titles."""
    titles = titles_of(served.recommender.catalog, [event.item for event in stored])
    events = [
        StoredEvent(
            event.id, event.item, title, event.time, known, event.kind, event.value, event.disliked
        )
        for event, (title, known) in zip(stored, titles, strict=True)
    ]
    return History(user, events)
