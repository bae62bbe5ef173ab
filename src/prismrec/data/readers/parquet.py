"""Read Parquet files: all files of a source are one table, scanned lazily."""

from pathlib import Path

import polars as pl

from prismrec.data.readers.base import Parsing, Reader
from prismrec.data.readers.signatures import is_parquet
from prismrec.data.readers.table import Table, numbered_table
from prismrec.errors import DataError


def read_parquet(source: str | Path, paths: list[Path], _: Parsing) -> list[Table]:
    """Return one table for all files. Only the columns that are used are read later.

    Raises:
        DataError: A file is not Parquet.
        PolarsError: A file is damaged, or the files have different columns.
    """
    name = paths[0].name if len(paths) == 1 else f"the {len(paths)} files of {source}"
    for path in paths:
        if not is_parquet(path):
            raise DataError(
                f"{path.name} is not Parquet: its first bytes are not PAR1; write it again, or "
                "correct the ending of its name."
            )
    return [numbered_table(name, pl.scan_parquet(paths, glob=False))]


PARQUET = Reader(endings=(".parquet", ".pq"), read=read_parquet)
