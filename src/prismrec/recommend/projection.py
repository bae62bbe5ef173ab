"""The projection from content vectors to the item vectors of a trained model.

    rows = projection.rows_of(content.vectors)     # per table of the model, one row per item
    recommender.with_items([NewItem(id="new", vector=[0.1, …])])

It is affine: the row of an item, in all tables together, is x W + c, where x is its content vector
of length 1. So an item needs no event to be recommended. ``training/fit_projection.py`` finds W and
c.

The last number of a row of a table with biases is the item's bias: how often it is chosen by all
users. The projection estimates it from the content, but an item without events must not be hidden
by it: its bias is at least the median of the items with events.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError, described, is_number
from prismrec.io import read_tensors, write_tensors
from prismrec.numerics import normalize
from prismrec.recommend.manifest import RESTORE

TENSORS = {"weight": 2, "offset": 1, "lowest": 1}
"""The tensors of the file, with their numbers of dimensions."""
BLOCK = 1 << 16
"""Vectors that are normalized at a time."""


@dataclass(frozen=True, eq=False, repr=False)
class ContentProjection:
    """An affine map from content vectors to rows of item tables."""

    weight: Float[np.ndarray, "W T"]
    """W; T is the sum of the widths of the tables."""
    offset: Float[np.ndarray, " T"]
    """c."""
    lowest: Float[np.ndarray, " T"]
    """The smallest value of each column: the median bias for biases, else minus infinity."""

    def __repr__(self) -> str:
        width, out = self.weight.shape
        return f"ContentProjection(from width {width:,} to {out:,})"

    @property
    def width(self) -> int:
        """Width of a content vector."""
        return int(self.weight.shape[0])

    def rows_of(self, vectors: Float[np.ndarray, "N W"]) -> Float[np.ndarray, "N T"]:
        """Return the projected rows of all tables, side by side, as float32.

        Cost: O(N W T).
        """
        rows = unit_vectors(vectors) @ self.weight + self.offset
        floored: Float[np.ndarray, "N T"] = np.maximum(rows, self.lowest)
        return floored

    def rows_of_items(
        self, vectors: Sequence[Sequence[float] | NDArray[np.floating]], names: Sequence[str]
    ) -> Float[np.ndarray, "N T"]:
        """Return the projected rows of items that a caller describes.

        Args:
            vectors: One content vector per item.
            names: Their ids, for messages.

        Raises:
            DataError: A vector has another width, is 0, or has a value that is not finite as
                float32.
        """
        for name, vector in zip(names, vectors, strict=True):
            if len(vector) != self.width:
                raise DataError(
                    f"The vector of the item {name!r} has {len(vector):,} numbers, but this model "
                    f"was trained with content vectors of {self.width:,}; send a vector of the "
                    "same encoder."
                )
        with np.errstate(over="ignore"):
            array = np.array(vectors, dtype=np.float32).reshape(len(names), self.width)
        usable = np.isfinite(array).all(axis=1) & (array != 0).any(axis=1)
        if not usable.all():
            raise DataError(
                f"The vector of the item {names[int(usable.argmin())]!r} is 0 or has a value that "
                "is not finite; send finite numbers that are not all 0."
            )
        return self.rows_of(array)


def content_vector(values: object, item: str) -> tuple[float, ...]:
    """Return a content vector as a tuple, which can be compared with others.

    Args:
        values: A list, or an array of NumPy or another library.
        item: The id of its item, for messages.

    Raises:
        ConfigError: It is no list of finite numbers.
    """
    if isinstance(values, list | tuple):
        if all(map(is_number, values)):
            return tuple(map(float, values))
    elif not np.ma.isMaskedArray(values):
        try:
            array = np.asarray(values)
        except (TypeError, ValueError, RuntimeError):  # such as a tensor on a GPU
            array = np.array(None)
        if array.ndim == 1 and array.dtype.kind in "iuf" and np.isfinite(array).all():
            return tuple(array.astype(np.float64).tolist())
    raise ConfigError(
        f"The vector of the new item {item!r} is {described(values)}, but must be a list or an "
        "array of finite numbers; write vector=[0.5, 0.1]."
    )


def unit_vectors(vectors: Float[np.ndarray, "N W"]) -> Float[np.ndarray, "N W"]:
    """Return vectors with length 1, as float32; ``BLOCK`` rows at a time, to save memory."""
    unit = np.empty(vectors.shape, dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        part = slice(start, start + BLOCK)
        unit[part] = normalize(np.asarray(vectors[part], dtype=np.float32))
    return unit


def write_projection(projection: ContentProjection, path: Path) -> None:
    """Write a projection as safetensors."""
    arrays = {name: getattr(projection, name) for name in TENSORS}
    write_tensors(path, {name: torch.from_numpy(array) for name, array in arrays.items()}, {})


def read_projection(path: Path, out: int) -> ContentProjection:
    """Read the file of ``write_projection`` for tables of a total width of ``out``.

    Raises:
        DataError: It is missing or damaged, belongs to another model, or is not finite.
    """
    tensors, _ = read_tensors(path)
    shapes = {name: tuple(value.shape) for name, value in tensors.items()}
    dimensions = {name: len(shape) for name, shape in shapes.items()}
    fits = dimensions == TENSORS and all(shape[-1] == out for shape in shapes.values())
    if not fits or any(value.dtype != torch.float32 for value in tensors.values()):
        raise DataError(f"{path} has tensors of shapes {shapes}, which do not fit; {RESTORE}.")
    projection = ContentProjection(**{name: value.numpy() for name, value in tensors.items()})
    finite = np.isfinite(projection.weight).all() and np.isfinite(projection.offset).all()
    if not finite or np.isnan(projection.lowest).any() or np.isposinf(projection.lowest).any():
        raise DataError(f"{path} holds values that are not finite; {RESTORE}.")
    return projection
