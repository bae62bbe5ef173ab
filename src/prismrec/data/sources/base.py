"""What a named data set is, and how its files are found, checked and put into the cache."""

import hashlib
import shutil
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from prismrec.errors import DataError

Tables = tuple[pl.LazyFrame, pl.DataFrame | None]
"""Events (``user``, ``item``, ``time`` as a datetime, perhaps ``event``) and items (``item``,
``title``, ``categories``)."""
Form = tuple[tuple[str, ...], Callable[[list[Path]], Tables]]
"""Names of the files that hold a data set, and what reads them, given in that order."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A named data set: whose it is, where it comes from, what its files are."""

    name: str
    what: str
    """One line: what the events are."""
    terms: str
    """One sentence: whose data it is and under what terms."""
    home: str
    """The page to read before using it."""
    size_mib: int
    """Size of what is downloaded."""
    forms: tuple[Form, ...]
    """Ways in which it is published, the preferred first; any one will do."""
    download: Callable[[Path], Path] | None = None
    """Get it into a folder and give the archive's or folder's path; None where nobody may."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Of the files by name, where known; the others are recorded as they were found."""


def find(
    source: Source, raw: Path, scratch: Path
) -> tuple[list[Path], Callable[[list[Path]], Tables]]:
    """Find the files of one of the source's forms in a folder, a zip archive or a single file.

    Raises:
        DataError: Nothing at ``raw``, or not all files of any form.
    """
    if not raw.exists():
        raise DataError(
            f"{source.name} was asked from {raw}, which does not exist; check the path."
        )
    zipped = zipfile.is_zipfile(raw)
    if zipped:
        with zipfile.ZipFile(raw) as archive:
            names = archive.namelist()
    else:
        names = [str(path) for path in (raw.rglob("*") if raw.is_dir() else [raw])]
    for wanted, read in source.forms:
        found = [_named(name, names) for name in wanted]
        if None not in found:
            members = [name for name in found if name is not None]
            return [_unpack(raw, m, scratch) if zipped else Path(m) for m in members], read
    ways = " or ".join(" and ".join(files) for files, _ in source.forms)
    raise DataError(
        f"{source.name} was asked from {raw}, which does not hold {ways}; see {source.home}."
    )


def check(source: Source, files: list[Path]) -> dict[str, str]:
    """Give the SHA-256 of each file by name, compared with the one known.

    Raises:
        DataError: A file is not the one that is known under its name.
    """
    seen = {}
    for path in files:
        with path.open("rb") as file:
            seen[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        known = source.sha256.get(path.name, seen[path.name])
        if seen[path.name] != known:
            raise DataError(
                f"{path} is not the file that {source.name} is known by: its SHA-256 is "
                f"{seen[path.name]}, not {known}; get it again from {source.home}."
            )
    return seen


def download(url: str, folder: Path) -> Path:
    """Get a file into a folder, named as in its address.

    Raises:
        DataError: It cannot be reached.
    """
    path = folder / url.rsplit("/", 1)[-1]
    try:
        with urllib.request.urlopen(url, timeout=60) as reply, path.open("wb") as file:  # noqa: S310
            shutil.copyfileobj(reply, file, 1 << 20)
    except OSError as error:
        raise DataError(
            f"{url} could not be downloaded ({error}); download it elsewhere and give its path."
        ) from error
    return path


def _named(name: str, names: list[str]) -> str | None:
    """Give the first of the paths that ends in this file name, gzipped or not."""
    fitting = (path for path in names if Path(path).name in (name, f"{name}.gz"))
    return next(fitting, None)


def _unpack(archive: Path, member: str, scratch: Path) -> Path:
    path = scratch / Path(member).name  # the name alone: a member cannot leave the folder
    with zipfile.ZipFile(archive) as opened, opened.open(member) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return path
