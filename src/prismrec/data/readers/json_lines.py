"""JSON lines: an object a line, each of its keys a column of text."""

import json
from collections.abc import Collection
from pathlib import Path

import polars as pl

from prismrec.data.readers.columns import NAMES, find, plain
from prismrec.data.readers.table import FAULT, LINE, Table
from prismrec.data.readers.text import first_lines
from prismrec.errors import DataError

SAMPLE = 100  # lines whose keys make the columns
_KEY = r'"([^"\\]{1,99})"\s*:'  # also of an object within, or in a text: to be looked at


def json_table(name: str, text: Path | bytes, given: Collection[str] = ()) -> Table:
    """Give JSON lines: each key of the first lines is a column of text.

    So is a key of any later line that the caller names, or that is a common name of a role which
    no key of the first lines has.

    Raises:
        DataError: There is no line, or the first is no object.

    Cost: a streaming pass over the text for keys, and one to check each such key found.
    """
    keys: dict[str, None] = {}
    for number, line in first_lines(name, text, SAMPLE):
        row = _object(line)
        if number == 1 and row is None:
            raise DataError(
                f"{name} is no JSON lines: line 1 is no object, or one too deep to read; "
                "write an object a line."
            )
        keys |= dict.fromkeys(row or ())
    columns = [key for key in keys if '"' not in key]
    cell = pl.col("text").str.strip_prefix("\ufeff")
    lines = pl.scan_lines(text, name="text", row_index_name="n", row_index_offset=1, glob=False)
    lines = lines.filter(cell.str.strip_chars() != "").select("n", cell)
    columns += _late_keys(lines, columns, given)
    whole = pl.col("text").str.json_path_match("$").str.starts_with("{").fill_null(value=False)
    fault = pl.when(~whole).then(pl.lit("line is no JSON object")).alias(FAULT)
    frame = lines.select(pl.col("n").alias(LINE), fault, *(_cells(key) for key in columns))
    return Table(name, frame, columns, text=text)


def _object(line: str) -> dict[str, object] | None:
    """Read a line of which the keys are wanted; None if it is no object."""
    try:
        row = json.loads(line, parse_int=str)  # Python refuses a number of 5,000 digits
    except (json.JSONDecodeError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _cells(key: str) -> pl.Expr:
    # Numbers keep the digits that they are written with: none goes through a float.
    return pl.col("text").str.json_path_match(f'$["{key}"]').alias(key)


def _late_keys(lines: pl.LazyFrame, columns: list[str], given: Collection[str]) -> list[str]:
    """Find the keys that are wanted, are not among the columns, and stand in any line."""
    roles = [role for role in NAMES if find(role, columns, None, where="") is None]
    wanted = {name for role in roles for name in NAMES[role]}
    absent = {name for name in given if name not in columns}
    if not (wanted or absent):
        return []
    found = pl.col("text").str.extract_all(_KEY).explode(empty_as_null=False, keep_nulls=False)
    written = lines.select(found.unique()).collect(engine="streaming").to_series()
    names = written.str.extract(_KEY).sort().to_list()
    late = [name for name in names if name in absent or plain(name) in wanted]
    if not late:
        return []
    there = lines.select(_cells(key).is_not_null().any() for key in late)
    found_in = there.collect(engine="streaming").row(0)
    return [key for key, is_there in zip(late, found_in, strict=True) if is_there]
