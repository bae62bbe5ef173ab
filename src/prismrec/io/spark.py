"""Spark: errors of its workers as sentences, and paths that every machine of a cluster reads."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from prismrec import errors

_ERROR = re.compile(r"prismrec\.errors\.(\w+): (.+)")
_GLOB = re.compile(r"([][{}*?\\])")


@contextmanager
def worker_errors() -> Iterator[None]:
    """Raise the errors of this package that a worker of Spark raised, without Spark's report.

    Raises:
        PrismrecError: What the worker raised. Any other error of Spark is raised as it is.
    """
    try:
        yield
    except Exception as error:
        found = _ERROR.search(str(error))
        kind = getattr(errors, found[1], None) if found else None
        if found is None or kind is None:
            raise
        raise kind(found[2].strip()) from error


def spark_path(path: Path) -> str:
    """Return a path of the file system as Spark reads it, whatever its default file system.

    Spark reads the characters of a glob as one, so they are escaped.
    """
    return "file://" + _GLOB.sub(r"\\\1", str(path.resolve()))
