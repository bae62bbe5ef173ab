"""Lists for many users at once, from file to file: resumable, in the memory of one chunk.

    recommend_file(recommender, "histories.parquet", "lists.parquet", ListOptions(k=20), plan="v7")

Finished chunks stand in ``OUT.parts`` until all are there and become one file; a run that was cut
off goes on after the last of them.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError
from prismrec.io import atomic_file, temporary_path
from prismrec.recommend.recommender import Recommender
from prismrec.types import ListOptions, RankedItems

CHUNK = 4_096
"""Users a chunk; changes no list."""
TOGETHER = 256
"""Users a call of ``Recommender.ranked``."""
SCHEMA = pa.schema(
    [
        ("user", pa.string()),
        ("rank", pa.int32()),
        ("item", pa.string()),
        ("score", pa.float32()),
        ("interest", pa.int32()),
        ("source", pa.string()),
    ]
)
"""One row a recommended item; rank from 1; source "interests" or "popular"."""


@dataclass(frozen=True)
class BulkSummary:
    """What a run came to."""

    users: int
    resumed: int
    """Of them found finished from a former run."""
    rows: int
    unknown: int
    """Items of histories that the catalog does not hold, in the chunks of this run."""
    popular: int
    """Users without a known item, who got what is popular, in the chunks of this run."""


def recommend_file(
    recommender: Recommender,
    histories: str | Path,
    out: str | Path,
    options: ListOptions,
    *,
    plan: str = "",
    on_users: Callable[[int, int], None] | None = None,
) -> BulkSummary:
    """Write a list for each history of a Parquet file, in its order.

    Args:
        recommender: Makes the lists.
        histories: Columns ``user`` and ``history``, a list of item ids, oldest first; an empty
            or missing one gets what is popular.
        out: Parquet file of ``SCHEMA``; a former one is replaced when all is done.
        options: What the lists look like; the re-ranker by name.
        plan: Names the artifact: chunks of a run with another plan, options or file of histories
            are thrown away.
        on_users: Told how many users are done, of how many.

    Raises:
        DataError: ``histories`` is not such a file, or is damaged.
        ConfigError: ``out`` is a folder, or writing it would spoil ``histories``.

    Cost: memory of one chunk and its lists, whatever the number of users.
    """
    histories, out = Path(histories), Path(out)
    source = _opened(histories)
    total = source.metadata.num_rows
    parts = out.with_name(out.name + ".parts")
    _apart(histories, out, parts)
    stat = histories.stat()
    _settle(parts, _plan(plan, options, stat.st_size, stat.st_mtime_ns))
    resumed, unknown, popular = 0, 0, 0
    written = []
    for number, chunk in enumerate(_chunks(source, histories)):
        part = parts / f"{number:08}.parquet"
        written.append(part)
        if part.exists():
            resumed += len(chunk)
        else:
            table, missed, cold = _lists(recommender, chunk, options)
            unknown, popular = unknown + missed, popular + cold
            _write(part, iter([table]))
        if on_users:
            on_users(min((number + 1) * CHUNK, total), total)
    _write(out, _made(written))
    shutil.rmtree(parts)
    return BulkSummary(total, resumed, pq.read_metadata(out).num_rows, unknown, popular)


def _opened(histories: Path) -> pq.ParquetFile:
    """Open the file of histories and refuse what is not one."""
    try:
        source = pq.ParquetFile(histories)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"Histories were to be read from {histories}, which is no Parquet file ({error}); "
            "give one of columns user and history."
        ) from error
    fields = {field.name: field.type for field in source.schema_arrow}
    history = fields.get("history", pa.null())
    is_list = pa.types.is_list(history) or pa.types.is_large_list(history)
    if "user" not in fields or not is_list or not _is_id(history.value_type):
        raise DataError(
            f"Histories in {histories} need the columns user and history, a list of item ids, "
            f"oldest first; it has {', '.join(f'{n!r} ({t})' for n, t in fields.items())}."
        )
    if not _is_id(fields["user"]):
        raise DataError(
            f"The column user of {histories} is {fields['user']}, which cannot hold ids digit for "
            "digit; make it whole numbers or text."
        )
    return source


def _is_id(kind: pa.DataType) -> bool:
    """Say whether values of a type are ids digit for digit; null is the type of none at all."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    held = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_null)
    return any(holds(kind) for holds in held)


def _apart(histories: Path, out: Path, parts: Path) -> None:
    """Refuse to write over what is read, by whatever path the two are named."""
    if out.is_dir():
        raise ConfigError(f"Lists were to be written to {out}, which is a folder; name a file.")
    written = (out, temporary_path(out), *parts.glob("*"))
    if any(path.exists() and path.samefile(histories) for path in written):
        raise ConfigError(
            f"Lists were to be written to {out}, which would spoil the histories in {histories}; "
            "give another file to write."
        )


def _chunks(source: pq.ParquetFile, histories: Path) -> Iterator[pa.RecordBatch]:
    """Read the histories, a chunk at a time."""
    try:
        yield from source.iter_batches(CHUNK, columns=["user", "history"])
    except (OSError, pa.ArrowException) as error:
        said = str(error).strip().partition("\n")[0]
        raise DataError(f"{histories} is damaged ({said}); write it again.") from error


def _plan(plan: str, options: ListOptions, size: int, changed: int) -> str:
    """Name everything that the lists follow from."""
    return json.dumps({"plan": plan, "options": repr(options), "size": size, "changed": changed})


def _settle(parts: Path, plan: str) -> None:
    """Make the folder of parts; what another plan left there goes."""
    note = parts / "plan.json"
    if parts.exists() and not (note.is_file() and note.read_text(encoding="utf-8") == plan):
        if any(path.suffix not in (".parquet", ".json", ".part") for path in parts.iterdir()):
            raise DataError(
                f"Parts of the lists were to be kept in {parts}, which holds something else; "
                "give another file to write."
            )
        shutil.rmtree(parts)
    parts.mkdir(parents=True, exist_ok=True)
    note.write_text(plan, encoding="utf-8")


def _write(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables as one file, whole or not at all."""
    with atomic_file(path) as beside, pq.ParquetWriter(beside, SCHEMA) as writer:
        for table in tables:
            writer.write_table(table)


def _made(parts: Sequence[Path]) -> Iterator[pa.Table]:
    """Read the parts again, in order."""
    for part in parts:
        try:
            yield pq.read_table(part)
        except (OSError, pa.ArrowException) as error:
            raise DataError(
                f"The part {part} of the lists cannot be read again ({error}); remove it and start "
                "the same command again."
            ) from error


def _lists(
    recommender: Recommender, chunk: pa.RecordBatch, options: ListOptions
) -> tuple[pa.Table, int, int]:
    """Give the rows of one chunk, its unknown items and its users without a known one."""
    users = chunk.column("user").cast(pa.string()).to_pylist()
    if None in users:
        raise DataError("A row of the histories has no user; give every history its user.")
    catalog, unknown = recommender.catalog, 0
    numbers: list[NDArray[np.int64]] = []
    for history in chunk.column("history").to_pylist():
        names = [str(name) for name in history or () if name is not None]
        numbers.append(catalog.items.index_known(names))
        unknown += len(names) - len(numbers[-1])
    found = [
        recommender.ranked(numbers[start : start + TOGETHER], options)
        for start in range(0, len(numbers), TOGETHER)
    ]
    ranked = RankedItems(*(np.concatenate(part) for part in zip(*found, strict=True)))
    there = ranked.items > 0
    row, place = np.nonzero(there)
    sources = ["interests" if len(own) else "popular" for own in numbers]
    columns = [
        pa.array([users[number] for number in row], pa.string()),
        pa.array(place + 1, pa.int32()),
        pa.array(catalog.items.external(ranked.items[there].tolist()), pa.string()),
        pa.array(ranked.scores[there], pa.float32()),
        pa.array(ranked.interest[there], pa.int32()),
        pa.array([sources[number] for number in row], pa.string()),
    ]
    return pa.table(columns, schema=SCHEMA), unknown, sources.count("popular")
