"""Limits of this process, for a block of a test."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def limited(kind: int, most: int) -> Iterator[None]:
    """Set a soft limit of this process, such as ``resource.RLIMIT_FSIZE``."""
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(kind, (soft, hard))


def full_disk(most: int = 100):
    """Allow no file of more bytes than ``most``, as on a full disk."""
    return limited(resource.RLIMIT_FSIZE, most)


def more_memory(most: int):
    """Allow this many more bytes of addresses; an allocation beyond is a MemoryError."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return limited(resource.RLIMIT_AS, pages * resource.getpagesize() + most)
