"""Open tables: files of any format, globs, folders and data frames.

    tables = open_tables("logs/*.csv.gz", Parsing(delimiter=","))
    tables[0].columns    # ["user_id", "item_id", "timestamp"]
    tables[0].frame      # a lazy frame with these columns, LINE and FAULT

The formats are in ``READERS``. To add one, write a file with a ``Reader`` and add one line there.

Text stays text: no reader converts a cell to a number or to a missing value, so ``007`` and ``NA``
are ids. A row that does not match the header has a ``fault``; no row is dropped silently.
"""

from dataclasses import replace
from pathlib import Path

import polars as pl

from prismrec.data.readers.base import Parsing, Reader
from prismrec.data.readers.columns import quote_names
from prismrec.data.readers.delimited import DELIMITED, check_delimiter
from prismrec.data.readers.frames import frame_table
from prismrec.data.readers.json_lines import JSON_LINES, begins_with_object
from prismrec.data.readers.parquet import PARQUET
from prismrec.data.readers.parquet_files import named_files
from prismrec.data.readers.paths import ending_of, find_all_paths, find_paths
from prismrec.data.readers.signatures import is_parquet
from prismrec.data.readers.table import Table, malformed
from prismrec.data.readers.text import COMPRESSED
from prismrec.errors import DataError

READERS: dict[str, Reader] = {
    "parquet": PARQUET,
    "json": JSON_LINES,
    "text": DELIMITED,
}
"""The file formats by name. The reader without endings reads all other files."""


def open_tables(source: object, parsing: Parsing) -> list[Table]:
    """Open a path, a glob, a folder, or a Polars, Pandas or Arrow frame.

    Returns:
        One table per text file, sorted by file name; one table for all Parquet files together.

    Raises:
        DataError: The file does not exist, is empty or is damaged; the files have several formats;
            a byte does not fit the encoding; the delimiter is not in the header; or the lines are
            read as sequences but look like events.
        ConfigError: Unknown encoding or impossible delimiter.

    Cost: text is read once to check its encoding; JSON lines once or twice more to find keys that
    first occur late. Only compressed text and text that is not UTF-8 is kept in memory.
    """
    check_delimiter(parsing.delimiter)
    if not isinstance(source, str | Path):
        return [frame_table(source)]
    paths, skipped = find_all_paths(source)
    formats = {format_of(path) for path in paths}
    if len(formats) > 1:
        raise DataError(
            f"{source} contains files of several formats ({', '.join(sorted(formats))}); "
            "give a glob that selects the files of one format, such as '*.csv'."
        )
    kind = formats.pop()
    try:
        first, *others = READERS[kind].read(source, paths, parsing)
    except (pl.exceptions.PolarsError, OSError) as error:
        name = named_files(source, paths)
        if any(path.suffix.lower() in COMPRESSED for path in paths):
            raise DataError(
                f"{name} cannot be read as {kind}; if it is compressed, decompress it first."
            ) from error
        if isinstance(error, OSError):
            raise DataError(
                f"{name} cannot be read as {kind} ({error}); check the file."
            ) from error
        raise malformed([Table(name, pl.LazyFrame(), [], parts=tuple(paths))]) from error
    if skipped:
        names = quote_names([path.name for path in skipped])
        note = f"files whose names or folders begin with . or _ are not read: {names}"
        first = replace(first, notes=(*first.notes, note))
    return [first, *others]


def format_of(path: Path) -> str:
    """Return the format of a file, as a key of ``READERS``.

    The ending of the name decides; of files with other endings, Parquet and JSON lines are
    recognized by their first bytes.
    """
    ending = ending_of(path)
    others = next(name for name, reader in READERS.items() if not reader.endings)
    named = next((name for name, reader in READERS.items() if ending in reader.endings), others)
    if named != others:
        return named
    if is_parquet(path):
        return "parquet"
    return "json" if begins_with_object(path) else others


def parquet_paths(source: str | Path) -> list[Path]:
    """Return the Parquet files of a path, a folder or a glob, as ``find_paths`` does.

    Raises:
        DataError: There is no file, or one is not Parquet.
    """
    paths = find_paths(source)
    for path in paths:
        if format_of(path) != "parquet":
            others = f", or move it out of {str(source)!r}" if len(paths) > 1 else ""
            raise DataError(f"{path} is not a Parquet file; write it as Parquet{others}.")
    return paths
