"""Read Parquet files: all files of a source are one table, scanned lazily."""

import re
from dataclasses import replace
from pathlib import Path

import polars as pl

from prismrec.data.readers.base import Parsing, Reader
from prismrec.data.readers.signatures import is_parquet
from prismrec.data.readers.table import Table, numbered_table
from prismrec.errors import DataError

FOLDER_VALUE = re.compile(r"[A-Za-z_][\w.-]*=.*")
"""A folder of a partition, as engines write it: ``day=2026-11-30``."""


def read_parquet(source: str | Path, paths: list[Path], _: Parsing) -> list[Table]:
    """Return one table for all files. Only the columns that are used are read later.

    Raises:
        DataError: A file is not Parquet, or a column has several types.
        PolarsError: A file is damaged.
    """
    name = paths[0].name if len(paths) == 1 else f"the {len(paths)} files of {source}"
    for path in paths:
        if not is_parquet(path):
            raise DataError(
                f"{path.name} is not Parquet: its first bytes are not PAR1; write it again, or "
                "correct the ending of its name."
            )
    schema, left_out = common_columns(paths)
    notes = []
    if left_out:
        notes.append(f"columns that not all files have are not read: {', '.join(sorted(left_out))}")
    folders = {part for path in paths for part in path.parts[:-1] if FOLDER_VALUE.fullmatch(part)}
    if folders:
        notes.append(
            f"folders such as {min(folders)} are not read as columns; to read only one, give its "
            "path or a glob"
        )
    frame = pl.scan_parquet(
        paths, glob=False, hive_partitioning=False, schema=schema, extra_columns="ignore"
    )
    return [replace(numbered_table(name, frame), notes=tuple(notes))]


def common_columns(paths: list[Path]) -> tuple[pl.Schema, set[str]]:
    """Return the columns that all files have, and the names of those that only some have.

    Raises:
        DataError: A column has another type in a later file than in the first.

    Cost: reads the end of each file.
    """
    first = dict(pl.read_parquet_schema(paths[0]))
    common, every = list(first), set(first)
    for path in paths[1:]:
        schema = pl.read_parquet_schema(path)
        for column in common:
            if column in schema and schema[column] != first[column]:
                raise DataError(
                    f"The column {column} is {schema[column]} in {path.name}, but {first[column]} "
                    f"in {paths[0].name}; write all files with the same types."
                )
        common, every = [column for column in common if column in schema], every | set(schema)
    return pl.Schema({column: first[column] for column in common}), every - set(common)


PARQUET = Reader(endings=(".parquet", ".pq"), read=read_parquet)
