"""Read text with a delimiter: CSV, TSV, RecBole's atomic files; with or without a header.

Files may be compressed (``.gz``, ``.zst``, ``.bz2``). Two layouts are read without a header:
ComiRec's ``user,item,time`` and sequences, ``user item item …`` (see ``sequences``).
"""

import csv
import re
from pathlib import Path

import polars as pl

from prismrec.data.readers.base import Parsing, Reader
from prismrec.data.readers.columns import is_header
from prismrec.data.readers.sequences import check_sequences, sequence_table
from prismrec.data.readers.table import FAULT, LINE, Table
from prismrec.data.readers.text import first_lines, read_text
from prismrec.errors import ConfigError, DataError

DELIMITERS = (",", "\t", ";", "|")


def check_delimiter(delimiter: str | None) -> None:
    """Raise ConfigError for a delimiter that cannot separate fields. None is accepted."""
    if delimiter is None:
        return
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter in '"\r\n':
        raise ConfigError(
            f"delimiter is {delimiter!r}; give a single ASCII character that is not a quote or a "
            "line end."
        )


def read_delimited(source: str | Path, paths: list[Path], parsing: Parsing) -> list[Table]:
    """Return one table per file.

    Raises:
        DataError: A file cannot be read, or some files are sequences and others are not.
    """
    tables = [delimited_table(path.name, read_text(path, parsing.encoding), parsing)
              for path in paths]  # fmt: skip
    sequences = [table.name for table in tables if table.is_sequences]
    if 0 < len(sequences) < len(tables):
        raise DataError(
            f"{source} contains tables, and {sequences[0]} without a header; give a glob that "
            "selects the files of one layout."
        )
    return tables


def delimited_table(name: str, text: Path | bytes, parsing: Parsing) -> Table:
    """Return the table of one text. Its cells are read later, when the frame is collected.

    Raises:
        DataError: The text is empty, its lines end in carriage returns only, the delimiter is not
            in the first line, two columns have the same name, or sequences look like events.
    """
    number, first = first_lines(name, text, 1)[0]
    if "\r" in first:
        raise DataError(
            f"{name} ends its lines with carriage returns only, which cannot be read; write it "
            "with line feeds."
        )
    delimiter = parsing.delimiter or _detect(first)
    fields = _cut(first, delimiter)
    if len(fields) == 1 and _detect(first) not in (" ", delimiter):
        raise DataError(
            f"{name} read with delimiter {delimiter!r} has a single column, {fields[0]!r}; "
            f"its first line is separated by {_detect(first)!r}: give that delimiter, or none."
        )
    names = None
    if not is_header(fields, parsing.column_names):
        if delimiter == " " and not parsing.column_names:
            if parsing.delimiter is None:
                check_sequences(name, text)
            return sequence_table(name, text)
        names = _headerless(fields, parsing)
    columns = names or fields
    if len(set(columns)) < len(columns):
        repeated = next(column for column in columns if columns.count(column) > 1)
        raise DataError(f"{name} has two columns named {repeated!r}; rename one of them.")
    skipped = number - 1 if names else number
    return Table(name, _scan(text, columns, delimiter, skipped), columns, text, delimiter=delimiter)


def _scan(text: Path | bytes, columns: list[str], delimiter: str, skipped: int) -> pl.LazyFrame:
    """Return the lazy frame of the columns, with ``LINE`` and ``FAULT``; skip the first lines."""
    atomic = any(":" in column for column in columns)  # RecBole's files have no quotes
    # One column more than the header has: a value in it means too many fields.
    numbered = [str(position) for position in range(len(columns) + 1)]
    frame = pl.scan_csv(
        text, has_header=False, skip_lines=skipped, separator=delimiter,
        quote_char=None if atomic else '"', schema=dict.fromkeys(numbered, pl.String),
        missing_columns="insert", extra_columns="ignore", truncate_ragged_lines=True,
        row_index_name="n", row_index_offset=skipped + 1, glob=False,
    )  # fmt: skip
    fault = pl.when(pl.col(numbered[-1]).is_not_null()).then(pl.lit("line has too many fields"))
    cells = [pl.col(place).alias(column) for place, column in zip(numbered, columns, strict=False)]
    return frame.select(pl.col("n").alias(LINE), fault.alias(FAULT), *cells)


def _cut(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error:  # a field of more than 131,072 characters: a line of one long sequence
        return line.split(delimiter)


def _detect(line: str) -> str:
    """Return the delimiter that cuts a line into most fields; a space if none of them does."""
    best = max(DELIMITERS, key=lambda delimiter: len(_cut(line, delimiter)))
    return best if len(_cut(line, best)) > 1 else " "


def _headerless(fields: list[str], parsing: Parsing) -> list[str] | None:
    """Return column names if the first line is data; None if it is a header after all."""
    numbered = [f"column_{position}" for position in range(1, len(fields) + 1)]
    if parsing.column_names:
        return numbered if set(parsing.column_names) <= set(numbered) else None
    is_data = any(re.fullmatch(r"\s*-?\d+(\.\d*)?\s*", each) for each in fields)
    layout = parsing.layouts.get(len(fields))
    return list(layout) if layout and is_data else None


DELIMITED = Reader(endings=(), read=read_delimited)
