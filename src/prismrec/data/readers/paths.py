"""Find the files of a path, a folder or a glob."""

import glob
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
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
    return find_all_paths(source)[0]


def find_all_paths(source: str | Path) -> tuple[list[Path], list[Path]]:
    """Return the files as ``find_paths`` does, and those that are skipped but have their endings.

    Raises:
        DataError: There is no file.
    """
    path = Path(source)
    if path.is_file():
        return [path], []
    candidates: Iterable[Path] = map(Path, glob.glob(str(source), recursive=True))
    if path.is_dir() and str(source):  # "" is an unset variable, not the current folder
        candidates = _files_below(path)
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
