"""Events in one SQLite file: the default, which needs no server.

    SqliteStore("sqlite:///events.db")              # relative to the working folder
    SqliteStore("sqlite:////var/lib/prism/e.db")    # absolute

Readers never wait (WAL). A commit returns when the operating system reports that the log is on disk
(synchronous=FULL). Several processes of one machine may share the file. It must not be on a network
file system.

What is erased is overwritten in the file (secure_delete), but the log has it until it is emptied,
which is impossible while another connection reads from it. Then a thread tries again every
``RETRY_SECONDS``: the log is empty at the latest that long after the last such reader has ended.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, ClassVar

import orjson

from prismrec.data import still_disliked
from prismrec.errors import ConfigError, StoreError
from prismrec.service.stores.base import (
    KEEP,
    Event,
    Feedback,
    Store,
    checked_events,
    checked_id,
    checked_query,
    merge_newest,
    refuse_newer,
)
from prismrec.service.stores.pool import ConnectionPool
from prismrec.service.stores.sqlite_queries import (
    ERASE,
    FEEDBACK,
    FORGET,
    INSERT_DISLIKED,
    INSERT_LIKED,
    MERGE,
    MIGRATIONS,
    RECENT,
    TABLES,
    TRIM,
    TRIM_DISLIKED,
    TRIM_LIKED,
)
from prismrec.service.stores.sqlite_turns import PATIENCE, WriteTurns

RETRY_SECONDS = 0.2
"""Seconds between two attempts to empty the log after an erasure."""


class SqliteStore(Store):
    """A table in a file; see the module docstring."""

    kind: ClassVar[str] = "sqlite"

    def __init__(self, url: str, *, keep: int = KEEP) -> None:
        super().__init__(url, keep=keep)
        self._path = url.removeprefix("sqlite:///")
        if self._path in ("", url):
            raise ConfigError(
                f"The address of the store is {url!r}; write sqlite:///events.db, or four slashes "
                "before an absolute path."
            )
        if self._path == ":memory:":
            raise ConfigError(
                f"The address of the store is {url!r}, which gives each thread a store of its own; "
                "write memory:, or sqlite:///events.db."
            )
        self._writing = threading.Lock()  # a fair queue of threads; waiting in SQLite is not fair
        self._turns = WriteTurns()
        self._pool = ConnectionPool(self._connect, _prepare)
        self._file: tuple[int, int] | None = None  # device and inode
        self._erasing, self._closing = threading.Lock(), threading.Event()
        self._migrate()
        self._file = self._identity()
        self._empty_log()  # an earlier process may have erased events and ended before this

    @property
    def promise(self) -> str:
        """The durability of stored events; see ``Store.promise``."""
        return "A stored event is on disk: it survives crashes and power cuts."

    def append(self, events: Iterable[Event]) -> int:
        """Store events; see ``Store.append``."""
        checked = checked_events(events)
        if not checked:
            return 0
        with self._transaction() as connection:
            stored = _insert(connection, checked)
            users = {event.user for event in checked}
            connection.executemany(TRIM_LIKED, [(user, self._keep) for user in users])
            users = {event.user for event in checked if event.disliked}
            if users:
                keep = self._keep_disliked
                connection.executemany(TRIM_DISLIKED, [(user, keep) for user in users])
        return stored

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        found = self._newest(RECENT, users, n)
        return [
            merge_newest(_events(user, liked), _events(user, disliked, disliked=True), n)
            for user, (liked, disliked) in zip(users, found, strict=True)
        ]

    def recent_feedback(self, users: Sequence[str], n: int) -> list[Feedback]:
        """Return the items of the newest events; see ``Store.recent_feedback``."""
        found = self._newest(FEEDBACK, users, n)
        return [
            Feedback(items[::-1], still_disliked(*disliked) if disliked else ())
            for items, disliked in found
        ]

    def _newest(self, query: str, users: Sequence[str], n: int) -> list[list[Any]]:
        """Return what a query finds for each user."""
        checked, limit = checked_query(users, n), min(n, self._keep)
        with self._lent() as connection:
            ((text,),) = connection.execute(query, (orjson.dumps(checked).decode(), limit))
        found = {place: parts for place, *parts in orjson.loads(text)}
        return [found[place] for place in range(len(users))]

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``, and the module docstring for their bytes."""
        checked_id("user", user)
        with self._transaction() as connection:
            erased = sum(
                connection.execute(ERASE.format(table), (user,)).rowcount for table in TABLES
            )
        self._empty_log()
        return erased

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``."""
        checked_id("user", user)
        with self._transaction() as connection:
            rows = [(user, name) for name in ids]
            erased = sum(
                connection.executemany(FORGET.format(table), rows).rowcount
                for table in TABLES if rows
            )  # fmt: skip
        self._empty_log()
        return erased

    def merge(self, anonymous: str, user: str) -> int:
        """Move the events of a user in one transaction; see ``Store.merge``."""
        if checked_id("user", anonymous) == checked_id("user", user):
            return 0
        limits = (self._keep, self._keep_disliked)
        with self._transaction() as connection:
            moved = sum(
                connection.execute(MERGE.format(*tables), (anonymous, user)).rowcount
                for tables in (TABLES, TABLES[::-1])
            )
            for table, keep in zip(TABLES, limits, strict=True):
                connection.execute(TRIM.format(table), (user, keep))
                connection.execute(ERASE.format(table), (anonymous,))
        self._empty_log()
        return moved

    def ping(self) -> None:
        """Check that the store answers; see ``Store.ping``."""
        with self._lent() as connection:
            connection.execute("SELECT 1 FROM events LIMIT 1")

    def close(self) -> None:
        """Close the connections; see ``Store.close``."""
        self._closing.set()
        self._pool.close()

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self._path, timeout=PATIENCE, isolation_level=None, check_same_thread=False
        )

    @contextmanager
    def _lent(self) -> Iterator[sqlite3.Connection]:
        try:
            self._check_file()
            with self._pool.lend() as connection:
                yield connection
        except sqlite3.Error as error:
            raise StoreError(
                f"The store {self._path} could not be used ({error}); check the file, its folder "
                "and the free space of its disk."
            ) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection inside a write transaction; a failure closes it, which rolls back."""
        if not self._writing.acquire(timeout=PATIENCE):
            raise StoreError(f"The store {self._path} is busy with other writers; try again.")
        try:
            with self._lent() as connection, self._turns.transaction(connection):
                yield connection
        finally:
            self._writing.release()

    def _identity(self) -> tuple[int, int]:
        """Return device and inode of the file; connections to a removed file still work."""
        try:
            status = os.stat(self._path)
        except OSError:
            return 0, 0
        return status.st_dev, status.st_ino

    def _check_file(self) -> None:
        """Check that the file is still there. A new connection would create another one.

        Raises:
            StoreError: It was removed or replaced.
        """
        if self._file and self._identity() != self._file:
            raise StoreError(
                f"The store {self._path} was removed or replaced while it is in use; move the file "
                "back, or restart the service to use the new one."
            )

    def _empty_log(self) -> None:
        """Remove the content of the log, in the background if another connection reads from it."""
        if not self._emptied() and self._erasing.acquire(blocking=False):
            threading.Thread(target=self._empty_later, name="erasing", daemon=True).start()

    def _empty_later(self) -> None:
        try:
            while not self._closing.wait(RETRY_SECONDS) and not self._emptied():
                pass
        finally:
            self._erasing.release()

    def _emptied(self) -> bool:
        """Clear the log if nobody reads it, without waiting; return whether it is empty."""
        try:
            self._check_file()
            with closing(sqlite3.connect(self._path, timeout=0, isolation_level=None)) as own:
                _prepare(own)
                (busy, *_) = own.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except (sqlite3.Error, StoreError):
            return False
        return not busy

    def _migrate(self) -> None:
        with self._lent() as connection:  # cost: reads the whole file once
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                raise StoreError(
                    f"The store {self._path} is damaged ({found}); restore a backup of it."
                )
        with self._transaction() as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            refuse_newer(self._path, version, len(MIGRATIONS))
            for statement in (s for step in MIGRATIONS[version:] for s in step):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _insert(connection: sqlite3.Connection, events: Sequence[Event]) -> int:
    """Insert events in their order, and return the number of new ones."""
    rows = [(*event[:5], None if event.value is None else repr(event.value)) for event in events]
    if not any(event.disliked for event in events):
        return connection.executemany(INSERT_LIKED, rows).rowcount
    queries = (INSERT_LIKED, INSERT_DISLIKED)
    return sum(
        connection.execute(queries[event.disliked], row).rowcount
        for event, row in zip(events, rows, strict=True)
    )


def _events(
    user: str, rows: Sequence[Any], *, disliked: bool = False
) -> list[tuple[int, int, Event]]:
    """Return time, arrival and event of each row of a table."""
    return [
        (time, arrival,
         Event(user, item, time, name, kind, value if value is None else float(value), disliked))
        for time, arrival, item, name, kind, value in rows
    ]  # fmt: skip


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
