"""JSON lines: an object a line, each of its keys a column of text."""

import json
from pathlib import Path

import polars as pl

from prismrec.data.tables import FAULT, LINE, Table
from prismrec.data.text import first_lines
from prismrec.errors import DataError

SAMPLE = 100  # JSON lines whose keys make the columns


def json_table(name: str, text: Path | bytes) -> Table:
    """Give JSON lines: each key of the first lines is a column of text."""
    keys: dict[str, None] = {}
    for number, line in first_lines(name, text, SAMPLE):
        try:
            row = json.loads(line)
        except json.JSONDecodeError:
            row = None
        if number == 1 and not isinstance(row, dict):
            raise DataError(f"{name} is no JSON lines: line 1 is no object; write one a line.")
        keys |= dict.fromkeys(row if isinstance(row, dict) else ())
    columns = [key for key in keys if '"' not in key]
    cell = pl.col("text")
    # Numbers keep the digits that they are written with: none goes through a float.
    cells = [cell.str.json_path_match(f'$["{key}"]').alias(key) for key in columns]
    whole = cell.str.json_path_match("$").str.starts_with("{").fill_null(value=False)
    fault = pl.when(~whole).then(pl.lit("line is no JSON object")).alias(FAULT)
    frame = pl.scan_lines(
        text, name="text", row_index_name="n", row_index_offset=1, glob=False
    ).filter(cell.str.strip_chars() != "")
    frame = frame.select(pl.col("n").alias(LINE), fault, *cells)
    return Table(name, frame, columns, text=text)
