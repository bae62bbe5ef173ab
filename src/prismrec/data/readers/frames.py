"""Read data frames that are in memory: Polars, Pandas or Arrow."""

from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from prismrec.data.readers.table import Table, numbered_table
from prismrec.data.readers.time_zones import frame_in_utc
from prismrec.errors import DataError, reason_of


def frame_table(source: Any) -> Table:
    """Return a data frame as a table. Its rows are numbered from 1.

    Raises:
        DataError: The object is not a frame, or a column has values of several types; or it is a
            list of paths or of rows without names.
    """
    if isinstance(source, list | tuple) and any(isinstance(one, str | Path) for one in source):
        raise DataError(
            f"A list of {len(source)} texts or paths cannot be read as a table; give one path, "
            "folder or glob, such as 'logs/*.csv', or join the frames of the files."
        )
    if isinstance(source, list | tuple) and any(isinstance(one, list | tuple) for one in source):
        raise DataError(
            f"A list of {len(source)} rows cannot be read as a table, because its columns have no "
            "names; write pl.DataFrame(rows, schema=['user', 'item', 'time'], orient='row')."
        )
    if type(source).__name__ == "Series":
        raise DataError(
            "A Series is one column, which cannot be read as a table; give a Polars, Pandas or "
            "Arrow frame."
        )
    if source is None:
        raise DataError(
            "None cannot be read as a table; give a path, or a Polars, Pandas or Arrow frame."
        )
    if isinstance(source, pl.LazyFrame):
        return numbered_table("the frame", source)
    try:
        if type(source).__module__.partition(".")[0] == "pandas":
            frame = pl.from_pandas(frame_in_utc(source))
        else:
            is_arrow = isinstance(source, pa.Table | pa.RecordBatch)
            frame = pl.DataFrame(frame_in_utc(source) if is_arrow else source)
    except (
        TypeError,
        ValueError,
        OverflowError,
        pa.ArrowException,
        pl.exceptions.PolarsError,
    ) as error:
        raise DataError(
            f"A {type(source).__name__} cannot be read as a table ({reason_of(error)}); give a "
            "path, or a Polars, Pandas or Arrow frame in which each column has values of one type."
        ) from error
    return numbered_table("the frame", frame.lazy())
