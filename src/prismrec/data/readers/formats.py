"""Tables from wherever they lie: files, globs, directories, frames; the cells as they stand.

    tables = open_tables("logs/*.csv.gz", Parsing(delimiter=","))
    tables[0].columns    # ["user_id", "item_id", "timestamp"]
    tables[0].frame      # a lazy frame of these, and of LINE and FAULT

They read CSV, TSV, RecBole's atomic files, JSON lines (each also ``.gz``, ``.zst``, ``.bz2``) and
Parquet; and, without a header, ComiRec's ``user,item,time`` and sequences, ``user item item …``.

Text stays text: no cell becomes a number or a missing value here, so that ``007`` and ``NA``
are ids. A row that cannot be what the header says has a ``fault``; nobody drops it in silence.
"""

import csv
import glob
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pyarrow as pa

from prismrec.data.readers.columns import is_header
from prismrec.data.readers.json_lines import json_table
from prismrec.data.readers.table import FAULT, LINE, Table, malformed
from prismrec.data.readers.text import COMPRESSED, first_lines, read_text
from prismrec.errors import ConfigError, DataError

DELIMITERS = (",", "\t", ";", "|")
SAMPLE = 100  # lines looked at to tell events from sequences
_TIME = re.compile(r"\d{9,19}(\.\d*)?|\d{4}-\d\d-\d\d\S*|\d\d?:\d\d\S*")


@dataclass(frozen=True, kw_only=True)
class Parsing:
    """How text is to be read."""

    delimiter: str | None = None
    """Between fields; told by the header if None."""
    encoding: str = "utf-8"
    """Of text, by Python's name."""
    given: Sequence[str] = ()
    """Names of columns that the caller gave: a first line that holds one is a header."""
    layouts: Mapping[int, Sequence[str]] = field(default_factory=dict)
    """What the columns of a file without a header are, by their number."""


def open_tables(source: object, parsing: Parsing) -> list[Table]:
    """Open a path, a glob, a directory, or a Polars, Pandas or Arrow frame.

    Returns:
        One table a text file, in the order of their names; one for all Parquet files together.

    Raises:
        DataError: No such file, an empty or damaged one, files of several formats, bytes that are
            not of the encoding, a delimiter that does not cut the header, or sequences that look
            like events.
        ConfigError: An encoding or a delimiter that is none.

    Cost: text is read once to check its encoding, JSON lines once or twice more for keys that come
    late. Only what is compressed or not UTF-8 is held in memory whole; sequences are when they
    are collected.
    """
    if parsing.delimiter is not None and not _is_delimiter(parsing.delimiter):
        raise ConfigError(
            f"delimiter is {parsing.delimiter!r}; give a single character of ASCII that is no "
            "quote and ends no line."
        )
    if not isinstance(source, str | Path):
        return [_frame_table(source)]
    paths = _paths(source)
    formats = {_format(path) for path in paths}
    if len(formats) > 1:
        raise DataError(
            f"{source} holds files of several formats ({', '.join(sorted(formats))}); "
            "give a glob that takes those of one, such as '*.csv'."
        )
    if formats == {"parquet"}:
        name = paths[0].name if len(paths) == 1 else f"the {len(paths)} files of {source}"
        try:
            return [_table(name, pl.scan_parquet(paths, glob=False))]
        except pl.exceptions.PolarsError as error:
            raise malformed([Table(name, pl.LazyFrame(), [])], error) from error
    if formats == {"json"}:
        return [
            json_table(path.name, read_text(path, parsing.encoding), parsing.given)
            for path in paths
        ]
    tables = [_delimited(path.name, read_text(path, parsing.encoding), parsing) for path in paths]
    sequences = [table.name for table in tables if table.is_sequences]
    if 0 < len(sequences) < len(tables):
        raise DataError(
            f"{source} holds tables, and {sequences[0]} without a header; give a glob that takes "
            "those of one form."
        )
    return tables


def _paths(source: str | Path) -> list[Path]:
    path = Path(source)
    if path.is_file():
        return [path]
    found: Iterable[Path] = map(Path, glob.glob(str(source), recursive=True))
    if path.is_dir() and str(source):  # "" is a variable not set, not the folder one stands in
        found = path.rglob("*")
    # Spark and others leave _SUCCESS and .crc files beside their parts, editors .checkpoints and
    # killed jobs _temporary folders: no data, unless the caller names them.
    named = set(path.parts)
    paths = sorted(
        each
        for each in found
        if not any(part[0] in "._" for part in each.parts if part not in named) and each.is_file()
    )
    if not paths:
        raise DataError(f"There is no file at {str(source)!r}; give a file, a directory or a glob.")
    return paths


def _format(path: Path) -> str:
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] in COMPRESSED:
        endings.pop()
    last = endings[-1] if endings else ""
    known = {".parquet": "parquet", ".pq": "parquet"}
    known |= dict.fromkeys((".json", ".jsonl", ".ndjson"), "json")
    return known.get(last, "text")


def _table(name: str, frame: pl.LazyFrame) -> Table:
    columns = frame.collect_schema().names()
    frame = frame.with_row_index(LINE, offset=1)
    return Table(name, frame.with_columns(pl.lit(None, dtype=pl.String).alias(FAULT)), columns)


def _frame_table(source: object) -> Table:
    if isinstance(source, pl.LazyFrame):
        return _table("the frame", source)
    try:
        if type(source).__module__.partition(".")[0] == "pandas":
            frame = pl.from_pandas(source)
        else:
            frame = pl.DataFrame(source)  # type: ignore[arg-type]
    except (
        TypeError,
        ValueError,
        OverflowError,
        pa.ArrowException,
        pl.exceptions.PolarsError,
    ) as error:
        raise DataError(
            f"A {type(source).__name__} does not read as a table ({error}); give a path, or a "
            "Polars, Pandas or Arrow frame whose columns hold values of one type each."
        ) from error
    return _table("the frame", frame.lazy())


def _delimited(name: str, text: Path | bytes, parsing: Parsing) -> Table:
    number, first = first_lines(name, text, 1)[0]
    if "\r" in first:
        raise DataError(
            f"{name} ends its lines with carriage returns alone, which do not read; write it with "
            "line feeds."
        )
    delimiter = parsing.delimiter or _detect(first)
    fields = _cut(first, delimiter)
    if len(fields) == 1 and _detect(first) not in (" ", delimiter):
        raise DataError(
            f"{name} read with delimiter {delimiter!r} has a single column, {fields[0]!r}; "
            f"its first line is cut by {_detect(first)!r}: give that as the delimiter, or none."
        )
    names = None
    if not is_header(fields, parsing.given):
        if delimiter == " " and not parsing.given:
            if parsing.delimiter is None:
                _check_sequences(name, text)
            return _sequence_table(name, text)
        names = _headerless(fields, parsing)
    columns = names or fields
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise DataError(f"{name} has two columns called {twice!r}; call one of them another name.")
    atomic = any(":" in column for column in columns)  # RecBole's, which quotes nothing
    skipped = number - 1 if names else number
    numbered = [str(position) for position in range(len(columns) + 1)]
    frame = pl.scan_csv(
        text, has_header=False, skip_lines=skipped, separator=delimiter,
        quote_char=None if atomic else '"', schema=dict.fromkeys(numbered, pl.String),
        missing_columns="insert", extra_columns="ignore", truncate_ragged_lines=True,
        row_index_name="n", row_index_offset=skipped + 1, glob=False,
    )  # fmt: skip
    # One column more than the header has: what stands there is too much.
    fault = pl.when(pl.col(numbered[-1]).is_not_null()).then(pl.lit("line has too many fields"))
    cells = [pl.col(place).alias(column) for place, column in zip(numbered, columns, strict=False)]
    frame = frame.select(pl.col("n").alias(LINE), fault.alias(FAULT), *cells)
    return Table(name, frame, columns, text=text, delimiter=delimiter)


def _is_delimiter(given: str) -> bool:
    return len(given) == 1 and given.isascii() and given not in '"\r\n'


def _cut(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error:  # a field of more than 131,072 characters: a line of one long sequence
        return line.split(delimiter)


def _detect(line: str) -> str:
    """Choose the delimiter that cuts a line into most fields; a space if none does."""
    best = max(DELIMITERS, key=lambda delimiter: len(_cut(line, delimiter)))
    return best if len(_cut(line, best)) > 1 else " "


def _headerless(fields: list[str], parsing: Parsing) -> list[str] | None:
    """Name the columns where the first line is data; None where it is a header after all."""
    numbered = [f"column_{position}" for position in range(1, len(fields) + 1)]
    if parsing.given:
        return numbered if set(parsing.given) <= set(numbered) else None
    is_data = any(re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", each) for each in fields)
    layout = parsing.layouts.get(len(fields))
    return list(layout) if layout and is_data else None


def _check_sequences(name: str, text: Path | bytes) -> None:
    """Refuse ``user item time`` lines: read as sequences their times would become items."""
    lines = [line.split() for _, line in first_lines(name, text, SAMPLE)]
    if all(len(words) in (3, 4) and _TIME.fullmatch(words[-1]) for words in lines):
        last = len(lines[0])
        raise DataError(
            f"{name} has no header, and its lines end in what looks like a time ({lines[0][-1]}); "
            f"name the columns of user, item and time, such as column_1, column_2 and column_{last}"
            ", or give the delimiter ' ' if all but the first of a line are items."
        )


def _sequence_table(name: str, text: Path | bytes) -> Table:
    """Give ``user item item …`` lines as events. A user of several lines goes on in the next."""
    words = (
        pl.col("text").str.strip_chars("\ufeff \t\r").str.replace_all(r"\s+", " ").str.split(" ")
    )
    frame = (
        pl.scan_lines(text, name="text", row_index_name=LINE, row_index_offset=1, glob=False)
        .select(LINE, pl.lit(None, dtype=pl.String).alias(FAULT), words.alias("words"))
        .filter(pl.col("words").list.first() != "")
        .select(LINE, FAULT, user=pl.col("words").list.first(), item=pl.col("words").list.slice(1))
        .explode("item", empty_as_null=True)
        .with_columns(time=pl.int_range(pl.len(), dtype=pl.Int64).over("user"))
    )
    return Table(name, frame, ["user", "item", "time"], text=text, is_sequences=True)
