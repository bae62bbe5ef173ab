"""Several Parquet files of one source: their names, rows, differences, and values of folders."""

import glob
from collections.abc import Collection, Sequence
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pyarrow.parquet as pq

from prismrec.data.readers.columns import roles_named
from prismrec.data.readers.time_zones import odd_schema, parquet_schema
from prismrec.errors import DataError

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What Hive and Spark write for a missing value in the name of a folder."""


def named_files(source: object, paths: Sequence[Path]) -> str:
    """Return the name of the files of a source for messages."""
    return paths[0].name if len(paths) == 1 else f"{source} ({len(paths):,} files)"


def file_name(path: Path, paths: Sequence[Path]) -> str:
    """Return the name of one of several files: with its folders if others have the same name."""
    return path.name if [each.name for each in paths].count(path.name) == 1 else str(path)


def count_rows(path: Path) -> int:
    """Return the number of rows of a file, which its footer has.

    Raises:
        DataError: It is damaged.
    """
    if odd_schema(path) is not None:  # Polars cannot open it; pyarrow lacks integers of 128 bits
        return int(pq.read_metadata(path).num_rows)
    try:
        return int(pl.scan_parquet([path], glob=False).select(pl.len()).collect().item())
    except pl.exceptions.PolarsError as error:
        raise DataError(f"{path} is damaged or incomplete; repair it or write it again.") from error


def folder_values(
    source: object, paths: Sequence[Path], columns: Sequence[str], chosen: Collection[str]
) -> dict[str, list[str | None]]:
    """Return the columns that folders such as ``event=view`` give: a text per file, or None.

    Only folders below the given one count: those above it, or above the first wildcard of a glob,
    are the same for all files. A column of the files has priority over a folder with its name or
    its role: the day of a folder must not replace the times of the events, unless the caller
    chose its name.

    Args:
        source: A path, a folder or a glob.
        paths: Its files.
        columns: The columns of the files.
        chosen: Names of columns that the caller chose.
    """
    roles = roles_named(columns, ())
    given = Path(str(source))
    fixed = given.parts
    if not given.exists():
        fixed = tuple(takewhile(lambda part: not glob.has_magic(part), fixed))
    found = []
    for path in paths:
        pairs = (part.partition("=") for part in path.parts[len(fixed) : -1])
        found.append({unquote(name): value for name, sign, value in pairs if name and sign})
    names = dict.fromkeys(
        name
        for each in found
        for name in each
        if name not in columns and (name in chosen or roles.isdisjoint(roles_named([name], ())))
    )
    values = {name: [each.get(name, NO_VALUE) for each in found] for name in names}
    return {
        name: [None if value == NO_VALUE else unquote(value) for value in own]
        for name, own in values.items()
    }


def other_columns(paths: Sequence[Path], columns: Sequence[str]) -> tuple[Path, list[str]] | None:
    """Return the first file that has other columns than these, and their names; None if none has.

    Cost: reads the footers of all files.
    """
    for path in paths:
        others = [name for name in parquet_schema(path) if name not in columns]
        if others:
            return path, others
    return None


def check_alike(
    paths: Sequence[Path], read: Collection[str], required: Collection[str | None]
) -> None:
    """Raise DataError for a file that has other columns than the first one.

    Args:
        paths: The files of one table.
        read: Columns of the first file that must have the same type in all files.
        required: Those of them that no file may lack; where another column is missing, it is null.

    Cost: reads the footers of all files if there are several.
    """
    first = parquet_schema(paths[0]) if len(paths) > 1 else {}
    for path in paths[1:]:
        schema = parquet_schema(path)
        for column in first:
            kind = schema.get(column)
            if column not in read or kind == first[column] or (not kind and column not in required):
                continue
            has = f"has the column {column!r} as {kind}" if kind else f"lacks the column {column!r}"
            raise DataError(
                f"{file_name(path, paths)} {has}, but {file_name(paths[0], paths)} has it as "
                f"{first[column]}; write it alike in all files."
            )


def damaged_file(paths: Sequence[Path]) -> str | None:
    """Return the name of the first file whose columns cannot be read; None if there is none."""
    for path in paths:
        try:
            parquet_schema(path)
        except pl.exceptions.PolarsError:
            return file_name(path, paths)
    return None
