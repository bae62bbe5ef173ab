"""What a service answers from, for a worker that takes the place of another one.

A version that was published but not loaded, or that a reload refused, must not answer because a
worker died. So each worker reports the copies that it answers from to the supervisor, and a worker
that is started later opens the same copies.
"""

import multiprocessing
from contextlib import suppress
from typing import ClassVar, NamedTuple


class Answered(NamedTuple):
    """What a worker answers from."""

    reload: str | None
    """Id of the newest reload that the worker has followed or refused; None if there was none."""
    copies: tuple[str, ...]
    """Names of the copies: of the artifact, and of the one to compare with if there is one."""


class Reports:
    """The reports of one worker; the supervisor makes it, and the worker gets it at its start."""

    newest: ClassVar[Answered | None] = None
    """In the supervisor: the newest report of any worker."""
    current: ClassVar["Reports | None"] = None
    """In a worker: its own reports."""

    def __init__(self) -> None:
        self._receive, self._send = multiprocessing.Pipe(duplex=False)
        self.inherited = Reports.newest
        """What the workers answered from when this worker was started; None for the first ones."""

    def use(self) -> None:
        """Make these the reports of this process, the worker."""
        Reports.current = self

    def read(self) -> None:
        """Read the reports of the worker; it never waits."""
        with suppress(OSError, EOFError):
            while self._receive.poll(0):
                Reports.newest = self._receive.recv()

    def add(self, answered: Answered) -> None:
        """Report what this worker answers from."""
        self._send.send(answered)


def inherited() -> Answered | None:
    """Return what other workers answered from when this one was started; None for a first one."""
    return Reports.current.inherited if Reports.current else None


def report(answered: Answered) -> None:
    """Report what this process answers from, if it is a worker of a supervisor."""
    if Reports.current:
        Reports.current.add(answered)
