"""Spark: errors of its workers as sentences, paths that all machines read, and even tasks."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from errno import EDQUOT, EFBIG, ENOSPC, EROFS
from pathlib import Path

from prismrec import errors

_ERROR = re.compile(r"prismrec\.errors\.(\w+): (.+)")
_FULL = {os.strerror(number): number for number in (ENOSPC, EDQUOT, EFBIG, EROFS)}
"""What Java reports if a disk cannot be written, and its number."""
_GLOB = re.compile(r"([][{}*?\\])")


@contextmanager
def worker_errors() -> Iterator[None]:
    """Raise errors of this package and of a full disk as they are, without Spark's report.

    Raises:
        PrismrecError: What a worker of Spark raised.
        OSError: A disk is full or cannot be written. Any other error of Spark is raised as it is.
    """
    try:
        yield
    except Exception as error:
        found = _ERROR.search(str(error))
        kind = getattr(errors, found[1], None) if found else None
        reason = next((each for each in _FULL if f": {each}" in str(error)), None)
        if kind is None and reason is not None:
            raise OSError(_FULL[reason], reason) from error
        if found is None or kind is None:
            raise
        raise kind(found[2].strip()) from error


def spark_path(path: Path) -> str:
    """Return a path of the file system as Spark reads it, whatever its default file system.

    Spark reads the characters of a glob as one, so they are escaped.
    """
    return "file://" + _GLOB.sub(r"\\\1", str(path.resolve()))


def even_tasks(sizes: Sequence[int], cores: int, most: int) -> list[range]:
    """Divide parts among tasks, so that small ones share a task and every core has work.

    Args:
        sizes: Rows of each part.
        cores: Tasks that run at the same time.
        most: Rows per task; a part with more has a task of its own.

    Returns:
        The places of the parts of each task, which are consecutive; at least one task.
    """
    most = max(1, min(most, -(-sum(sizes) // cores)))
    tasks, first, rows = [], 0, 0
    for place, size in enumerate(sizes):
        if place > first and rows + size > most:
            tasks.append(range(first, place))
            first, rows = place, 0
        rows += size
    return [*tasks, range(first, len(sizes))]
