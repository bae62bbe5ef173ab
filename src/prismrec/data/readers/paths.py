"""Find the files of a path, a folder or a glob."""

import glob
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from pathlib import Path

from prismrec.data.readers.text import COMPRESSED
from prismrec.errors import DataError

TABLE_LOGS = {"_delta_log": "Delta Lake", ".hoodie": "Hudi"}
"""Folders with the log of a table, which states which of its files are of the current version."""


def find_paths(source: str | Path) -> list[Path]:
    """Return the files of a path, a folder (with its subfolders) or a glob, sorted by name.

    Names that begin with ``.`` or ``_`` are skipped unless the caller writes them: Spark leaves
    ``_SUCCESS`` and ``.crc`` files, editors leave ``.checkpoints``, and interrupted jobs leave
    ``_temporary`` folders.

    Raises:
        DataError: There is no file, or the folder is in a table of Delta Lake or another format
            whose log states which files count.
    """
    return find_all_paths(source)[0]


def find_all_paths(source: str | Path) -> tuple[list[Path], list[Path]]:
    """Return the files as ``find_paths`` does, and those that are skipped but have their endings.

    Raises:
        DataError: See ``find_paths``.
    """
    path = Path(source)
    if path.is_file():
        return [path], []
    candidates: Iterable[Path] = map(Path, glob.glob(str(source), recursive=True))
    if path.is_dir() and str(source):  # "" is an unset variable, not the current folder
        candidates = list(_files_below(path))
        _check_no_table(path, candidates)
    files: dict[bool, list[Path]] = {False: [], True: []}
    written = set(path.parts)
    for each in sorted(each for each in candidates if each.is_file()):
        is_skipped = any(part[0] in "._" for part in each.parts if part not in written)
        files[is_skipped].append(each)
    paths, skipped = files[False], files[True]
    if not paths:
        raise DataError(f"There is no file at {str(source)!r}; give a file, a folder or a glob.")
    endings = {ending_of(each) for each in paths} - {""}
    return paths, [each for each in skipped if ending_of(each) in endings]


def _check_no_table(folder: Path, files: Iterable[Path]) -> None:
    """Check that a folder has no table with a log, and is in none.

    Raises:
        DataError: It has one: to read all files would also read rows of earlier versions.
    """
    place = folder.resolve()
    logs = [name for one in (place, *place.parents) for name in TABLE_LOGS if (one / name).is_dir()]
    below = {part for file in files for part in file.relative_to(folder).parts[:-1]}
    for log in (*logs, *below.intersection(TABLE_LOGS)):
        raise DataError(
            f"{folder} was to be read, but it belongs to a table of {TABLE_LOGS[log]}, whose "
            "folder also has rows of earlier versions; write the current version as plain "
            f"Parquet, or give a glob such as '{folder}/**/*.parquet' to read every file."
        )


def _files_below(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder and its subfolders: each folder once, also if links lead to it.

    A folder that must not be read is left out.
    """
    # Skipped folders come last, and links after the folders themselves.
    seen, folders = set(), [(False, False, folder)]  # is skipped, is a link, path
    while folders:
        is_skipped, _, current = heappop(folders)
        real = current.resolve()
        if real in seen:
            continue
        seen.add(real)
        try:
            entries = list(current.iterdir())
        except PermissionError:
            continue
        for each in entries:
            if each.is_dir():
                skip = is_skipped or each.name[0] in "._"
                heappush(folders, (skip, each.is_symlink(), each))
            else:
                yield each


def ending_of(path: Path) -> str:
    """Return the ending of a file's name in lower case, without the ending of its compression."""
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSED:
        endings.pop()
    return endings[-1] if endings else ""
