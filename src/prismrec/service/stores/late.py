"""A store that is opened when its server answers: a service may start before its database."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from prismrec.errors import StoreError
from prismrec.service.stores.base import Event, Feedback, Store

RETRY = 1.0
"""Seconds between two attempts to open the store."""
log = logging.getLogger("prismrec.service")


class LateStore(Store):
    """A store that is opened at once if it can be, and otherwise by a later call.

    Args:
        opening: Opens the store.
        place: What the log calls it, without a password.

    Raises:
        ConfigError, MissingExtra, UnknownName: The store can never be opened.
    """

    kind: ClassVar[str] = "late"

    def __init__(self, opening: Callable[[], Store], place: str) -> None:
        super().__init__("")
        self._opening, self._place = opening, place
        self._store: Store | None = None
        self._promise = ""
        self._lock, self._tried = threading.Lock(), -RETRY
        try:
            self._opened()
        except StoreError as error:
            fields = {"store": self._place, "reason": str(error)}
            log.error("store not opened", extra={"fields": fields})

    def _opened(self) -> Store:
        """Return the store; open it if nobody tried within the last second.

        Raises:
            StoreError: It cannot be opened now.
        """
        if self._store is not None:
            return self._store
        if not self._lock.acquire(blocking=False):
            raise StoreError("The store is not open yet; try again.")
        try:
            if self._store is None:
                if time.monotonic() - self._tried < RETRY:
                    raise StoreError("The store could not be opened; try again in a second.")
                self._tried = time.monotonic()
                store = self._opening()
                self._promise, self._store = _promise_of(store), store
                fields = {"store": self._place, "promise": self._promise}
                log.info("store opened", extra={"fields": fields})
            return self._store
        finally:
            self._lock.release()

    @property
    def promise(self) -> str:
        """The durability of stored events; see ``Store.promise``."""
        return self._opened().promise

    def append(self, events: Iterable[Event]) -> int:
        """Store events; see ``Store.append``."""
        return self._opened().append(events)

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        return self._opened().recent_many(users, n)

    def recent_feedback(self, users: Sequence[str], n: int) -> list[Feedback]:
        """Return the items of the newest events; see ``Store.recent_feedback``."""
        return self._opened().recent_feedback(users, n)

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``."""
        return self._opened().forget(user)

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``."""
        return self._opened().forget_events(user, ids)

    def merge(self, anonymous: str, user: str) -> int:
        """Move the events of a user; see ``Store.merge``."""
        return self._opened().merge(anonymous, user)

    def ping(self) -> None:
        """Check that the store answers; see ``Store.ping``. A changed promise is logged."""
        store = self._opened()
        store.ping()
        promise = store.promise
        with self._lock:
            changed, self._promise = promise != self._promise, promise
        if changed:
            fields = {"store": self._place, "promise": promise}
            log.warning("promise of the store changed", extra={"fields": fields})

    def close(self) -> None:
        """Close the store, if it was opened; see ``Store.close``."""
        if self._store is not None:
            self._store.close()


def _promise_of(store: Store) -> str:
    """Return the promise of a store that was just opened; without it, the store is closed."""
    try:
        return store.promise
    except StoreError:
        store.close()
        raise
