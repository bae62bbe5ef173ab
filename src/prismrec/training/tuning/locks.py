"""Locks that the operating system frees when the process that holds them is killed."""

import fcntl
import os
from pathlib import Path
from types import TracebackType


class FileLock:
    """A lock on a file of its own, for several processes.

    Args:
        path: The file; it is created, and never removed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.descriptor = path, -1

    def acquire(self, *, wait: bool = True) -> bool:
        """Wait for the lock; without ``wait``, return whether it was free."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            self.release()
            return False
        return True

    def release(self) -> None:
        """Release the lock."""
        os.close(self.descriptor)

    def __enter__(self) -> "FileLock":
        self.acquire()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()
