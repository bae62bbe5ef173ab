"""Arrays in ``.npy`` files: the header is checked before anything else is read. No pickle.

    ids = read_array(folder / "ids.npy", INTEGERS, 1, repair="build the index again")
    for block in read_blocks(folder / "ids.npy"): ...      # of an array that was checked before

A file may claim any shape in its header. It is compared with the size of the file first, so that
no memory is reserved for numbers that the file does not have.
"""

import math
import tokenize
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal, NamedTuple

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from prismrec.errors import DataError
from prismrec.io.files import open_regular

INTEGERS = (np.int64,)
FLOATS = (np.float32,)
BLOCK = 1 << 20
"""Numbers that ``read_blocks`` reads at a time."""
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
UNREADABLE = (
    OSError, ValueError, TypeError, EOFError, OverflowError, SyntaxError, RecursionError,
    MemoryError, tokenize.TokenError,
)  # fmt: skip
"""What a header that is no header can raise."""


class _Header(NamedTuple):
    """The header of a file; the numbers follow it."""

    shape: tuple[int, ...]
    order: Literal["C", "F"]
    dtype: np.dtype[Any]


def read_array(
    path: Path,
    dtypes: Collection[type[np.generic]],
    dimensions: int,
    *,
    repair: str,
    mode: Literal["r", "c"] | None = None,
) -> NDArray[Any]:
    """Read an array from a file that ``numpy.save`` wrote.

    Args:
        path: The file.
        dtypes: The types that it may have.
        dimensions: The number of dimensions that it must have.
        repair: What to do if the file is damaged, for the message: "train again".
        mode: Map the file into memory instead of reading it: "r" for an array that cannot be
            changed, "c" for one whose changes do not reach the file.

    Raises:
        DataError: The file is missing or is not a regular file, its content is not such an array,
            or its size is not that of the array in its header.
    """
    try:
        with open_regular(path) as file:
            shape, order, dtype = _read_header(file)
            if dtype not in map(np.dtype, dtypes) or len(shape) != dimensions:
                raise ValueError(f"{len(shape)} dimensions of {dtype}")
            offset, size = file.tell(), file.seek(0, 2)
            needed = math.prod(shape) * dtype.itemsize
            if size - offset != needed:
                raise ValueError(f"{size - offset:,} bytes of numbers where {needed:,} belong")
            if mode is not None:
                return np.asarray(
                    np.memmap(file, dtype=dtype, mode=mode, offset=offset, shape=shape, order=order)
                )
            file.seek(offset)
            return np.fromfile(file, dtype, math.prod(shape)).reshape(shape, order=order)
    except UNREADABLE as error:
        raise damaged(path, error, repair) from error


def damaged(path: Path, reason: object, repair: str) -> DataError:
    """Return the error of a file that cannot be used.

    Args:
        path: The file.
        reason: Why, as a text or the error that was raised; its first line is used.
        repair: What to do, for the message.
    """
    first = str(reason).partition("\n")[0] or "cut off"
    return DataError(f"{path} is missing or damaged ({first}); {repair}.")


def read_blocks(path: Path) -> Iterator[NDArray[Any]]:
    """Yield the numbers of an array of one dimension in blocks, after ``read_array`` checked it.

    Each block is read into memory of its own: a pass over a memory-mapped array would count all of
    it as memory of this process.
    """
    with open_regular(path) as file:
        dtype = _read_header(file).dtype
        while len(block := np.fromfile(file, dtype, BLOCK)):
            yield block


def _read_header(file: BinaryIO) -> _Header:
    """Read the header of an array; the file is then at its first number."""
    version = npy.read_magic(file)
    if version not in HEADERS:
        raise ValueError(f"its format version is {version}")
    shape, is_fortran, dtype = HEADERS[version](file)
    if any(length < 0 for length in shape):
        raise ValueError(f"its shape is {shape}")
    return _Header(shape, "F" if is_fortran else "C", dtype)
