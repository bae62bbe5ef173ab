"""Lists for many users, from file to file: resumable, in the memory of one chunk.

    recommend_file(recommender, "histories.parquet", "lists.parquet", ListOptions(k=20), plan="v7")
    recommend_batch(recommender, batch, ListOptions(k=20))     # from Arrow to Arrow, for an engine

Finished chunks are kept in ``OUT.parts`` until all are written; then they become one file. A run
that was interrupted continues after its last finished chunk. Several machines each take a shard: of
n shards, each has every n-th row, so that each row is in exactly one.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from prismrec.errors import DataError, check_type
from prismrec.io import atomic_file, track
from prismrec.recommend.batches import SCHEMA, Counts, batch_lists
from prismrec.recommend.bulk_files import check_paths, own_parts
from prismrec.recommend.file_states import State
from prismrec.recommend.history_columns import check_columns
from prismrec.recommend.history_files import open_histories
from prismrec.recommend.recommender import Recommender
from prismrec.recommend.shard import WHOLE, Shard
from prismrec.rerank import ListOptions

CHUNK = 4_096
"""Users per chunk; a list does not depend on it but for the last digits of its scores."""
COUNTS = "prismrec.counts.6"
"""Key in the metadata of a part: its ``Counts``, for a later run."""
PLAN = "prismrec.plan"
"""Key in the metadata of a part: the SHA-256 of everything its lists depend on."""


@dataclass(frozen=True)
class BulkSummary:
    """Counts of a run."""

    out: Path
    """The file that was written."""
    histories: int
    """Histories with a user in this shard. A user with several rows has several."""
    resumed: int
    """Those of ``histories`` whose lists an earlier run had finished."""
    rows: int
    """Recommended items written."""
    unknown: int
    """Items of histories that the catalog does not hold, or whose id is missing."""
    popular: int
    """Histories that got popular items: without a known item and without an added interest."""
    empty: int
    """Those of ``popular`` that are empty or missing: of users who are not known at all."""
    without_user: int
    """Rows whose user is missing or empty, which were left out."""
    without_items: int
    """Histories without a list: each item is in it, excluded, or not allowed by a filter."""
    first_without_user: str = ""
    """The first row without a user in the histories, as ``row 3 of b.parquet``; "" if none."""
    repeated: int = 0
    """Rows of the histories, of all shards, whose user has an earlier row. Such a user has one list
    per row, with the same ranks. Found by hashes of 64 bits."""


def recommend_file(
    recommender: Recommender,
    histories: str | Path,
    out: str | Path,
    options: ListOptions,
    *,
    plan: str = "",
    shard: Shard = WHOLE,
) -> BulkSummary:
    """Recommend items to every history of a file or folder, in their order.

    Args:
        recommender: Makes the lists.
        histories: Parquet file with the columns ``user`` and ``history`` (lists of item ids,
            oldest first), or a folder or a glob of such files, in the order of their names; files
            and folders whose names begin with a dot or an underscore are left out. Or a data set
            folder: all of its users, with their whole histories. Without a known item, a user gets
            popular items or an added interest. A row without a user is left out and counted; a
            user with several rows gets one list per row.
        out: Parquet file of ``SCHEMA``; only an earlier one is replaced, at the end.
        options: What the lists look like.
        plan: Identifies the artifact: chunks of a run with another plan, other options or another
            file of histories are replaced.
        shard: The part of the users; ``Shard.file`` names its file.

    Raises:
        DataError: ``histories`` has no such file, another, a damaged or a changed one; ``out`` or
            the folder of its parts has other content; or another run writes ``out`` now.
        ConfigError: ``out`` is a folder, or writing it would overwrite ``histories`` or add a file
            to them.
        KeyboardInterrupt: Its argument is the number of histories with lists, which are kept.

    Cost: memory of one chunk, its lists, a data set, and hashes of ``history_users.GROUP`` users.
        At the end, each shard reads the column of users of files again, once per ``GROUP`` rows.
    """
    histories, out = Path(histories), shard.file(Path(out))
    source = open_histories(histories)
    parts = out.with_name(out.name + ".parts")
    check_paths(histories, source.files, out, parts)
    digest = _plan(plan, options, shard, source.states)
    read, finished, resumed, written, counts = 0, 0, 0, [], [Counts()]
    with own_parts(parts, out), _counting(lambda: finished):
        chunks = track(source.batches(CHUNK), "recommending", source.users, size=len)
        for number, chunk in enumerate(chunks):
            own = chunk.take(shard.rows(read, len(chunk)))
            read += len(chunk)
            written.append(part := parts / f"{number:08}.parquet")
            has_lists = part.exists() and _read_metadata(part).get(PLAN) == digest
            if not has_lists:
                _write_part(part, *batch_lists(recommender, own, options), digest)
            counts.append(Counts(*json.loads(_read_metadata(part)[COUNTS])))
            named = len(own) - counts[-1].without_user
            finished, resumed = finished + named, resumed + named * has_lists
        total = Counts(*map(sum, zip(*counts, strict=True)))
        first = source.first_without_user() if total.without_user else ""
        repeated = source.repeated_users()  # while the parts are kept: it may be interrupted
        source.check_unchanged()
        _write(out, _read_parts(written))
    rows = pq.read_metadata(out).num_rows
    return BulkSummary(out, finished, resumed, rows, *total, first, repeated)


@contextmanager
def _counting(finished: Callable[[], int]) -> Iterator[None]:
    """Raise a KeyboardInterrupt of the block with the number of finished histories."""
    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(finished()) from error


def recommend_batch(
    recommender: Recommender, batch: pa.RecordBatch | pa.Table, options: ListOptions
) -> pa.Table:
    """Recommend items to every history of an Arrow batch: for engines that distribute batches.

    Args:
        recommender: Makes the lists; one per worker.
        batch: The columns ``user`` and ``history``, as in the files of ``recommend_file``.
        options: What the lists look like.

    Returns:
        A table of ``SCHEMA``, in the order of the users. A user with several rows has one list per
        row; a user without an item has no row.

    Raises:
        DataError: A column is missing or has another type, or a row has no user.
        ConfigError: ``batch`` or ``options`` is of another type, or an impossible option.
    """
    needed = "a pyarrow Table or RecordBatch; in Ray, set batch_format='pyarrow'"
    check_type("batch", batch, pa.RecordBatch | pa.Table, needed)
    check_type("options", options, ListOptions, "a ListOptions; write ListOptions(k=5)")
    check_columns(batch.schema, "the batch")
    lists, counts = batch_lists(recommender, batch, options)
    require_users(counts)
    return lists


def require_users(counts: Counts) -> None:
    """Raise DataError if there are rows without a user, for results without their count."""
    if counts.without_user:
        raise DataError("A row of the histories has no user; give every history a user.")


def _plan(plan: str, options: ListOptions, shard: Shard, files: Sequence[State]) -> str:
    """Return a hash of everything the lists depend on."""
    given = {
        "parts": COUNTS,
        "plan": plan,
        "options": repr(options),
        "shard": repr(shard),
        "files": files,
    }
    return hashlib.sha256(json.dumps(given).encode()).hexdigest()


def _write(path: Path, tables: Iterator[pa.Table]) -> None:
    """Write tables as one file, whole or not at all."""
    with atomic_file(path) as beside, pq.ParquetWriter(beside, SCHEMA) as writer:
        for table in tables:
            writer.write_table(table)
            writer.add_key_value_metadata(table.schema.metadata or {})


def _write_part(part: Path, table: pa.Table, counts: Counts, plan: str) -> None:
    """Write the lists of a chunk, with their counts and the hash of their plan."""
    metadata = {PLAN: plan, COUNTS: json.dumps(counts)}
    _write(part, iter([table.replace_schema_metadata(metadata)]))


def _read_metadata(part: Path) -> dict[str, str]:
    """Return the metadata of a part."""
    with _explain_damage(part):
        found = pq.read_metadata(part).metadata or {}
    return {key.decode(): value.decode() for key, value in found.items()}


def _read_parts(parts: Sequence[Path]) -> Iterator[pa.Table]:
    """Yield the parts, in order."""
    for part in parts:
        with _explain_damage(part):
            table = pq.read_table(part).replace_schema_metadata()
        yield table


@contextmanager
def _explain_damage(part: Path) -> Iterator[None]:
    """Raise DataError if this part cannot be read."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"The part {part} of the lists cannot be read ({error}); delete it and run the "
            "same command again."
        ) from error
