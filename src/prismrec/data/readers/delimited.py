"""Read text with a delimiter: CSV, TSV, RecBole's atomic files; with or without a header.

Files may be compressed (``.gz``, ``.zst``, ``.bz2``). Two layouts are read without a header:
ComiRec's ``user,item,time`` and sequences, ``user item item …`` (see ``sequences``).
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from prismrec.data.readers.base import Parsing, Reader
from prismrec.data.readers.layout import Layout, find_layout
from prismrec.data.readers.quotes import well_quoted
from prismrec.data.readers.sequences import sequence_table
from prismrec.data.readers.table import FAULT, LINE, Table
from prismrec.data.readers.text import has_blank_line, has_quote, read_text
from prismrec.errors import ConfigError, DataError


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
        DataError: A file cannot be read, or the files have different layouts: some are sequences,
            or some have a header, and others do not.
    """
    texts = [(path.name, read_text(path, parsing.encoding)) for path in paths]
    layouts = [find_layout(name, text, parsing) for name, text in texts]
    for what in ("columns", "has_header"):
        with_it = [bool(getattr(layout, what)) for layout in layouts]
        if len(set(with_it)) > 1:
            odd = texts[with_it.index(False)][0]
            raise DataError(
                f"{source} contains tables, and {odd} without a header; give a glob that selects "
                "the files of one layout."
                if what == "columns"
                else f"{source} contains files with a header, and {odd} without one; write the "
                "header into each file."
            )
    return [_table(name, text, layout) for (name, text), layout in zip(texts, layouts, strict=True)]


def _table(name: str, text: Path | bytes, layout: Layout) -> Table:
    if layout.columns is None:
        table = sequence_table(name, text, layout.skipped)
    else:
        # RecBole's files have no quotes. Without any quote, Polars is faster if it looks for none.
        quoted = not any(":" in column for column in layout.columns) and has_quote(text)
        if quoted:
            text = well_quoted(name, text, layout.delimiter, layout.skipped)
        frame = _scan(text, layout, layout.columns, '"' if quoted else None)
        columns = [column for column in layout.columns if column.strip()]
        table = Table(name, frame, columns, text, delimiter=layout.delimiter, is_multiline=quoted)
    return replace(table, notes=(layout.note,) if layout.note else (), has_header=layout.has_header)


def _scan(
    text: Path | bytes, layout: Layout, columns: Sequence[str], quote: str | None
) -> pl.LazyFrame:
    """Return the lazy frame of the columns, with ``LINE`` and ``FAULT``; skip the first lines.

    A column without a name, or with the name of an earlier one, is called by its number.
    """
    # One column more than the header has: a value in it means too many fields.
    numbered = [str(position) for position in range(len(columns) + 1)]
    frame = pl.scan_csv(
        text, has_header=False, skip_lines=layout.skipped, separator=layout.delimiter,
        quote_char=quote, schema=dict.fromkeys(numbered, pl.String),
        missing_columns="insert", extra_columns="ignore", truncate_ragged_lines=True,
        row_index_name="n", row_index_offset=layout.skipped + 1, glob=False,
    )  # fmt: skip
    if has_blank_line(text):
        frame = frame.filter(~_is_blank(text, layout, numbered))
    fault = pl.when(pl.col(numbered[-1]) != "").then(pl.lit("line has too many fields"))
    cells = []
    for place, column in enumerate(columns):
        is_new = column.strip() and column not in columns[:place]
        cells.append(pl.col(numbered[place]).alias(column if is_new else f"({place + 1})"))
    return frame.select(pl.col("n").alias(LINE), fault.alias(FAULT), *cells)


def _is_blank(text: Path | bytes, layout: Layout, columns: Sequence[str]) -> pl.Expr:
    """Return whether a row is a blank line: it is skipped, as between JSON lines.

    Polars returns the same cells for a line of delimiters only, such as ``,,``, which is a row.

    Cost: a pass over the text.
    """
    spaces = " \t\r".replace(layout.delimiter, "")
    first, *others = (pl.col(column) for column in columns)
    is_blank = first.str.strip_chars(spaces).fill_null("") == ""
    is_blank &= pl.all_horizontal(each.is_null() for each in others)
    line = pl.col("text").str.strip_chars(spaces)
    lines = pl.scan_lines(text, name="text", row_index_name="n", row_index_offset=1, glob=False)
    empty = lines.filter(line != "", line.str.strip_chars(f'{spaces}{layout.delimiter}"') == "")
    numbers = empty.select("n").collect(engine="streaming").to_series().to_list()
    if not numbers:
        return is_blank
    breaks = pl.sum_horizontal(pl.col(columns).str.count_matches("\n", literal=True)).fill_null(0)
    return is_blank & ~(pl.col("n") + breaks.cum_sum() - breaks).is_in(numbers)


DELIMITED = Reader(endings=(), read=read_delimited)
