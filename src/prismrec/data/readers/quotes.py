"""Check the quotes of delimited text, and correct those that Polars cannot read.

RFC 4180 allows a quote only around a field, and doubled inside. Many logs also have it inside a
field without quotes, as in ``5" pipe``: it is then a character like any other.
"""

import csv
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from itertools import chain
from pathlib import Path

import polars as pl

from prismrec.data.readers.text import stream
from prismrec.errors import DataError

_RETURN = "\U0010ffff"  # a code point that is never a character


def well_quoted(name: str, text: Path | bytes, delimiter: str, skipped: int) -> Path | bytes:
    """Return a text whose quotes Polars reads as meant: the same text if they are well-formed.

    Args:
        name: Name of the text, for the message.
        text: The text, in UTF-8.
        delimiter: Character between fields.
        skipped: Number of lines before the first row; they are kept as they are.

    Raises:
        DataError: A quoted field is not closed, or its end is followed by text; the message has
            the line.

    Cost: one streaming pass; if a line is not well-formed by itself, a pass in Python and a copy.
    """
    between = re.escape(delimiter)
    field = rf'(?:(?:"[^"]*")+|[^"{between}]*)'  # two quotes inside of quotes are one character
    lines = pl.scan_lines(text, name="text", row_index_name="n", glob=False)
    odd = ~pl.col("text").str.contains(rf"^\ufeff?{field}(?:{between}{field})*\r?$")
    if lines.filter(odd & (pl.col("n") >= skipped)).head(1).collect(engine="streaming").is_empty():
        return text
    return _rewritten(name, text, delimiter, skipped)


def _rewritten(name: str, text: Path | bytes, delimiter: str, skipped: int) -> bytes:
    """Return the text with quotes around each field that contains quotes."""
    written = StringIO(newline="")
    with stream(text) as raw, _any_field_size():
        lines: Iterator[str] = map(_decoded, raw)  # lines end at line feeds, as in Polars
        for _ in range(skipped):
            written.write(next(lines))
        if skipped == 0:
            lines = chain([next(lines).removeprefix("\ufeff")], lines)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        writer = csv.writer(written, delimiter=delimiter, lineterminator="\n")
        start = skipped + 1
        try:
            for row in reader:
                writer.writerow(row)
                start = skipped + reader.line_num + 1
        except csv.Error:
            raise DataError(
                f"{name} has a quote in line {start:,} that is not closed or is followed by text; "
                "double the quotes inside a quoted field, or remove the stray quote."
            ) from None
    return written.getvalue().replace(_RETURN, "\r").encode()


def _decoded(line: bytes) -> str:
    """Return a line as text; carriage returns inside of it, which csv refuses, are replaced."""
    text = line.decode("utf-8")
    end = "\r\n" if text.endswith("\r\n") else "\n" if text.endswith("\n") else ""
    return text.removesuffix(end).replace("\r", _RETURN) + end


@contextmanager
def _any_field_size() -> Iterator[None]:
    """Switch off the limit of fields: some logs contain pictures as text."""
    limit = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
