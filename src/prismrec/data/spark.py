"""Build a data set with Spark: the data set of ``build_dataset``, byte for byte.

    log = read_events("events/")                        # a folder of Parquet files
    dataset = build_dataset_on_spark(session, log)

Spark reads and filters the events, numbers users and items by the row of their first event, and
sorts. The driver receives the ids, and then the sorted events block by block, into arrays on disk.
Every machine must see the log at the same path.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
from numpy.typing import NDArray

from prismrec.data.build_catalog import build_catalog, categories_source, describe_items
from prismrec.data.dataset import (
    Dataset,
    describe_building,
    finish_dataset,
    name_minima,
    no_events_error,
)
from prismrec.data.events import EventLog
from prismrec.data.filtering import MIN_EVENTS, Duplicates, check_options
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap
from prismrec.data.items import ItemDescriptions
from prismrec.data.readers.weighting import Weighting
from prismrec.data.spark_parts import read_log
from prismrec.errors import ConfigError
from prismrec.io import describe_write_errors, worker_errors

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

Keep = Callable[["DataFrame"], "DataFrame"]
ROLES = ("user", "item")


def check_for_spark(weighting: Weighting) -> None:
    """Check that Spark can build a data set, before it is started.

    Raises:
        ConfigError: The data set has weights or dislikes.
    """
    if not weighting.is_empty:
        raise ConfigError(
            "Spark was asked for a data set with weights or dislikes, which it does not build; use "
            "the local engine, or leave them out."
        )


def build_dataset_on_spark(
    session: "SparkSession", log: EventLog, *, items: ItemDescriptions | None = None,
    min_user_events: int = MIN_EVENTS, min_item_events: int = MIN_EVENTS,
    duplicates: Duplicates = "keep", scratch: str | Path | None = None,
) -> Dataset:  # fmt: skip
    """Build a data set from a log of Parquet files, with Spark.

    Args:
        session: The session of Spark.
        log: The events, from Parquet files with times, at the same path on every machine.
        items: As for ``build_dataset``, like the next three.
        min_user_events: Minimum number of events per user.
        min_item_events: Minimum number of events per item.
        duplicates: How to handle repeated events.
        scratch: Folder of the driver for the arrays of the data set, 16 bytes per event; they are
            deleted with it. None: that of temporary files.

    Raises:
        ConfigError: A minimum below 1, unknown ``duplicates``, or weights or dislikes.
        DataError: The log is no log of Parquet files with times, its files have changed, no event
            remains, or ``scratch`` is full.

    Cost: the driver needs the memory of the ids and of the pairs of items and categories.
    """
    check_options(min_user_events, min_item_events, duplicates)
    check_for_spark(log.weighting)
    minima = {"min_user_events": int(min_user_events), "min_item_events": int(min_item_events)}
    with_categories = categories_source(log, items) == "log"
    with worker_errors(), _persisting() as keep:
        rows = keep(read_log(session, log, categories=with_categories))
        ids = {role: keep(_first_rows(rows, role)) for role in ROLES}
        events = keep(_encode(rows, ids))
        number = events.count()
        steps = [_step("read", number, *(ids[role].count() for role in ROLES))]
        repeated = _count_repeated(events, number)
        if duplicates != "keep":
            events = keep(_drop_repeated(events, duplicates))
            number = events.count()
            distinct = (events.select(role).distinct().count() for role in ROLES)
            steps.append(_step(duplicates, number, *distinct))
        events, number = _k_core(events, number, minima)
        users, named = (_count_ids(events, ids[role], role) for role in ROLES)
        steps.append(_step(name_minima(**minima), number, len(users), len(named)))
        if not number:
            raise no_events_error(steps)
        named = named.sort("count", "first", descending=[True, False])
        categories = _categories(rows) if with_categories else None
        described = describe_items(log, items, categories)
        histories = _collect(events, users["count"], named["first"], scratch)
    count = np.concatenate([[0], named["count"].to_numpy()]).astype(np.int64)
    catalog = build_catalog(named["id"], count, described)
    how = describe_building(log, minima, duplicates, repeated, steps)
    return finish_dataset(IdMap(users["id"], kind="user"), catalog, histories, how, items)


@contextmanager
def _persisting() -> Iterator[Keep]:
    """Yield a function that lets Spark store a frame when it is first computed, until the end."""
    frames: list["DataFrame"] = []

    def keep(frame: "DataFrame") -> "DataFrame":
        frames.append(frame.persist())
        return frames[-1]

    try:
        yield keep
    finally:
        for frame in frames:
            frame.unpersist()


def _first_rows(rows: "DataFrame", role: str) -> "DataFrame":
    """Return the distinct ids of a role, and the row of the first event of each.

    This row is the code of the id: codes are distinct, and in the order of the first events.
    """
    return rows.groupBy(f"{role}_id").agg(_functions().min("row").alias(role))


def _encode(rows: "DataFrame", ids: dict[str, "DataFrame"]) -> "DataFrame":
    """Return the events with codes: user, item, time, row."""
    for role in ROLES:
        rows = rows.join(ids[role], f"{role}_id")
    return rows.select("user", "item", "time", "row")


def _step(step: str, events: int, users: int, items: int) -> dict[str, object]:
    """Return the counts after a step, as ``count_step`` does."""
    return {"step": step, "events": events, "users": users, "items": items}


def _count_repeated(events: "DataFrame", number: int) -> dict[str, object]:
    """Count exact duplicates, repeats and tied events: see ``find_duplicates``."""
    functions = _functions()
    moments = events.groupBy("user", "time", "item").count().groupBy("user", "time")
    moments = moments.agg(
        functions.sum("count").alias("events"), functions.count("*").alias("distinct")
    )
    ties = functions.when(moments["events"] > 1, moments["events"]).otherwise(0)
    exact, tied = moments.agg(
        functions.sum(moments["events"] - moments["distinct"]), functions.sum(ties)
    ).first() or (0, 0)
    repeats = _with_previous(events).filter("previous = item").count()
    return {"exact_duplicates": exact, "repeats": repeats, "tied_share": tied / number}


def _with_previous(events: "DataFrame") -> "DataFrame":
    """Add the column previous: the item of the previous event of the user."""
    from pyspark.sql import Window

    order = Window.partitionBy("user").orderBy("time", "row")
    return events.withColumn("previous", _functions().lag("item").over(order))


def _drop_repeated(events: "DataFrame", duplicates: Duplicates) -> "DataFrame":
    """Remove exact duplicates, or repeats."""
    if duplicates == "drop-exact":
        first = _functions().min("row").alias("row")
        return events.groupBy("user", "item", "time").agg(first)
    changed = _with_previous(events).filter("previous is null or previous != item")
    return changed.drop("previous")


def _k_core(events: "DataFrame", number: int, minima: dict[str, int]) -> tuple["DataFrame", int]:
    """Return the events that remain when every user and item has enough, and their number."""
    while True:
        kept = events
        for role in ROLES:
            enough = events.groupBy(role).count().filter(f"count >= {minima[f'min_{role}_events']}")
            kept = kept.join(enough.select(role), role, "left_semi")
        kept = _checkpoint(kept)
        remaining = kept.count()
        if remaining == number:
            return events, number
        events, number = kept, remaining


def _checkpoint(frame: "DataFrame") -> "DataFrame":
    """Compute a frame and return it without its plan.

    Each round names the events of the round before three times, and Spark writes plans out in full:
    with the plans of all rounds, the text of the twentieth would not fit into any memory.
    """
    is_reliable = frame.sparkSession.sparkContext.getCheckpointDir() is not None
    return frame.checkpoint() if is_reliable else frame.localCheckpoint()


def _count_ids(events: "DataFrame", ids: "DataFrame", role: str) -> pl.DataFrame:
    """Return the remaining ids of a role in the order of their first events: id, first, count."""
    counted = events.groupBy(role).count().join(ids, role)
    table = pl.DataFrame(pl.from_arrow(counted.toArrow()))
    columns = {f"{role}_id": "id", role: "first"}
    return table.rename(columns).with_columns(pl.col("id").cast(pl.String)).sort("first")


def _categories(rows: "DataFrame") -> pl.DataFrame:
    """Return the pairs of items and categories of the log, as ``describe_items`` does."""
    pairs = rows.select("item_id", _functions().explode("category").alias("category")).distinct()
    return pl.DataFrame(pl.from_arrow(pairs.toArrow())).select(
        pl.col("item_id").cast(pl.String).alias("item"),
        pl.lit(None, dtype=pl.String).alias("title"),
        pl.concat_list(pl.col("category").cast(pl.String)).alias("categories"),
    )


def _collect(
    events: "DataFrame", lengths: pl.Series, first: pl.Series, scratch: str | Path | None
) -> Histories:
    """Return the histories; their items and times are in files that no folder lists.

    Args:
        events: The events that remain.
        lengths: Number of events of each user.
        first: Codes of the items, in the order of their numbers.
        scratch: Folder of the files.
    """
    indptr = np.concatenate([[0], np.cumsum(lengths.to_numpy())]).astype(np.int64)
    size = int(indptr[-1])
    items, times = (_array_on_disk(size, scratch) for _ in range(2))
    order = np.argsort(first.to_numpy())
    codes, start = first.to_numpy()[order], 0
    for block in _sorted_blocks(events):
        end = start + block.shape[1]
        items[start:end] = order[np.searchsorted(codes, block[0])] + 1
        times[start:end] = block[1]
        start = end
    return Histories(indptr, items, times)


def _array_on_disk(size: int, folder: str | Path | None) -> NDArray[np.int64]:
    """Return an array of int64 in a temporary file, which exists as long as the array.

    Raises:
        DataError: The disk is full: a write to the array would end this process without a word.
    """
    place = Path(folder or tempfile.gettempdir())
    with describe_write_errors(place), tempfile.TemporaryFile(dir=place) as file:
        os.posix_fallocate(file.fileno(), 0, size * np.dtype(np.int64).itemsize)
        return np.asarray(np.memmap(file, dtype=np.int64, mode="w+", shape=(size,)))


def _sorted_blocks(events: "DataFrame") -> Iterator[NDArray[np.int64]]:
    """Yield the items and times of all events, sorted by user and time, ``[2, events]``."""
    ordered = events.orderBy("user", "time", "row").select("item", "time")
    blocks = ordered.mapInArrow(_pack, "block binary")
    for row in blocks.toLocalIterator(prefetchPartitions=True):
        yield np.frombuffer(row.block, dtype="<i8").reshape(2, -1)


def _pack(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield each batch as one value: rows of Python would be slow. Runs in a worker of Spark."""
    for batch in batches:
        columns = [batch.column(number).to_numpy().astype("<i8").tobytes() for number in range(2)]
        yield pa.record_batch([pa.array([b"".join(columns)], pa.binary())], names=["block"])


def _functions() -> Any:
    from pyspark.sql import functions

    return functions
