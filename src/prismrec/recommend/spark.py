"""Lists for many users with Spark: the lists of ``recommend_file``, made by many machines.

    recommend_on_spark(session, "model", "histories/", "lists/", ListOptions(k=20))
    lists = spark_lists(session.table("histories"), "model", ListOptions(k=20))    # a frame

Each Python worker of Spark loads the artifact once. Spark runs a task that fails again, and the
lists of a task are written when it succeeds, so that no user is lost or written twice. Every
machine must see the artifact, the histories and the folder of the lists at the same paths.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from prismrec.errors import ConfigError, DataError
from prismrec.io import (
    FolderKind,
    atomic_folder,
    even_tasks,
    set_threads,
    spark_path,
    stage,
    worker_errors,
)
from prismrec.recommend.artifact_classes import ArtifactClasses
from prismrec.recommend.batches import SCHEMA, Counts, batch_lists
from prismrec.recommend.bulk import CHUNK, BulkSummary, require_users
from prismrec.recommend.history_columns import check_columns
from prismrec.recommend.history_files import HistoryPart, is_among, open_histories
from prismrec.recommend.manifest import read_artifact_manifest
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import ListOptions

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

LISTS = ", ".join(f"{field.name} {field.type}" for field in SCHEMA).replace("int32", "int")
"""``SCHEMA`` in the words of Spark, which differ in that of int32 only."""
ROWS = 1 << 17
"""Largest number of histories per part that one task reads."""
ListMaker = Callable[[Iterator[pa.RecordBatch]], Iterator[pa.RecordBatch]]
"""From batches of histories to batches of their lists."""
DONE = "_SUCCESS"
"""The file that Spark writes last."""
NO_CLASSES = ArtifactClasses()


def recommend_on_spark(
    session: "SparkSession", artifact: str | Path, histories: str | Path, out: str | Path,
    options: ListOptions, *, classes: ArtifactClasses = NO_CLASSES,
) -> BulkSummary:  # fmt: skip
    """Recommend items to every history of a file or folder, with Spark.

    Args:
        session: The session of Spark.
        artifact: Folder of the artifact.
        histories: As for ``recommend_file``.
        out: Folder of Parquet files of ``SCHEMA``; earlier lists are replaced at the end.
        options: What the lists look like.
        classes: Classes of the artifact that are not built in.

    Raises:
        DataError: ``histories`` is not such a file or folder or changed meanwhile, a worker reads
            another artifact, or ``out`` has other content.
        ConfigError: Writing ``out`` would overwrite ``histories`` or add a file to them; or an
            impossible option.

    Cost: per worker the memory of the artifact and of one chunk of ``recommend_file``.
    """
    histories, out = Path(histories), Path(out)
    _check_out(histories, out)
    classes.extractor_for(artifact)
    source = open_histories(histories)
    counts = {name: session.sparkContext.accumulator(0) for name in Counts._fields}
    with worker_errors(), stage("recommending with Spark"):
        cores = session.sparkContext.defaultParallelism
        parts = source.parts(max(1, min(ROWS, -(-source.users // cores))))
        places = even_tasks([part.stop - part.start for part in parts], cores, ROWS)
        tasks = [parts[own.start : own.stop] for own in places]
        numbers = session.range(0, len(tasks), numPartitions=len(tasks))
        make = _list_maker(artifact, options, classes, counts)
        lists = numbers.mapInArrow(partial(_make_lists_of_tasks, tasks=tasks, make=make), LISTS)
        with atomic_folder(out, FolderKind(DONE, "")) as part, worker_errors():
            lists.write.mode("overwrite").parquet(spark_path(part))
            source.check_unchanged()
    rows = sum(pq.read_metadata(file).num_rows for file in out.glob("*.parquet"))
    total = Counts(**{name: count.value for name, count in counts.items()})
    first = source.first_without_user() if total.without_user else ""
    made, repeated = source.users - total.without_user, source.repeated_users()
    return BulkSummary(out, made, 0, rows, *total, first, repeated)


def spark_lists(
    frame: "DataFrame", artifact: str | Path, options: ListOptions, *,
    classes: ArtifactClasses = NO_CLASSES, counts: Mapping[str, Any] | None = None,
) -> "DataFrame":  # fmt: skip
    """Return the lists of a frame of Spark with the columns user and history.

    Args:
        frame: The histories, with the types that ``recommend_batch`` reads.
        artifact: Folder of the artifact, at the same path on every machine.
        options: What the lists look like.
        classes: Classes of the artifact that are not built in.
        counts: An accumulator for each of ``Counts``; rows without a user are left out. None: such
            a row is an error.

    Raises:
        DataError: There is no artifact, or this version cannot read it. Later, when Spark makes the
            lists: a worker reads another artifact, or the histories cannot be used.
    """
    make = _list_maker(artifact, options, classes, counts)
    return frame.select("user", "history").mapInArrow(make, LISTS)


def _list_maker(
    artifact: str | Path, options: ListOptions, classes: ArtifactClasses,
    counts: Mapping[str, Any] | None,
) -> ListMaker:  # fmt: skip
    """Return the function that a worker calls to make lists; see ``spark_lists``."""
    place = str(Path(artifact).resolve())
    hashes = tuple(sorted(read_artifact_manifest(place)["sha256"].items()))
    return partial(
        _make_lists, artifact=place, hashes=hashes, options=options, classes=classes, counts=counts
    )


def _make_lists_of_tasks(
    numbers: Iterator[pa.RecordBatch], *, tasks: Sequence[Sequence[HistoryPart]], make: ListMaker
) -> Iterator[pa.RecordBatch]:
    """Yield the lists of the histories of tasks, by their numbers. Runs in a worker of Spark."""
    chosen = (tasks[number] for batch in numbers for number in batch.column(0).to_pylist())
    return make(batch for parts in chosen for part in parts for batch in part.batches(CHUNK))


def _make_lists(
    batches: Iterator[pa.RecordBatch], *, artifact: str, hashes: tuple[tuple[str, str], ...],
    options: ListOptions, classes: ArtifactClasses, counts: Mapping[str, Any] | None,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Yield the lists of batches of histories. Runs in a worker of Spark."""
    recommender = _load(artifact, hashes, classes)
    for batch in batches:
        check_columns(batch.schema, "the frame")
        table, found = batch_lists(recommender, batch, options)
        if counts is None:
            require_users(found)
        for name, count in (counts or {}).items():
            count.add(getattr(found, name))
        yield from table.to_batches()


@lru_cache(maxsize=1)
def _load(
    artifact: str, hashes: tuple[tuple[str, str], ...], classes: ArtifactClasses
) -> Recommender:
    """Load the artifact once per worker; the hashes change if another one replaces it."""
    found = read_artifact_manifest(artifact)["sha256"]
    if found != dict(hashes):
        raise DataError(
            f"The artifact {artifact} of a worker is not that of the driver; copy the same one to "
            "this path on every machine, or use a shared file system."
        )
    set_threads(1)  # Spark runs one task per core
    return classes.load(artifact)


def _check_out(histories: Path, out: Path) -> None:
    """Raise if writing would change the histories, or replace anything but lists."""
    source, place = histories.resolve(), out.resolve()
    if place == source or is_among(out, histories) or place in source.parents:
        raise ConfigError(
            f"Lists cannot be written to {out}, because the histories are {histories}; give a "
            "folder outside of them."
        )
    if place.exists() and not _is_replaceable(place):
        raise DataError(
            f"{out} cannot be replaced, because it contains something else than lists of Spark; "
            "give another folder, or move it."
        )


def _is_replaceable(place: Path) -> bool:
    """Return whether a folder is empty or contains lists that Spark wrote, and nothing else."""
    if not place.is_dir():
        return False
    names = {path.name for path in place.iterdir() if path.suffix != ".crc"}
    parts = [place / name for name in names - {DONE}]
    return not names or (
        DONE in names
        and all(path.suffix == ".parquet" and path.is_file() for path in parts)
        and all(pq.read_schema(path).names == SCHEMA.names for path in parts[:1])
    )
