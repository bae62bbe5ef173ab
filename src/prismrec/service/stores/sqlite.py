"""Events in one SQLite file: the default, which needs no server.

    SqliteStore("sqlite:///events.db")              # relative to the working folder
    SqliteStore("sqlite:////var/lib/prism/e.db")    # absolute

Readers never wait (WAL). A commit returns when the operating system reports that the log is on disk
(synchronous=FULL). Several processes of one machine may share the file. It must not be on a network
file system.

What is erased is overwritten in the file (secure_delete), but the log has it until it is emptied,
which is impossible while another connection reads from it. Then a thread tries again every
``AGAIN`` seconds: the log is empty at the latest that long after the last such reader has ended.
"""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, ClassVar

import orjson

from prismrec.errors import ConfigError, StoreError
from prismrec.service.stores.base import (
    KEEP,
    Event,
    Store,
    checked_events,
    checked_id,
    checked_query,
    refuse_newer,
)
from prismrec.service.stores.pool import Pool

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE events (arrival INTEGER PRIMARY KEY, user TEXT NOT NULL, id TEXT NOT NULL,"
        " time INTEGER NOT NULL, item TEXT NOT NULL, UNIQUE (user, id))",
        # SQLite appends the row number, the arrival, to every index by itself.
        "CREATE INDEX events_in_order ON events (user, time)",
    ),
)
"""Statements that migrate a file from version i to i + 1, its ``PRAGMA user_version``."""
PATIENCE = 10.0
"""Seconds that a writer waits for other writers."""
AGAIN = 0.2
"""Seconds between two attempts to empty the log after an erasure."""
INSERT = "INSERT INTO events (user, item, time, id) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
TRIM = """
    DELETE FROM events WHERE arrival IN (
        SELECT arrival FROM events WHERE user = ?
        ORDER BY time DESC, arrival DESC LIMIT -1 OFFSET ?
    )
"""
FORGET = "DELETE FROM events WHERE user = ? AND id = ?"
RECENT = """
    SELECT json_group_array(json_array(wanted.key, json((
        SELECT json_group_array(json_array(time, arrival, item, id)) FROM (
            SELECT time, arrival, item, id FROM events WHERE user = wanted.value
            ORDER BY time DESC, arrival DESC LIMIT ?2
        )
    )))) FROM json_each(?1) AS wanted
"""
"""One row for all users. Python's lock is released and awaited for every row, and while lists are
computed each wait can take half a millisecond."""
RECENT_ITEMS = """
    SELECT json_group_array(json_array(wanted.key, json((
        SELECT json_group_array(item) FROM (
            SELECT item FROM events WHERE user = wanted.value
            ORDER BY time DESC, arrival DESC LIMIT ?2
        )
    )))) FROM json_each(?1) AS wanted
"""
"""A third of the cost of ``RECENT``. The limit keeps SQLite from merging the inner query with the
aggregate, which so gets the rows in their order."""


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
        self._writing = threading.Lock()  # a fair queue of threads; waiting in SQLite is not fair
        self._pool = Pool(self._connect, _prepare)
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
            stored = connection.executemany(INSERT, checked).rowcount
            users = {event.user for event in checked}
            connection.executemany(TRIM, [(user, self._keep) for user in users])
        return stored

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        found = self._newest(RECENT, users, n)
        return [
            [Event(user, item, time, name) for time, _, item, name in sorted(found[place])]
            for place, user in enumerate(users)
        ]

    def recent_items(self, users: Sequence[str], n: int) -> list[list[str]]:
        """Return the items of the newest events; see ``Store.recent_items``."""
        found = self._newest(RECENT_ITEMS, users, n)
        return [found[place][::-1] for place in range(len(users))]

    def _newest(self, query: str, users: Sequence[str], n: int) -> dict[int, list[Any]]:
        """Return what a query finds for each user, by the user's place."""
        checked, limit = checked_query(users, n), min(n, self._keep)
        with self._lent() as connection:
            ((text,),) = connection.execute(query, (orjson.dumps(checked).decode(), limit))
        return dict(orjson.loads(text))

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``, and the module docstring for their bytes."""
        checked_id("user", user)
        with self._transaction() as connection:
            erased = connection.execute("DELETE FROM events WHERE user = ?", (user,)).rowcount
        self._empty_log()
        return erased

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``."""
        checked_id("user", user)
        with self._transaction() as connection:
            rows = [(user, name) for name in ids]
            erased = connection.executemany(FORGET, rows).rowcount if rows else 0
        self._empty_log()
        return erased

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
            with self._lent() as connection:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
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
            while not self._closing.wait(AGAIN) and not self._emptied():
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


def _prepare(connection: sqlite3.Connection) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = ON")
