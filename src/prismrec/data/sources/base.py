"""Named data sets: how their files are downloaded, found and checked."""

import hashlib
import shutil
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from prismrec.errors import DataError, DownloadError

Tables = tuple[pl.LazyFrame, pl.DataFrame | None]
"""Events (``user``, ``item``, ``time`` as a datetime, optionally ``event``) and items (``item``,
``title``, ``categories``)."""
Layout = tuple[tuple[str, ...], Callable[[list[Path]], Tables]]
"""The names of the files of a data set, and the function that reads them in this order."""

TIMEOUT_S = 60
RETRIES = 2


@dataclass(frozen=True, kw_only=True)
class Source:
    """A named data set: its owner, its origin and its files."""

    name: str
    what: str
    """One line that describes the events."""
    terms: str
    """One sentence: the owner of the data and the terms of use."""
    home: str
    """The page to read before using the data."""
    size_mib: int
    """Size of the download in MiB."""
    layouts: tuple[Layout, ...]
    """The sets of files in which the data is published, preferred first. One of them is enough."""
    download: Callable[[Path], Path] | None = None
    """Download the data into a folder and return the path of the archive. None: not allowed."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Known hashes by file name. The hashes of other files are recorded, not checked."""


def find_files(
    source: Source, raw: Path, scratch: Path
) -> tuple[list[Path], Callable[[list[Path]], Tables]]:
    """Find the files of one layout in a folder, a zip archive or a single file.

    Args:
        source: The named data set.
        raw: The folder, archive or file.
        scratch: An empty folder into which the files of an archive are unpacked.

    Returns:
        The files, and the function that reads them.

    Raises:
        DataError: ``raw`` does not exist, or no layout is complete.
    """
    if not raw.exists():
        raise DataError(
            f"{source.name} cannot be read from {raw}, which does not exist; check the path."
        )
    zipped = zipfile.is_zipfile(raw)
    if zipped:
        with zipfile.ZipFile(raw) as archive:
            names = archive.namelist()
    else:
        names = [str(path) for path in (raw.rglob("*") if raw.is_dir() else [raw])]
    for files, read in source.layouts:
        matches = [_match(name, names) for name in files]
        members = [name for name in matches if name is not None]
        if len(members) == len(files):
            return [_unpack(raw, m, scratch) if zipped else Path(m) for m in members], read
    choices = " or ".join(" and ".join(files) for files, _ in source.layouts)
    raise DataError(
        f"{source.name} cannot be read from {raw}, which does not contain {choices}; see "
        f"{source.home}."
    )


def check_hashes(source: Source, files: list[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file by name, and compare it with the known one.

    Raises:
        DataError: The hash of a file is not the known one.
    """
    hashes = {}
    for path in files:
        with path.open("rb") as file:
            hashes[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
        known = source.sha256.get(path.name, hashes[path.name])
        if hashes[path.name] != known:
            raise DataError(
                f"{path} is not the known file of {source.name}: its SHA-256 is "
                f"{hashes[path.name]}, not {known}; download it again from {source.home}."
            )
    return hashes


def download(url: str, folder: Path) -> Path:
    """Download a file into a folder and return its path. The file has the last part of the URL.

    A failed or incomplete download is tried again, up to ``RETRIES`` times.

    Raises:
        DownloadError: The file cannot be downloaded.
    """
    import pooch  # imports requests: 0.1 s that only a download needs

    base, name = url.rsplit("/", 1)
    pooch.get_logger().setLevel("WARNING")
    files = pooch.create(
        path=folder, base_url=f"{base}/", registry={name: None}, retry_if_failed=RETRIES
    )
    try:
        return Path(files.fetch(name, downloader=pooch.HTTPDownloader(timeout=TIMEOUT_S)))
    except OSError as error:
        raise DownloadError(
            f"{url} could not be downloaded ({error}); download it in another way and give its "
            "path."
        ) from error


def _match(name: str, names: list[str]) -> str | None:
    """Return the first path with this file name, compressed with gzip or not."""
    matches = (path for path in names if Path(path).name in (name, f"{name}.gz"))
    return next(matches, None)


def _unpack(archive: Path, member: str, scratch: Path) -> Path:
    # Only the last part of the name: a member cannot be written outside the folder.
    path = scratch / Path(member).name
    with zipfile.ZipFile(archive) as opened, opened.open(member) as packed, path.open("wb") as file:
        shutil.copyfileobj(packed, file, 1 << 20)
    return path
