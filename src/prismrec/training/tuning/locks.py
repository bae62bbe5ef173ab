"""Locks that the operating system frees when the process that holds them is killed."""

import os
from pathlib import Path

from prismrec.io import open_locked


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
        try:
            self.descriptor = open_locked(self.path, create=True, wait=wait)
        except BlockingIOError:
            return False
        return True

    def release(self) -> None:
        """Release the lock."""
        os.close(self.descriptor)

    def __enter__(self) -> "FileLock":
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
