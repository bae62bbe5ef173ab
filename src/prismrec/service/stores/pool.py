"""A pool of connections: it grows to the largest number in use at the same time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from prismrec.errors import StoreError


class Closable(Protocol):
    """A connection that can be closed."""

    def close(self) -> None:
        """Close the connection."""


C = TypeVar("C", bound=Closable)


class ConnectionPool(Generic[C]):
    """Idle connections; each is used by one thread at a time, and closed if its use fails.

    Args:
        connect: Opens a connection.
        prepare: Configures a new connection.

    ``append`` and ``pop`` of a list are atomic, so no lock is held while a connection is opened.
    """

    def __init__(self, connect: Callable[[], C], prepare: Callable[[C], object]) -> None:
        self._connect, self._prepare = connect, prepare
        self._idle: list[C] = []
        self._closed = threading.Event()

    @contextmanager
    def lend(self) -> Iterator[C]:
        """Yield an idle connection, or a new one if none is idle."""
        if self._closed.is_set():
            raise StoreError("The store was closed; open it again.")
        try:
            connection, is_new = self._idle.pop(), False
        except IndexError:
            connection, is_new = self._connect(), True
        try:
            if is_new:
                self._prepare(connection)
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)
        if self._closed.is_set():  # another thread closed the pool meanwhile
            self.clear()

    def clear(self) -> None:
        """Close the idle connections."""
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:  # another thread took it
                return

    def close(self) -> None:
        """Close the idle connections now, and the others when they come back."""
        self._closed.set()
        self.clear()
