"""Write transactions of several processes on one SQLite file, so that each gets its turn.

SQLite's own waiting asks ten times a second. A process that writes without a rest is rarely found
resting then, and others would wait until they give up.
"""

import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

PATIENCE = 10.0
"""Seconds that a writer waits for other writers."""
TURN = 0.05
"""Seconds after which a process that writes without a rest makes one."""
REST = 0.004
"""Seconds of such a rest, and the longest time between two questions of those that wait."""


class WriteTurns:
    """The turns of one process; its own threads must come one after another."""

    def __init__(self) -> None:
        self._began = self._ended = 0.0  # of the turn, and of its last transaction

    @contextmanager
    def transaction(self, connection: sqlite3.Connection) -> Iterator[None]:
        """Run a transaction; after a failure it is still open.

        Raises:
            sqlite3.OperationalError: Others wrote for ``PATIENCE`` seconds.
        """
        now = time.monotonic()
        if now > self._ended + REST:
            self._began = now
        elif now > self._began + TURN:
            time.sleep(REST)
            self._began = time.monotonic()
        _begin(connection)
        yield
        connection.execute("COMMIT")
        self._ended = time.monotonic()


def _begin(connection: sqlite3.Connection) -> None:
    end = time.monotonic() + PATIENCE
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        while not _began(connection, last=time.monotonic() > end):
            time.sleep(random.uniform(0, REST))
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(1000 * PATIENCE)}")


def _began(connection: sqlite3.Connection, *, last: bool) -> bool:
    """Return whether a transaction started; the last time, it is an error that another writes."""
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if last or error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True
