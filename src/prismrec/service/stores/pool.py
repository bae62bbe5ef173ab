"""Connections that wait to be used again: as many as were ever in use at once."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, Protocol, TypeVar

from prismrec.errors import StoreError


class Closable(Protocol):
    """A connection, as far as a pool cares."""

    def close(self) -> None:
        """Close it."""


C = TypeVar("C", bound=Closable)


class Pool(Generic[C]):
    """Connections lent to one thread at a time; one whose use failed is closed.

    Args:
        connect: Opens a connection.
        prepare: Sets it up, once.

    A list's ``append`` and ``pop`` are atomic, so no lock is held while one is opened.
    """

    def __init__(self, connect: Callable[[], C], prepare: Callable[[C], object]) -> None:
        self._connect, self._prepare = connect, prepare
        self._idle: list[C] = []
        self._closed = threading.Event()

    @contextmanager
    def lend(self) -> Iterator[C]:
        """Lend an idle connection, or a new one where none is idle."""
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
        if self._closed.is_set():  # by another thread, meanwhile
            self.clear()

    def clear(self) -> None:
        """Close the connections that are idle."""
        while self._idle:
            try:
                self._idle.pop().close()
            except IndexError:  # another thread took it
                return

    def close(self) -> None:
        """Close what is idle now, and the others as they come back."""
        self._closed.set()
        self.clear()
