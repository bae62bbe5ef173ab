"""Read Parquet files: all files of a source are one table, scanned lazily."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from prismrec.data.readers.base import Parsing, Reader
from prismrec.data.readers.parquet_files import (
    file_name,
    folder_values,
    named_files,
    other_columns,
)
from prismrec.data.readers.signatures import is_parquet
from prismrec.data.readers.table import Table, numbered_table
from prismrec.data.readers.time_zones import odd_schema, parquet_schema, scan_odd
from prismrec.errors import DataError

PATH = "(path)"
"""Column of the frame with the path of the file of each row."""


def read_parquet(source: str | Path, paths: list[Path], parsing: Parsing) -> list[Table]:
    """Return one table for all files. Only the columns that are used are read later.

    Raises:
        DataError: A file is not Parquet.
        PolarsError: A file is damaged.
    """
    for path in paths:
        if not is_parquet(path):
            raise DataError(
                f"{path.name} is not Parquet: its first bytes are not PAR1; write it again, or "
                "correct the ending of its name."
            )
    columns = parquet_schema(paths[0])
    notes = []
    others = other_columns(paths[1:], list(columns))
    if others is not None:
        names = ", ".join(map(repr, others[1]))
        which = f"{file_name(others[0], paths)} has, but {file_name(paths[0], paths)} lacks"
        notes.append(f"columns that {which}, are not read: {names}")
    values = folder_values(source, paths, list(columns), parsing.column_names)
    if values:
        notes.append(f"columns from the names of folders: {', '.join(map(repr, values))}")
    table = numbered_table(named_files(source, paths), _with_folders(paths, values))
    parts = tuple(paths) if len(paths) > 1 else ()
    return [replace(table, parts=parts, notes=tuple(notes))]


def scan_parquet(paths: Sequence[Path], **options: Any) -> pl.LazyFrame:
    """Return the rows of files, with the columns of the first one.

    Only the columns that are used need the same types in all files. Where a file lacks a column,
    it is null; see ``check_alike``.
    """
    return pl.scan_parquet(
        list(paths), glob=False, hive_partitioning=False, extra_columns="ignore",
        missing_columns="insert", **options,
    )  # fmt: skip


def scan_part(path: Path, columns: pl.Schema) -> pl.LazyFrame:
    """Return the rows of one of several files, with the columns of the first one."""
    if odd_schema(path) is None:
        return scan_parquet([path], schema=columns)
    return scan_odd(path, columns)


def _with_folders(
    paths: Sequence[Path], values: Mapping[str, Sequence[str | None]]
) -> pl.LazyFrame:
    """Return the rows of files with columns of ``folder_values``."""
    if any(odd_schema(path) is not None for path in paths):
        columns = pl.Schema(parquet_schema(paths[0]))
        return pl.concat(
            scan_part(path, columns).with_columns(
                pl.lit(own[place], dtype=pl.String).alias(name) for name, own in values.items()
            )
            for place, path in enumerate(paths)
        )
    if not values:
        return scan_parquet(paths)
    old, path = [str(path) for path in paths], pl.col(PATH)
    cells = [
        path.replace_strict(old, own, return_dtype=pl.String).alias(name)
        for name, own in values.items()
    ]
    return scan_parquet(paths, include_file_paths=PATH).with_columns(cells).drop(PATH)


PARQUET = Reader(endings=(".parquet", ".pq"), read=read_parquet)
