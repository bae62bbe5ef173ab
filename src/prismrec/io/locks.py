"""Locks on files and folders, for threads and processes. A process that is killed frees its locks.

with locked(folder / "report.lock", create=True):
    write_report(folder)
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path


class NoLocksError(OSError):
    """The file system of a path has no locks."""


def open_locked(
    path: Path, *, create: bool = False, shared: bool = False, wait: bool = True
) -> int:
    """Open and lock a file or a folder; return its descriptor, which frees the lock when closed.

    If another process replaces it before it is locked, the new one is opened and locked.

    Args:
        path: The path of the file or folder.
        create: Create the file if there is none.
        shared: Only keep those out who lock it without ``shared``.
        wait: Wait until the lock is free.

    Raises:
        BlockingIOError: The lock is not free, and ``wait`` is False.
        NoLocksError: Its file system has no locks.
        OSError: It cannot be opened, for example because there is none.
    """
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB)
    while True:
        with ExitStack() as closed_unless_returned:
            descriptor = _open(path, create=create)
            closed_unless_returned.callback(os.close, descriptor)
            _lock(descriptor, kind, path)
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    closed_unless_returned.pop_all()
                    return descriptor


def _open(path: Path, *, create: bool) -> int:
    """Open a file or a folder: a file for writing, without which NFS refuses to lock it."""
    if create:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    with suppress(OSError):  # a folder, or a file without write permission
        return os.open(path, os.O_RDWR)
    return os.open(path, os.O_RDONLY)


def _lock(descriptor: int, kind: int, path: Path) -> None:
    """Keep others out; raise NoLocksError if that fails for another reason than their lock."""
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        raise
    except OSError as error:
        reason = f"{path} is on a file system without locks: {error.strerror}"
        raise NoLocksError(error.errno, reason) from error


@contextmanager
def locked(path: Path, *, create: bool = False, wait: bool = True) -> Iterator[None]:
    """Keep a file or a folder locked until the block ends; see ``open_locked``."""
    descriptor = open_locked(path, create=create, wait=wait)
    try:
        yield
    finally:
        os.close(descriptor)
