"""Named data sets: downloaded if their terms allow it, or read from a local copy.

    log, items = open_named("ml-100k", cache)
    log, items = open_named("taobao", cache, source="UserBehavior.csv.zip")
    log, items = open_named("synthetic:many-taste?users=500", cache)

A data set is converted once to two Parquet files in ``cache/NAME``, which are read like any other
log. The package contains no data, since most data sets may not be redistributed. To add one, write
a file with a ``Source`` and add one line to ``DATASETS``.
"""

import json
import tempfile
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import polars as pl

from prismrec.data.events import EventLog, read_events
from prismrec.data.items import ItemDescriptions
from prismrec.data.readers.columns import Columns
from prismrec.data.readers.weighting import NO_WEIGHTING, Weighting
from prismrec.data.sources.amazon_books import AMAZON_BOOKS
from prismrec.data.sources.base import Source, check_hashes, find_files
from prismrec.data.sources.movielens import ML_1M, ML_100K
from prismrec.data.sources.taobao import TAOBAO
from prismrec.data.synthetic import PREFIX, open_world
from prismrec.errors import ConfigError, DataError, UnknownName
from prismrec.io import FolderKind, atomic_folder, describe_write_errors

DATASETS: dict[str, Source] = {
    source.name: source for source in (ML_100K, ML_1M, AMAZON_BOOKS, TAOBAO)
}
RECORD = "source.json"


class CachedDataset(NamedTuple):
    """A named data set in the cache."""

    events_path: Path
    items_path: Path | None
    terms: str
    sha256: dict[str, str]  # by name, of the original files


def fetch(name: str, cache: str | Path, *, source: str | Path | None = None) -> CachedDataset:
    """Download a named data set into the cache, if it is not there yet.

    Args:
        name: A key of ``DATASETS``.
        cache: Folder of all named data sets; created if it does not exist.
        source: A local folder, zip archive or file to read instead of a download. It replaces the
            data set in the cache.

    Raises:
        UnknownName: Unknown data set.
        DownloadError: The data cannot be downloaded.
        DataError: The download needs an account, the files are not the known ones, or the cache
            cannot be written or contains something else under this name.
    """
    if name not in DATASETS:
        raise UnknownName.among("data set", name, DATASETS)
    known = DATASETS[name]
    folder = Path(cache) / name
    if source is not None or not (folder / RECORD).is_file():
        with describe_write_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            temporary = tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}.")
        with temporary as scratch:
            _build(known, Path(scratch), folder, None if source is None else Path(source))
    items = folder / "items.parquet"
    sha256 = json.loads((folder / RECORD).read_text(encoding="utf-8"))["sha256"]
    present = items if items.is_file() else None
    return CachedDataset(folder / "events.parquet", present, known.terms, sha256)


def open_named(
    name: str,
    cache: str | Path,
    *,
    source: str | Path | None = None,
    keep_events: Collection[str] = (),
    weighting: Weighting = NO_WEIGHTING,
) -> tuple[EventLog, ItemDescriptions | None]:
    """Open a named or ``synthetic:`` data set; return its events and items.

    Args:
        name: A key of ``DATASETS``, or the name of a synthetic world.
        cache: See ``fetch``.
        source: See ``fetch``.
        keep_events: The kinds of event to keep, for example ``pv``. Empty: all.
        weighting: Weights of events and dislikes; see ``Columns``.

    Raises:
        ConfigError: A synthetic data set was to have kinds of events, weights or dislikes.
    """
    if name.startswith(PREFIX):
        if keep_events or not weighting.is_empty:
            raise ConfigError(
                f"Kinds of events, weights or dislikes were given for {name}, but events of a "
                "synthetic data set have neither kinds nor values; leave them out."
            )
        return open_world(name)
    fetched = fetch(name, cache, source=source)
    columns = Columns(weighting=weighting)
    log = read_events(fetched.events_path, columns=columns, keep_events=keep_events)
    log = replace(log, source=name)
    items = fetched.items_path
    return log, None if items is None else ItemDescriptions(pl.read_parquet(items))


def _build(known: Source, scratch: Path, folder: Path, raw: Path | None) -> None:
    """Write the folder of a data set in the cache, completely or not at all."""
    if raw is None:
        if known.download is None:
            raise DataError(
                f"{known.name} cannot be downloaded without an account; get it from {known.home} "
                "and give the path of the file."
            )
        raw = known.download(scratch)
    files, read = find_files(known, raw, scratch)
    sha256 = check_hashes(known, files)
    events, items = read(files)
    kind = FolderKind(RECORD, f'"{known.name}"', (RECORD, "events.parquet", "items.parquet"))
    record = {"name": known.name, "home": known.home, "terms": known.terms, "sha256": sha256}
    with atomic_folder(folder, kind) as part:
        events.sink_parquet(part / "events.parquet")
        if items is not None:
            items.write_parquet(part / "items.parquet")
        (part / RECORD).write_text(json.dumps(record, indent=2), encoding="utf-8")
