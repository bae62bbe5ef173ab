"""Read the parts of a log of Parquet files in the workers of Spark, with the rules of this package.

    frame = read_log(session, log, categories=True)   # user_id, item_id, time, row, category

Parquet is read by Polars as in one process, so that all types of columns mean the same.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from prismrec.data.events import EventLog, ReadPlan
from prismrec.data.readers.open import format_of
from prismrec.data.readers.parquet import scan_part
from prismrec.data.readers.parquet_files import count_rows, folder_values
from prismrec.data.readers.paths import find_paths
from prismrec.data.readers.table import LINE, Table, malformed, numbered_table
from prismrec.data.readers.time_zones import parquet_schema
from prismrec.errors import DataError
from prismrec.io import even_tasks

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

ROWS = 1 << 20
"""Rows per task: one row group of pyarrow, or four of Polars."""
BLOCK = 1 << 16
"""Rows that are sent to Spark at once."""


@dataclass(frozen=True)
class Part:
    """Rows of a file that one task reads."""

    path: Path
    start: int
    """The first row in the file."""
    rows: int
    place: int
    """The first row in the log."""
    values: tuple[tuple[str, str | None], ...] = ()
    """Columns from the names of its folders."""


def log_parts(log: EventLog, source: object) -> list[Part]:
    """Divide a log into parts.

    Args:
        log: The log.
        source: What it was read from.

    Raises:
        DataError: It was not read from Parquet files with times, or its files have changed.
    """
    paths = find_paths(source) if isinstance(source, str | Path) else []
    if not paths or {format_of(path) for path in paths} != {"parquet"}:
        raise _no_parquet(log)
    if not log.has_time:
        raise DataError(
            f"{log.source} was read in the order of its rows, which Spark does not keep; give a "
            "log with times, or use the local engine."
        )
    parts: list[Part] = []
    chosen = () if log.reading is None else log.reading.columns.names
    place, names = 0, list(parquet_schema(paths[0]))
    columns = folder_values(source, paths, names, chosen)
    for number, path in enumerate(paths):
        rows = count_rows(path)
        values = tuple((name, own[number]) for name, own in columns.items())
        parts.extend(
            Part(path.resolve(), start, min(ROWS, rows - start), place + start, values)
            for start in range(0, rows, ROWS)
        )
        place += rows
    if place != log.rows_read:
        raise DataError(
            f"The files of {log.source} have {place:,} rows, but had {log.rows_read:,} when they "
            "were looked at first; wait until they are complete, and prepare them again."
        )
    return parts


def _no_parquet(log: EventLog) -> DataError:
    return DataError(
        f"{log.source} was given to Spark, which reads Parquet files only; write the log as "
        "Parquet, or use the local engine."
    )


def read_log(session: "SparkSession", log: EventLog, *, categories: bool) -> "DataFrame":
    """Return the events of a log as a frame of Spark.

    Args:
        session: The session of Spark.
        log: A log of Parquet files.
        categories: Whether to read the categories of the log.

    Returns:
        The columns user_id and item_id (text or whole numbers), time (microseconds since 1970
        UTC), row (place in the log, from 0) and perhaps category (lists of text).

    Raises:
        DataError: See ``log_parts``.
    """
    reading = log.reading
    if reading is None:
        raise _no_parquet(log)
    parts, types = log_parts(log, reading.source), log.frame.collect_schema()
    fields = [
        (f"{role}_id", pa.int64() if types[role] == pl.Int64 else pa.string())
        for role in ("user", "item")
    ]
    fields += [("time", pa.int64()), ("row", pa.int64())]
    if categories:
        fields.append(("category", pa.list_(pa.string())))
    schema = pa.schema(fields)
    columns = pl.Schema(parquet_schema(parts[0].path))
    cores = session.sparkContext.defaultParallelism
    places = even_tasks([part.rows for part in parts], cores, ROWS)
    tasks = [parts[own.start : own.stop] for own in places]
    read = partial(_read_tasks, tasks=tasks, reading=reading, columns=columns, schema=schema)
    numbers = session.range(0, len(tasks), numPartitions=len(tasks))
    names = {pa.int64(): "bigint", pa.string(): "string"}
    declared = (f"{name} {names.get(kind, 'array<string>')}" for name, kind in fields)
    return numbers.mapInArrow(read, ", ".join(declared))


def _read_tasks(
    batches: Iterator[pa.RecordBatch], *, tasks: Sequence[Sequence[Part]], reading: ReadPlan,
    columns: pl.Schema, schema: pa.Schema,
) -> Iterator[pa.RecordBatch]:  # fmt: skip
    """Yield the events of the parts of tasks, by their numbers. Runs in a worker of Spark."""
    first = tasks[0][0].path
    chosen = (tasks[number] for batch in batches for number in batch.column(0).to_pylist())
    for part in chain.from_iterable(chosen):
        others = tuple(dict.fromkeys([first, part.path]))
        scan = scan_part(part.path, columns)
        scan = scan.with_columns(
            pl.lit(value, dtype=pl.String).alias(name) for name, value in part.values
        )
        table = numbered_table(part.path.name, scan.slice(part.start, part.rows))
        yield from _read_part(part, replace(table, parts=others), reading, schema)


def _read_part(
    part: Part, table: Table, reading: ReadPlan, schema: pa.Schema
) -> Iterator[pa.RecordBatch]:
    """Yield the events of one part.

    Raises:
        DataError: The file is damaged, or a column has another type than in the first one.
    """
    row = (pl.col(LINE).cast(pl.Int64) - 1 + part.place).alias("row")
    try:
        rows = reading.rows_of(table).with_columns(row)
        rows = rows.rename({"user": "user_id", "item": "item_id"}).select(schema.names)
        found = rows.collect()
    except pl.exceptions.PolarsError as error:
        raise malformed([table]) from error
    texts = [name for name in ("user_id", "item_id") if schema.field(name).type == pa.string()]
    found = found.with_columns(pl.col(texts).cast(pl.String))  # uint64 is not a type of Spark
    yield from found.to_arrow().cast(schema).to_batches(max_chunksize=BLOCK)
