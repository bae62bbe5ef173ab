"""Events in the memory of the process: for tests and experiments."""

import bisect
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import count
from typing import ClassVar

from prismrec.data import still_disliked
from prismrec.service.stores.base import (
    KEEP,
    Event,
    Feedback,
    Store,
    checked_events,
    checked_id,
    checked_query,
    merge_newest,
)


class MemoryStore(Store):
    """A sorted list and a set of ids per user; its address is ``memory:``."""

    kind: ClassVar[str] = "memory"

    def __init__(self, url: str = "memory:", *, keep: int = KEEP) -> None:
        super().__init__(url, keep=keep)
        self._lock = threading.RLock()
        self._arrivals = count()
        # By whether they are dislikes: time, arrival and event of each user's events, sorted.
        self._rows = tuple(defaultdict[str, list[tuple[int, int, Event]]](list) for _ in range(2))
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
            for user, disliked in {(event.user, event.disliked) for event in new}:
                rows, keep = self._rows[disliked][user], (self._keep, self._keep_disliked)[disliked]
                self._ids[user].difference_update(e.id for _, _, e in rows[:-keep])
                del rows[:-keep]
        return len(new)

    def _added(self, event: Event) -> bool:
        ids = self._ids[event.user]
        if event.id in ids:
            return False
        ids.add(event.id)
        rows = self._rows[event.disliked][event.user]
        bisect.insort(rows, (event.time, next(self._arrivals), event))
        return True

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        checked = checked_query(users, n)
        with self._lock:
            parts = [[rows.get(user, ()) for rows in self._rows] for user in checked]
            return [merge_newest(liked[-n:], disliked[-n:], n) for liked, disliked in parts]

    def recent_feedback(self, users: Sequence[str], n: int) -> list[Feedback]:
        """Return the items of the newest events; see ``Store.recent_feedback``."""
        checked = checked_query(users, n)
        with self._lock:
            pairs = [
                [[(event.item, time) for time, _, event in rows.get(user, ())]
                 for rows in self._rows] for user in checked
            ]  # fmt: skip
        return [
            Feedback([item for item, _ in liked[-n:]], still_disliked(disliked, liked))
            for liked, disliked in pairs
        ]

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``."""
        checked_id("user", user)
        with self._lock:
            self._ids.pop(user, None)
            return sum(len(rows.pop(user, ())) for rows in self._rows)

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``."""
        checked_id("user", user)
        with self._lock:
            erased = self._ids.get(user, set()) & set(ids)
            if erased:
                self._ids[user] -= erased
                for rows in self._rows:
                    rows[user] = [row for row in rows.get(user, ()) if row[2].id not in erased]
            return len(erased)

    def merge(self, anonymous: str, user: str) -> int:
        """Move the events of a user; see ``Store.merge``."""
        with self._lock:
            return super().merge(anonymous, user)

    def ping(self) -> None:
        """Return: memory always answers."""

    def close(self) -> None:
        """Return: there is nothing to close."""
