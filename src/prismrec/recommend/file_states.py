"""The states of files: whether they are those that were opened, or have changed since."""

from collections.abc import Sequence
from pathlib import Path

from prismrec.errors import DataError

State = tuple[str, int, int]
"""Name, size and time of the last change of a file."""


def file_states(files: Sequence[Path]) -> list[State]:
    """Return the state of each file.

    Raises:
        OSError: A file is missing.
    """
    statuses = [(file.name, file.stat()) for file in files]
    return [(name, status.st_size, status.st_mtime_ns) for name, status in statuses]


def check_unchanged(files: Sequence[Path], states: Sequence[State]) -> None:
    """Check that files are as they were.

    Raises:
        DataError: A file has another state than before, or is missing.
    """
    for file, state in zip(files, states, strict=True):
        if not file.exists() or file_states([file]) != [state]:
            raise DataError(
                f"{file} was changed or removed while the lists were made, so they may be of two "
                "versions of the histories; wait until the histories are complete, and run the "
                "same command again."
            )
