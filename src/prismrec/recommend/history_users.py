"""The users of files of histories: rows without a user, and users with several rows."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from prismrec.io import track

GROUP = 1 << 24
"""Rows whose users are compared at a time, by 8 bytes per row."""


def named_users(users: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return ids of users as text; an empty id is missing."""
    text = users.cast(pa.string())
    return pc.if_else(pc.equal(text, ""), None, text)


def first_without_user(files: Sequence[Path]) -> str:
    """Return the place of the first row without a user, such as ``row 3 of b.parquet``.

    Cost: reads the column of users up to this row.
    """
    for file in files:
        row = 0
        for users in _read_users(file):
            missing = users.is_null()
            if missing.true_count:
                return f"row {row + missing.index(True).as_py() + 1:,} of {file.name}"
            row += len(users)
    return ""


def count_repeated_users(files: Sequence[Path], rows: int) -> int:
    """Return the number of rows whose user has an earlier row, by hashes of 64 bits.

    Cost: reads the column of users once per ``GROUP`` rows, in the memory of one such group.
    """
    groups = max(1, -(-rows // GROUP))
    numbers = track(range(groups), "counting repeated users", groups)
    return sum(_count_repeated(files, group, groups) for group in numbers)


def _count_repeated(files: Sequence[Path], group: int, groups: int) -> int:
    """Return the number of rows that repeat a user, of the users in a group of hashes."""
    parts = [np.empty(0, np.uint64)]
    for file in files:
        for users in _read_users(file):
            hashes = pl.Series(pl.from_arrow(users.drop_null())).hash().to_numpy()
            parts.append(hashes[hashes % np.uint64(groups) == group])
    found = np.concatenate(parts)
    found.sort()
    return int(np.count_nonzero(found[1:] == found[:-1]))


def _read_users(file: Path) -> Iterator[pa.Array]:
    """Yield the users of a file as text."""
    with pq.ParquetFile(file) as source:
        for batch in source.iter_batches(columns=["user"]):
            yield named_users(batch.column(0))
