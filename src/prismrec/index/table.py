"""The indexes by name, and opening one from its folder."""

import json
from pathlib import Path

from prismrec.errors import DataError
from prismrec.index.approximate import Changed
from prismrec.index.base import FORMAT, HEADER, Index
from prismrec.index.exact import ExactIndex
from prismrec.index.sharded import Sharded
from prismrec.resolve import resolve

INDEXES: dict[str, type[Index] | str] = {
    "exact": ExactIndex,
    "ivf-flat": "prismrec.index.faiss:IvfFlat",
    "ivf-sq8": "prismrec.index.faiss:IvfSq8",
    "pgvector": "prismrec.index.pgvector:Pgvector",
    "scann": "prismrec.index.scann:Scann",
}

COMPOSED: dict[str, type[Index] | str] = {"changed": Changed, "sharded": Sharded}
"""Indexes made of others: nobody asks for them by name, but they are saved and opened."""


def load_index(folder: str | Path) -> Index:
    """Open an index that ``Index.save`` wrote; arrays stay on disk where the backend can.

    Raises:
        DataError: No index, another format, a kind that is not in the tables, or a damaged file.
        MissingExtra: Its library is not installed.
    """
    folder = Path(folder)
    try:
        header = json.loads((folder / HEADER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"No index at {folder}: its {HEADER} is missing or not JSON; build the index again."
        ) from error
    table = {**INDEXES, **COMPOSED}
    if header.get("format") != FORMAT or header.get("kind") not in table:
        raise DataError(
            f"The index {folder} is of format {header.get('format')!r} and kind "
            f"{header.get('kind')!r}, but this prismrec reads {FORMAT!r} and the kinds "
            f"{', '.join(table)}; build the index again."
        )
    kind = resolve("index", header["kind"], table)
    parts = [load_index(folder / f"part-{number}") for number in range(header["parts"])]
    try:
        return kind.read(folder, header["settings"], parts)
    except (OSError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(
            f"The index {folder} is damaged ({error}); build the index again."
        ) from error
