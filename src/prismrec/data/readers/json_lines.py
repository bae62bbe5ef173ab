"""Read JSON lines: one object per line, one text column per key."""

import codecs
import json
from collections.abc import Collection
from functools import partial
from pathlib import Path

import polars as pl

from prismrec.data.readers.base import Parsing, Reader
from prismrec.data.readers.columns import NAMES, find_column, normalize_name
from prismrec.data.readers.table import FAULT, LINE, Table
from prismrec.data.readers.text import first_lines, read_text
from prismrec.errors import DataError

LONGEST_LINE = 1 << 20  # bytes of a first line that is tried as JSON
RAW = "(text)"
_ODD = r"^[\[{]|^true$|^false$|^-?[0-9]+[.eE]"
_AGAIN = pl.Struct({"id": pl.String(), "fault": pl.String()})
_KEY = r'"([^"\\]{1,99})"\s*:'  # matches keys of inner objects and of texts too; checked later


def read_json_lines(_: str | Path, paths: list[Path], parsing: Parsing) -> list[Table]:
    """Return one table per file; see ``json_table``."""
    return [json_table(path.name, read_text(path, parsing.encoding), parsing) for path in paths]


def json_table(name: str, text: Path | bytes, parsing: Parsing) -> Table:
    """Return the table of JSON lines: each key of the first 100 lines is a text column.

    A key that first occurs later is a column too if the caller chose it, if all columns are read,
    or if it is a common name of a role for which the first lines have no key.

    Raises:
        DataError: There is no line, or the first line is not an object.

    Cost: a streaming pass over the text to find keys, and one more if late keys are found. If all
    columns are read, each line is parsed by Python, and the text is in memory.
    """
    keys: dict[str, None] = {}
    for number, line in first_lines(name, text):
        row = parse_object(line)
        if number == 1 and row is None:
            raise DataError(
                f"{name} is not JSON lines: line 1 is not an object, or is nested too deeply; "
                "write one object per line."
            )
        keys |= dict.fromkeys(row or ())
    columns = [key for key in keys if '"' not in key]
    cell = pl.col("text").str.strip_prefix("\ufeff")
    lines = pl.scan_lines(text, name="text", row_index_name="n", row_index_offset=1, glob=False)
    lines = lines.filter(cell.str.strip_chars() != "").select("n", cell)
    if parsing.reads_every_column:
        for line in lines.select("text").collect().to_series():
            keys |= dict.fromkeys(parse_object(line) or ())
        columns = [key for key in keys if '"' not in key]
    else:
        columns += _late_keys(lines, columns, {*parsing.column_names, *parsing.other_names})
    is_object = pl.col("text").str.json_path_match("$").str.starts_with("{").fill_null(value=False)
    fault = pl.when(~is_object).then(pl.lit("line is not a JSON object")).alias(FAULT)
    raw = pl.col("text").alias(RAW)
    frame = lines.select(pl.col("n").alias(LINE), fault, raw, *(_cells(key) for key in columns))
    return Table(name, frame, columns, text=text, raw=RAW)


def exact_ids(key: str, role: str) -> tuple[pl.Expr, pl.Expr]:
    """Return the ids in a column of JSON lines, and the reason why a cell is no id, or null.

    Polars returns lists and objects as text, and converts numbers beyond 64 bits and numbers with
    a fraction to float64: such cells are read again by Python, which keeps the digits as written.

    Args:
        key: Name of the column.
        role: "user" or "item", for the reason.
    """
    odd = pl.col(key).str.contains(_ODD)
    again = (
        pl.when(odd)
        .then(pl.col(RAW))
        .map_batches(
            partial(_read_again, key=key, role=role), return_dtype=_AGAIN, is_elementwise=True
        )
    )
    ids = pl.when(odd).then(again.struct.field("id")).otherwise(pl.col(key))
    return ids, again.struct.field("fault")


def _read_again(texts: pl.Series, *, key: str, role: str) -> pl.Series:
    ids: list[str | None] = [None] * len(texts)
    faults: list[str | None] = [None] * len(texts)
    if texts.null_count() < len(texts):
        for place, text in enumerate(texts):
            row = None if text is None else parse_object(text)
            value = None if row is None else row.get(key)
            if isinstance(value, str):
                ids[place] = value
            elif value is not None:
                kind = {list: "a list", dict: "an object", bool: "true or false"}[type(value)]
                faults[place] = f"{role} is {kind}, not an id"
    return pl.DataFrame({"id": ids, "fault": faults}, schema=dict(_AGAIN)).to_struct(texts.name)


def begins_with_object(path: Path) -> bool:
    """Return whether the first line of a file that is not compressed is a JSON object."""
    with path.open("rb") as file:
        start = file.read(4).removeprefix(codecs.BOM_UTF8)
        if not start.startswith(b"{"):
            return False
        line = start + file.readline(LONGEST_LINE)
    try:
        return parse_object(line.decode("utf-8")) is not None
    except UnicodeDecodeError:
        return False


def parse_object(line: str) -> dict[str, object] | None:
    """Parse a line with its numbers as text; return None if it is not an object."""
    try:
        # As text: ids keep their digits, and Python cannot parse a number of 5,000 digits.
        row = json.loads(line, parse_int=str, parse_float=str)
    except (json.JSONDecodeError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _cells(key: str) -> pl.Expr:
    return pl.col("text").str.json_path_match(f'$["{key}"]').alias(key)


def _late_keys(lines: pl.LazyFrame, columns: list[str], column_names: Collection[str]) -> list[str]:
    """Find keys of any line that are needed and are not yet among the columns."""
    roles = [role for role in NAMES if find_column(role, columns, None, table="") is None]
    common = {name for role in roles for name in NAMES[role]}
    absent = {name for name in column_names if name not in columns}
    if not (common or absent):
        return []
    matches = pl.col("text").str.extract_all(_KEY).explode(empty_as_null=False, keep_nulls=False)
    distinct = lines.select(matches.unique()).collect(engine="streaming").to_series()
    names = distinct.str.extract(_KEY).sort().to_list()
    late = [name for name in names if name in absent or normalize_name(name) in common]
    if not late:
        return []
    occurs = lines.select(_cells(key).is_not_null().any() for key in late)
    row = occurs.collect(engine="streaming").row(0)
    return [key for key, is_present in zip(late, row, strict=True) if is_present]


JSON_LINES = Reader(endings=(".json", ".jsonl", ".ndjson"), read=read_json_lines)
