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
    return [_state(file) for file in files]


def _state(file: Path) -> State:
    status = file.stat()
    return file.name, status.st_size, status.st_mtime_ns


def check_unchanged(files: Sequence[Path], states: Sequence[State]) -> None:
    """Check that files are as they were.

    Raises:
        DataError: A file has another state than before, or is missing.
    """
    for file, state in zip(files, states, strict=True):
        try:
            is_same = _state(file) == state
        except FileNotFoundError:
            is_same = False
        if not is_same:
            raise DataError(
                f"{file} was changed or removed while the lists were made, so they may be of two "
                "versions of the histories; wait until the histories are complete, and run the "
                "same command again."
            )
