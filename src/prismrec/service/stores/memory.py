"""Events in the memory of the process: for tests and experiments."""

import bisect
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import count
from typing import ClassVar

from prismrec.service.stores.base import (
    KEEP,
    Event,
    Store,
    checked_events,
    checked_id,
    checked_query,
)


class MemoryStore(Store):
    """A sorted list and a set of ids per user; its address is ``memory:``."""

    kind: ClassVar[str] = "memory"

    def __init__(self, url: str = "memory:", *, keep: int = KEEP) -> None:
        super().__init__(url, keep=keep)
        self._lock = threading.Lock()
        self._arrivals = count()
        self._rows: defaultdict[str, list[tuple[int, int, Event]]] = defaultdict(list)
        self._ids: defaultdict[str, set[str]] = defaultdict(set)

    @property
    def promise(self) -> str:
        """The durability of stored events; see ``Store.promise``."""
        return "Events are lost when the process ends."

    def append(self, events: Iterable[Event]) -> int:
        """Store events; see ``Store.append``."""
        checked = checked_events(events)
        with self._lock:
            new = [event for event in checked if self._added(event)]
            for user in {event.user for event in new}:
                rows = self._rows[user]
                self._ids[user].difference_update(e.id for _, _, e in rows[: -self._keep])
                del rows[: -self._keep]
        return len(new)

    def _added(self, event: Event) -> bool:
        ids = self._ids[event.user]
        if event.id in ids:
            return False
        ids.add(event.id)
        bisect.insort(self._rows[event.user], (event.time, next(self._arrivals), event))
        return True

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        checked = checked_query(users, n)
        with self._lock:
            return [[event for _, _, event in self._rows.get(user, ())[-n:]] for user in checked]

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``."""
        checked_id("user", user)
        with self._lock:
            self._ids.pop(user, None)
            return len(self._rows.pop(user, ()))

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``."""
        checked_id("user", user)
        with self._lock:
            erased = self._ids.get(user, set()) & set(ids)
            if erased:
                self._ids[user] -= erased
                self._rows[user] = [row for row in self._rows[user] if row[2].id not in erased]
            return len(erased)

    def ping(self) -> None:
        """Return: memory always answers."""

    def close(self) -> None:
        """Return: there is nothing to close."""
