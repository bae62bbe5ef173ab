"""Named data sets: fetched where they may be, read from a local copy, checked by hash.

    log, items = open_named("ml-100k", cache)
    log, items = open_named("taobao", cache, source="UserBehavior.csv.zip")
    log, items = open_named("synthetic:many-taste?users=500", cache)

What is fetched is rewritten once as two Parquet files in ``cache/NAME``, which are read as any
other log is. Nothing is bundled: most of these may not be redistributed. To add one, write a file
with a ``Source`` and add a line to ``DATASETS``.
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
from prismrec.data.sources.amazon_books import AMAZON_BOOKS
from prismrec.data.sources.base import Source, check, find
from prismrec.data.sources.movielens import ML_1M, ML_100K
from prismrec.data.sources.taobao import TAOBAO
from prismrec.data.synthetic import PREFIX, open_world
from prismrec.errors import DataError, UnknownName
from prismrec.io import atomic_folder, describe_write_errors

DATASETS: dict[str, Source] = {
    source.name: source for source in (ML_100K, ML_1M, AMAZON_BOOKS, TAOBAO)
}
NOTE = "source.json"


class Fetched(NamedTuple):
    """A named data set in the cache."""

    events_path: Path
    items_path: Path | None
    terms: str
    sha256: dict[str, str]  # of each file that it was made from


def fetch(name: str, cache: str | Path, *, source: str | Path | None = None) -> Fetched:
    """Put a named data set into the cache, unless it is there already.

    Args:
        name: A key of ``DATASETS``.
        cache: Folder of all named data sets; made if absent.
        source: A local folder, zip archive or file to take it from, instead of the internet and
            of what is in the cache.

    Raises:
        UnknownName: No such data set.
        DataError: It cannot be reached, its files are not the ones known, or the cache cannot be
            written or holds something else under that name.
    """
    if name not in DATASETS:
        raise UnknownName.among("data set", name, DATASETS)
    known = DATASETS[name]
    folder = Path(cache) / name
    if source is not None or not (folder / NOTE).is_file():
        with describe_write_errors(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            made = tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{name}.")
        with made as scratch:
            _build(known, Path(scratch), folder, None if source is None else Path(source))
    items = folder / "items.parquet"
    sha256 = json.loads((folder / NOTE).read_text(encoding="utf-8"))["sha256"]
    present = items if items.is_file() else None
    return Fetched(folder / "events.parquet", present, known.terms, sha256)


def open_named(
    name: str,
    cache: str | Path,
    *,
    source: str | Path | None = None,
    keep_events: Collection[str] = (),
) -> tuple[EventLog, ItemDescriptions | None]:
    """Fetch a named data set, or draw a ``synthetic:`` one, and give its events and items.

    Args:
        name: A key of ``DATASETS``, or the name of a synthetic world.
        cache: See ``fetch``.
        source: See ``fetch``.
        keep_events: Kinds of event to keep, for example ``pv``; all if empty.
    """
    if name.startswith(PREFIX):
        return open_world(name)
    fetched = fetch(name, cache, source=source)
    log = replace(read_events(fetched.events_path, keep_events=keep_events), source=name)
    items = fetched.items_path
    return log, None if items is None else ItemDescriptions(pl.read_parquet(items))


def _build(known: Source, scratch: Path, folder: Path, raw: Path | None) -> None:
    """Make the cache's folder, whole or not at all."""
    if raw is None:
        if known.download is None:
            raise DataError(
                f"{known.name} cannot be downloaded without an account; get it from {known.home} "
                "and give the path of the file."
            )
        raw = known.download(scratch)
    files, read = find(known, raw, scratch)
    sha256 = check(known, files)
    events, items = read(files)
    record = {"name": known.name, "home": known.home, "terms": known.terms, "sha256": sha256}
    with atomic_folder(folder, NOTE, f'"{known.name}"') as made:
        events.sink_parquet(made / "events.parquet")
        if items is not None:
            items.write_parquet(made / "items.parquet")
        (made / NOTE).write_text(json.dumps(record, indent=2), encoding="utf-8")
