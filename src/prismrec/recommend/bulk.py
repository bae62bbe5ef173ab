"""Lists for many users, from file to file: resumable, in the memory of one chunk.

    recommend_file(recommender, "histories.parquet", "lists.parquet", ListOptions(k=20), plan="v7")

Finished chunks are kept in ``OUT.parts`` until all are written; then they become one file. A run
that was interrupted continues after its last finished chunk.
"""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError
from prismrec.io import atomic_file, temporary_path, track
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import ListOptions
from prismrec.types import RankedItems

CHUNK = 4_096
"""Users per chunk; changes no list."""
BATCH = 256
"""Users per call of ``Recommender.ranked``."""
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
"""One row per recommended item: rank from 1; source "interests" or "popular"."""


@dataclass(frozen=True)
class BulkSummary:
    """Counts of a run."""

    users: int
    """Users in the file of histories."""
    resumed: int
    """Users whose lists an earlier run had finished."""
    rows: int
    """Recommended items written."""
    unknown: int
    """Items of histories that the catalog does not hold, in the chunks of this run."""
    popular: int
    """Users without a known item, who got popular items, in the chunks of this run."""


def recommend_file(
    recommender: Recommender,
    histories: str | Path,
    out: str | Path,
    options: ListOptions,
    *,
    plan: str = "",
) -> BulkSummary:
    """Recommend items to every history of a Parquet file, in its order.

    Args:
        recommender: Makes the lists.
        histories: File with the columns ``user`` and ``history`` (lists of item ids, oldest
            first); an empty or missing history gets popular items.
        out: Parquet file of ``SCHEMA``; an earlier one is replaced at the end.
        options: What the lists look like.
        plan: Identifies the artifact: chunks of a run with another plan, other options or another
            file of histories are deleted.

    Raises:
        DataError: ``histories`` is not such a file, or is damaged.
        ConfigError: ``out`` is a folder, or writing it would overwrite ``histories``.

    Cost: memory of one chunk and its lists, whatever the number of users.
    """
    histories, out = Path(histories), Path(out)
    source = _open_histories(histories)
    total = source.metadata.num_rows
    parts = out.with_name(out.name + ".parts")
    _check_paths(histories, out, parts)
    stat = histories.stat()
    _prepare_parts(parts, _plan(plan, options, stat.st_size, stat.st_mtime_ns))
    resumed, unknown, popular = 0, 0, 0
    written = []
    chunks = track(_chunks(source, histories), "recommending", total, size=len)
    for number, chunk in enumerate(chunks):
        part = parts / f"{number:08}.parquet"
        written.append(part)
        if part.exists():
            resumed += len(chunk)
        else:
            table, missed, cold = _lists(recommender, chunk, options)
            unknown, popular = unknown + missed, popular + cold
            _write(part, iter([table]))
    _write(out, _read_parts(written))
    shutil.rmtree(parts)
    return BulkSummary(total, resumed, pq.read_metadata(out).num_rows, unknown, popular)


def _open_histories(histories: Path) -> pq.ParquetFile:
    """Open the file of histories and check its columns."""
    try:
        source = pq.ParquetFile(histories)
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{histories} does not read as a Parquet file of histories ({error}); give one "
            "with the columns user and history."
        ) from error
    fields = {field.name: field.type for field in source.schema_arrow}
    history = fields.get("history", pa.null())
    is_list = pa.types.is_list(history) or pa.types.is_large_list(history)
    if "user" not in fields or not is_list or not _is_id(history.value_type):
        raise DataError(
            f"{histories} needs the columns user and history (lists of item ids), but "
            f"it has {', '.join(f'{n!r} ({t})' for n, t in fields.items())}."
        )
    if not _is_id(fields["user"]):
        raise DataError(
            f"The column user of {histories} is {fields['user']}, which cannot hold ids "
            "exactly; write it as whole numbers or text."
        )
    return source


def _is_id(kind: pa.DataType) -> bool:
    """Return whether a type holds ids exactly; null is the type of an empty column."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    held = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_null)
    return any(holds(kind) for holds in held)


def _check_paths(histories: Path, out: Path, parts: Path) -> None:
    """Raise ConfigError if writing would overwrite the histories, whatever path names them."""
    if out.is_dir():
        raise ConfigError(f"Lists cannot be written to {out}, which is a folder; give a file name.")
    written = (out, temporary_path(out), *parts.glob("*"))
    if any(path.exists() and path.samefile(histories) for path in written):
        raise ConfigError(
            f"Lists cannot be written to {out}, which would overwrite {histories}; give "
            "another file to write."
        )


def _chunks(source: pq.ParquetFile, histories: Path) -> Iterator[pa.RecordBatch]:
    """Yield the histories, one chunk at a time."""
    try:
        yield from source.iter_batches(CHUNK, columns=["user", "history"])
    except (OSError, pa.ArrowException) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(f"{histories} is damaged ({reason}); write it again.") from error


def _plan(plan: str, options: ListOptions, size: int, changed: int) -> str:
    """Return a text that names everything the lists depend on."""
    return json.dumps({"plan": plan, "options": repr(options), "size": size, "changed": changed})


def _prepare_parts(parts: Path, plan: str) -> None:
    """Create the folder of parts; delete the parts of another plan."""
    note = parts / "plan.json"
    if parts.exists() and not (note.is_file() and note.read_text(encoding="utf-8") == plan):
        if any(path.suffix not in (".parquet", ".json", ".part") for path in parts.iterdir()):
            raise DataError(
                f"The parts of the lists cannot be kept in {parts}, which holds other files; give "
                "another file to write."
            )
        shutil.rmtree(parts)
    parts.mkdir(parents=True, exist_ok=True)
    note.write_text(plan, encoding="utf-8")


def _write(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables as one file, whole or not at all."""
    with atomic_file(path) as beside, pq.ParquetWriter(beside, SCHEMA) as writer:
        for table in tables:
            writer.write_table(table)


def _read_parts(parts: Sequence[Path]) -> Iterator[pa.Table]:
    """Yield the parts, in order."""
    for part in parts:
        try:
            yield pq.read_table(part)
        except (OSError, pa.ArrowException) as error:
            raise DataError(
                f"The part {part} of the lists cannot be read ({error}); delete it and run the "
                "same command again."
            ) from error


def _lists(
    recommender: Recommender, chunk: pa.RecordBatch, options: ListOptions
) -> tuple[pa.Table, int, int]:
    """Return the rows of one chunk, its unknown items, and its users without a known item."""
    users = chunk.column("user").cast(pa.string()).to_pylist()
    if None in users:
        raise DataError("A row of the histories has no user; give every history a user.")
    catalog, unknown = recommender.catalog, 0
    numbers: list[NDArray[np.int64]] = []
    for history in chunk.column("history").to_pylist():
        names = [str(name) for name in history or () if name is not None]
        numbers.append(catalog.items.index_known(names))
        unknown += len(names) - len(numbers[-1])
    found = [
        recommender.ranked(numbers[start : start + BATCH], options)
        for start in range(0, len(numbers), BATCH)
    ]
    ranked = RankedItems(*(np.concatenate(part) for part in zip(*found, strict=True)))
    listed = ranked.items > 0
    row, place = np.nonzero(listed)
    sources = ["interests" if len(own) else "popular" for own in numbers]
    columns = [
        pa.array([users[number] for number in row], pa.string()),
        pa.array(place + 1, pa.int32()),
        pa.array(catalog.items.external(ranked.items[listed].tolist()), pa.string()),
        pa.array(ranked.scores[listed], pa.float32()),
        pa.array(ranked.interest[listed], pa.int32()),
        pa.array([sources[number] for number in row], pa.string()),
    ]
    return pa.table(columns, schema=SCHEMA), unknown, sources.count("popular")
