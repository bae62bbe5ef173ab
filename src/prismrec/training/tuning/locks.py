"""Locks that the operating system frees when the process that holds them is killed."""

import os
from contextlib import suppress
from pathlib import Path

from prismrec.io import describe_write_errors, open_locked


class FileLock:
    """A lock on a file of its own, for several processes.

    Args:
        path: The file; it is created, and never removed.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.descriptor = path, -1

    def acquire(self, *, wait: bool = True) -> bool:
        """Wait for the lock; without ``wait``, return whether it was free.

        Raises:
            DataError: The file cannot be created or locked.
        """
        with describe_write_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with suppress(BlockingIOError):
                self.descriptor = open_locked(self.path, create=True, wait=wait)
                return True
        return False

    def release(self) -> None:
        """Release the lock."""
        os.close(self.descriptor)

    def __enter__(self) -> "FileLock":
        self.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self.release()
