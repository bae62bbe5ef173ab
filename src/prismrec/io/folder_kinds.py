"""Kinds of folders that this package writes, by which it knows what it may replace."""

from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from prismrec.errors import DataError

OF_FILE_MANAGERS = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""Files that programs which show folders write into them, and write again."""


class FolderKind(NamedTuple):
    """What a folder of one kind contains."""

    marker_file: str
    """Name of a file that identifies the kind of folder."""
    marker: str
    """Text in this file if the folder may be replaced."""
    files: tuple[str, ...] = ("*",)
    """Paths in the folder that any version of this package writes; ``*`` also matches ``/``."""


def check_replaceable(place: Path, kind: FolderKind) -> None:
    """Raise DataError if a folder has other content than a folder of this kind.

    A folder that is empty, or does not exist, may be written.
    """
    if not place.exists() or (place.is_dir() and not names_in(place)):
        return
    try:
        replaceable = kind.marker in (place / kind.marker_file).read_text(encoding="utf-8")
    except (OSError, ValueError):
        replaceable = False
    other = _first_other(place, kind) if replaceable else None
    if not replaceable or other is not None:
        named = "" if other is None else f" ({other})"
        raise DataError(
            f"{place} cannot be replaced, because it contains something else{named}; give another "
            "folder, or move it."
        )


def names_in(folder: Path) -> set[str]:
    """Return the names in a folder without ``OF_FILE_MANAGERS``."""
    return {path.name for path in folder.iterdir()} - OF_FILE_MANAGERS


def _first_other(place: Path, kind: FolderKind) -> str | None:
    """Return the path in a folder of the first file that is none of its kind; None without one."""
    if "*" in kind.files:
        return None
    for path in sorted(place.rglob("*")):
        name = path.relative_to(place).as_posix()
        is_folder = path.is_dir() and not path.is_symlink()  # an empty one may go
        known = any(fnmatchcase(name, pattern) for pattern in kind.files)
        if not is_folder and not known and path.name not in OF_FILE_MANAGERS:
            return name
    return None
