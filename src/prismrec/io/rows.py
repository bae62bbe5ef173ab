"""Copies of some rows of large arrays; the copies are on disk, as the arrays are."""

import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

IN_MEMORY = 1 << 26
"""Largest size of a copy in memory, 64 MiB."""
BLOCK = 1 << 20
"""Rows that are copied at a time."""


def copy_rows(array: NDArray[Any], rows: NDArray[np.int64] | NDArray[np.bool_]) -> NDArray[Any]:
    """Return some rows of an array.

    A copy larger than ``IN_MEMORY`` is a memory-mapped temporary file, which cannot be written to
    and has no name: the operating system removes it when it is no longer used. It is in the folder
    that ``TMPDIR`` names; if there is no space, the copy is in memory.

    Args:
        array: An array of one dimension; it may be memory-mapped.
        rows: Row numbers, or a mask of all rows.

    Cost: O(rows) time; O(``BLOCK``) memory.
    """
    is_mask = rows.dtype == np.bool_
    number = int(rows.sum()) if is_mask else len(rows)
    if number * array.itemsize <= IN_MEMORY:
        return np.asarray(array[rows])
    try:
        with tempfile.TemporaryFile() as file:
            for start in range(0, len(rows), BLOCK):
                part = rows[start : start + BLOCK]
                source = array[start : start + BLOCK] if is_mask else array
                file.write(np.ascontiguousarray(source[part]).data)
            file.flush()
            return np.asarray(np.memmap(file, dtype=array.dtype, mode="r", shape=(number,)))
    except OSError:
        return np.asarray(array[rows])
