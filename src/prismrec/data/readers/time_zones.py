"""Time zones that Polars cannot read, such as ``+05:30``: their times are read as UTC.

Arrow, Parquet and pandas store such times as UTC; the zone is only for printing.
"""

from collections.abc import Iterator
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from polars.io.plugins import register_io_source


def parquet_schema(path: Path) -> dict[str, pl.DataType]:
    """Return the columns of a Parquet file; times with a zone that is not known are in UTC.

    Raises:
        PolarsError: The file is damaged.
    """
    odd = odd_schema(path)
    return dict(pl.read_parquet_schema(path) if odd is None else _polars_schema(odd))


def odd_schema(path: Path) -> pa.Schema | None:
    """Return the schema of a Parquet file with UTC for each zone that is not known.

    Returns:
        None if all zones are known, or the footer cannot be read.
    """
    try:
        status = path.stat()
        return _odd_schema(path, status.st_ino, status.st_mtime_ns, status.st_size)
    except (pa.ArrowException, OSError):
        return None


@lru_cache(maxsize=65_536)
def _odd_schema(path: Path, *status: int) -> pa.Schema | None:
    """Return the schema as ``odd_schema`` does; ``status`` differs if the file was replaced."""
    del status
    schema = pq.read_schema(path)
    changed = _in_utc(schema)
    return None if changed.equals(schema) else changed


def scan_odd(path: Path, columns: pl.Schema) -> pl.LazyFrame:
    """Return some columns of a file whose zones may be unknown; a column it lacks is null.

    Cost: O(1) memory. A slice also reads all rows before it.
    """

    def read(
        with_columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, _: int | None
    ) -> Iterator[pl.DataFrame]:
        # Without a column, a frame has no rows: the first column is returned to count them.
        wanted = list(columns) if with_columns is None else with_columns or list(columns)[:1]
        file = pq.ParquetFile(path)
        schema = _in_utc(file.schema_arrow)
        own = [name for name in wanted if name in schema.names]
        for batch in file.iter_batches(columns=own or schema.names[:1]):
            table = pa.Table.from_batches([batch])
            table = table.cast(pa.schema([schema.field(name) for name in table.column_names]))
            frame = pl.DataFrame(table).head(batch.num_rows if n_rows is None else n_rows)
            n_rows = None if n_rows is None else n_rows - frame.height
            nothing = [
                pl.lit(None, dtype=columns[name]).alias(name) for name in wanted if name not in own
            ]
            frame = frame.with_columns(nothing).select(wanted)
            yield frame if predicate is None else frame.filter(predicate)
            if n_rows == 0:
                return

    return register_io_source(read, schema=columns)


def frame_in_utc(frame: Any) -> Any:
    """Return a Pandas or Arrow frame with UTC for each zone that is not known."""
    if isinstance(frame, pa.Table | pa.RecordBatch):
        return frame.cast(_in_utc(frame.schema))
    for place, kind in enumerate(frame.dtypes):
        zone = getattr(getattr(kind, "pyarrow_dtype", kind), "tz", None)
        if zone is not None and not _is_known(pa.timestamp("us", tz=zone).tz):
            column = frame.iloc[:, place].dt.tz_convert("UTC")
            frame = frame.copy(deep=False)
            frame.isetitem(place, column)
    return frame


@cache
def _is_known(zone: str) -> bool:
    try:
        pl.Series(pa.array([], pa.timestamp("us", tz=zone)))
    except pl.exceptions.PolarsError:
        return False
    return True


def _in_utc(schema: pa.Schema) -> pa.Schema:
    return pa.schema([each.with_type(_type_in_utc(each.type)) for each in schema])


def _type_in_utc(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind) and kind.tz is not None and not _is_known(kind.tz):
        return pa.timestamp(kind.unit, tz="UTC")
    if pa.types.is_struct(kind):
        return pa.struct([each.with_type(_type_in_utc(each.type)) for each in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        make = pa.list_ if pa.types.is_list(kind) else pa.large_list
        return make(kind.value_field.with_type(_type_in_utc(kind.value_type)))
    if pa.types.is_map(kind):
        return pa.map_(kind.key_type, _type_in_utc(kind.item_type))
    return kind


def _polars_schema(schema: pa.Schema) -> pl.Schema:
    return pl.DataFrame(schema.empty_table()).schema
