"""Read one JSON object that maps items to their categories: ``{"B00A": ["tea", "cups"], …}``."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl

from prismrec.data.readers.columns import find_column
from prismrec.data.readers.text import read_text
from prismrec.errors import DataError


class _Pairs(list[tuple[str, Any]]):
    """A JSON object as (key, value) pairs, which keeps repeated keys."""


def read_mapping(source: object, encoding: str, column_names: list[str]) -> pl.DataFrame | None:
    """Read one JSON object that maps items to categories; None if the source is not one."""
    if not isinstance(source, str | Path) or ".json" not in Path(source).suffixes:
        return None
    path = Path(source)
    if not path.is_file():
        return None
    text = read_text(path, encoding)
    try:
        pairs = json.loads(
            path.read_bytes() if isinstance(text, Path) else text,
            object_pairs_hook=_Pairs, parse_int=str, parse_float=str, parse_constant=str,
        )  # fmt: skip
        if not isinstance(pairs, _Pairs):
            return None
        keys = [key for key, _ in pairs]
        is_row = find_column("item", keys, None, table=path.name) is not None
        if is_row or set(column_names) & set(keys):
            return None  # JSON lines with a single line
        cells = [list(_names(key, value, path.name)) for key, value in pairs]
    except json.JSONDecodeError:
        return None  # JSON lines or damaged: the reader of JSON lines finds out
    except RecursionError:
        raise DataError(
            f"{path.name} has lists that are nested too deeply; write it with fewer levels."
        ) from None
    schema = {"item": pl.String(), "categories": pl.List(pl.String)}
    return pl.DataFrame({"item": keys, "categories": cells}, schema=schema)


def _names(item: str, value: object, table: str) -> Iterator[str]:
    """Yield the names in a JSON value: a single name, or those of a list nested to any depth."""
    if isinstance(value, _Pairs):
        raise DataError(
            f"The item {item!r} of {table} has an object as its categories; give a list of names, "
            "or JSON lines with one object per item that includes its id."
        )
    if isinstance(value, list):
        for each in value:
            yield from _names(item, each, table)
    elif value is not None:
        yield value if isinstance(value, str) else json.dumps(value)
