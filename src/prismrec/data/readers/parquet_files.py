"""Several Parquet files of one source: their names, rows, differences, and values of folders."""

import glob
from collections.abc import Collection, Sequence
from itertools import takewhile
from pathlib import Path
from urllib.parse import unquote

import polars as pl

from prismrec.data.readers.columns import roles_named
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
        others = [name for name in pl.read_parquet_schema(path) if name not in columns]
        if others:
            return path, others
    return None


def describe_difference(paths: Sequence[Path], error: str) -> str | None:
    """Return how the first file that differs from the first one does, as a sentence.

    Args:
        paths: The files of one table.
        error: The text of the error of Polars, which names a column that is used; without one,
            any column counts.

    Returns:
        The sentence; None if there is no difference.
    """
    first: pl.Schema | None = None
    differences: list[tuple[str, str]] = []
    for path in paths:
        name = file_name(path, paths)
        try:
            schema = pl.Schema(pl.read_parquet_schema(path))
        except pl.exceptions.PolarsError:
            return (
                f"{name} cannot be read: it is damaged or incomplete; repair it or write it again."
            )
        first = schema if first is None else first
        for column, kind in first.items():
            wrong = f"has the column {column!r} as {schema.get(column)}"
            if column not in schema:
                wrong = f"lacks the column {column!r}"
            if schema.get(column) != kind:
                other = f"{file_name(paths[0], paths)} has it as {kind}"
                differences.append(
                    (column, f"{name} {wrong}, but {other}; write it alike in all files.")
                )
    named = [text for column, text in differences if f"column {column}" in error]
    return next(iter([*named, *(text for _, text in differences)]), None)
