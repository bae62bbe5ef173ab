"""What every index does, and how one is written to a folder.

index.json      format, kind, number of parts, and settings that the kind reads back
…               the kind's own files: arrays, the backend's own format; nothing pickled
part-0/ …       the indexes that this one is made of
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError
from prismrec.io import atomic_folder
from prismrec.types import Candidates

HEADER, FORMAT = "index.json", "prismrec-index-1"
MARK = '"prismrec-index-'
"""What the header of an index of any version holds."""
BLOCK = 1 << 14
"""Vectors looked at together when a file is opened."""


class Index(ABC):
    """Finds the items whose vectors have the largest inner product with a query.

    Immutable: what adds or removes gives a new index and leaves this one as it is.
    """

    kind: ClassVar[str]
    """Its name in ``INDEXES``."""

    @property
    @abstractmethod
    def exact(self) -> bool:
        """Whether it always finds the very largest."""

    @property
    @abstractmethod
    def ids(self) -> NDArray[np.int64]:
        """The item numbers it holds, ascending."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Width D of its vectors."""

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    @abstractmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """Index some item vectors under their item numbers, in any order.

        Raises:
            DataError: A vector holds NaN or infinity; an id is below 1 or stands twice; there is
                not one id a vector.
        """

    @abstractmethod
    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """Give the m best items of each query: min(m, items held) of them, then zeros.

        Best first, ties by item number; no item twice for a query; never padding. Scores are
        the inner products with the very vectors that were given.

        Raises:
            ConfigError: ``m`` is below 1.
            DataError: A query is not finite, or of another width.
        """

    @abstractmethod
    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> "Index":
        """Give an index that holds these items too.

        Raises:
            DataError: As for ``build``, or an item is held already: remove it first.
        """

    @abstractmethod
    def remove(self, ids: Int[np.ndarray, " N"]) -> "Index":
        """Give an index that never returns these items.

        Raises:
            DataError: An item is not held.
        """

    def save(self, folder: str | Path) -> None:
        """Write it as a folder, whole or not at all.

        Args:
            folder: Where. A former index in the place is replaced, anything else left alone.

        Raises:
            DataError: Something other than an index is in the way, or it cannot be written.
        """
        with atomic_folder(folder, HEADER, MARK) as part:
            self.write(part)

    def write(self, folder: Path) -> None:
        """Write its files into an empty folder, which is made whole by others: see ``save``."""
        self._write(folder)
        for number, part in enumerate(self._parts()):
            inner = folder / f"part-{number}"
            inner.mkdir()
            part.write(inner)
        header = {"format": FORMAT, "kind": self.kind, "parts": len(self._parts())}
        text = json.dumps({**header, "settings": self._settings()}, indent=2)
        (folder / HEADER).write_text(text, encoding="utf-8")

    @classmethod
    @abstractmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence["Index"]) -> Self:
        """Read what ``save`` wrote, memory-mapped where the backend can; see ``load_index``."""

    @abstractmethod
    def _write(self, folder: Path) -> None:
        """Write the kind's own files."""

    def _settings(self) -> dict[str, Any]:
        return {}

    def _parts(self) -> Sequence["Index"]:
        return ()


def checked_items(
    vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Give vectors and ids in the order of the ids.

    Raises:
        DataError: See ``Index.build``.
    """
    if vectors.ndim != 2 or ids.shape != vectors.shape[:1]:
        raise DataError(
            f"An index was given vectors of shape {vectors.shape} for ids of shape {ids.shape}; "
            "give one vector, a row, for each id."
        )
    if len(ids) and ids.min() < 1:
        raise DataError(
            f"An index was given the item number {ids.min()}; give items of the catalog, from 1, "
            "and padding never."
        )
    order = np.argsort(ids, kind="stable")
    numbers = ids[order].astype(np.int64)
    twice = np.flatnonzero(np.diff(numbers) == 0)
    if len(twice):
        raise DataError(f"An index was given item {numbers[twice[0]]} twice; give each item once.")
    matrix = np.ascontiguousarray(vectors[order], dtype=np.float32)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        raise DataError(
            f"The vector of item {numbers[int(finite.argmin())]} holds a number that is not "
            "finite, so no search can be trusted; train again."
        )
    return matrix, numbers


def check_saved(vectors: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
    """Refuse arrays from a file that no index wrote.

    Raises:
        ValueError: Another type or shape, ids that do not ascend from 1, or a vector that is not
            finite.

    Cost: one pass over the vectors, O(N D) time and a block's memory: a mapped file stays one.
    """
    if vectors.ndim != 2 or vectors.dtype != np.float32 or ids.dtype != np.int64:
        raise ValueError(f"{vectors.ndim} dimensions of {vectors.dtype} for ids of {ids.dtype}")
    if ids.shape != vectors.shape[:1]:
        raise ValueError(f"ids of shape {ids.shape} for {len(vectors)} vectors")
    if len(ids) and (ids[0] < 1 or (np.diff(ids) < 1).any()):
        raise ValueError("its item numbers do not ascend from 1")
    for start in range(0, len(ids), BLOCK):
        finite = np.isfinite(vectors[start : start + BLOCK]).all(axis=1)
        if not finite.all():
            item = ids[start + int(finite.argmin())]
            raise ValueError(f"the vector of item {item} holds a number that is not finite")


def check_held(index: Index, ids: Int[np.ndarray, " N"]) -> None:
    """Refuse items that an index does not hold.

    Raises:
        DataError: The first of them.
    """
    absent = np.setdiff1d(ids, index.ids)
    if len(absent):
        raise DataError(
            f"Item {absent[0]} was to be removed from an index that does not hold it; "
            "give items that it holds."
        )


def check_new(index: Index, ids: Int[np.ndarray, " N"]) -> None:
    """Refuse items that an index holds already.

    Raises:
        DataError: The first of them.
    """
    held = np.intersect1d(ids, index.ids)
    if len(held):
        raise DataError(
            f"Item {held[0]} was to be added to an index that holds it; remove it first."
        )


def checked_queries(
    queries: Float[np.ndarray, "B K D"], m: int, dim: int
) -> Float[np.ndarray, "R D"]:
    """Give all queries below one another, B·K of them.

    Raises:
        ConfigError, DataError: See ``Index.search``.
    """
    if m < 1:
        raise ConfigError(f"A search was asked for {m} items a query; ask for at least 1.")
    if queries.ndim != 3 or queries.shape[2] != dim:
        raise DataError(
            f"An index of vectors of width {dim} was given queries of shape {queries.shape}; "
            f"give [users, interests, {dim}], of the model that it was built from."
        )
    flat = np.ascontiguousarray(queries.reshape(-1, dim), dtype=np.float32)
    if not np.isfinite(flat).all():
        row = int(np.flatnonzero(~np.isfinite(flat).all(axis=1))[0])
        raise DataError(
            f"Query {row} of a search holds a number that is not finite; look at the model that "
            "made it."
        )
    return flat


def in_order(
    items: Int[np.ndarray, "R M"], scores: Float[np.ndarray, "R M"], m: int
) -> tuple[Int[np.ndarray, "R m"], Float[np.ndarray, "R m"]]:
    """Order each row by score, ties by item number, and keep m; item 0 is nothing and goes last.

    Rows that are shorter than m are filled up with zeros.
    """
    scores = np.where(items == 0, np.float32(-np.inf), scores)
    order = np.lexsort((items, -scores), axis=1)[:, :m]
    items, scores = (np.take_along_axis(part, order, axis=1) for part in (items, scores))
    scores = np.where(items == 0, np.float32(0), scores)
    if items.shape[1] == m:
        return items, scores
    missing = ((0, 0), (0, m - items.shape[1]))
    return np.pad(items, missing), np.pad(scores, missing)


def joined(found: Sequence[Candidates], m: int) -> Candidates:
    """Give the m best of what several indexes, with no item in common, found for a query."""
    items, scores = (np.concatenate(part, axis=2) for part in zip(*found, strict=True))
    b, k, wide = items.shape
    best = in_order(items.reshape(b * k, wide), scores.reshape(b * k, wide), m)
    return Candidates(*(part.reshape(b, k, m) for part in best))
