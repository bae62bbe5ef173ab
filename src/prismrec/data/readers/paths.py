"""Find the files of a path, a folder or a glob."""

import glob
from collections.abc import Iterable
from pathlib import Path

from prismrec.data.readers.text import COMPRESSED
from prismrec.errors import DataError


def find_paths(source: str | Path) -> list[Path]:
    """Return the files of a path, a folder (with its subfolders) or a glob, sorted by name.

    Names that begin with ``.`` or ``_`` are skipped unless the caller writes them: Spark leaves
    ``_SUCCESS`` and ``.crc`` files, editors leave ``.checkpoints``, and interrupted jobs leave
    ``_temporary`` folders.

    Raises:
        DataError: There is no file.
    """
    path = Path(source)
    if path.is_file():
        return [path]
    candidates: Iterable[Path] = map(Path, glob.glob(str(source), recursive=True))
    if path.is_dir() and str(source):  # "" is an unset variable, not the current folder
        candidates = path.rglob("*")
    written = set(path.parts)
    paths = sorted(
        each
        for each in candidates
        if not any(part[0] in "._" for part in each.parts if part not in written) and each.is_file()
    )
    if not paths:
        raise DataError(f"There is no file at {str(source)!r}; give a file, a folder or a glob.")
    return paths


def ending_of(path: Path) -> str:
    """Return the ending of a file's name in lower case, without the ending of its compression."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSED:
        endings.pop()
    return endings[-1] if endings else ""
