"""What every index can do, and how an index is saved as a folder.

index.json      format, kind, number of parts, and the settings that the kind reads again
…               files of the kind: arrays, or the format of its library; nothing is pickled
part-0/ …       the indexes that this index consists of
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
from prismrec.io import COUNT, OBJECT, TEXT, FolderKind, ManifestForm, atomic_folder
from prismrec.types import Candidates

HEADER, FORMAT = "index.json", "prismrec-index-1"
MARK = '"prismrec-index-'
"""Part of the header of an index of any version."""
BUILD_AGAIN = "build the index again"
"""What to do about an index that cannot be read."""
FORM = ManifestForm(
    what="index",
    format=FORMAT,
    fields={"kind": TEXT, "parts": COUNT, "settings": OBJECT},
    create=BUILD_AGAIN,
    repair=BUILD_AGAIN,
)
BLOCK = 1 << 14
"""Number of vectors that are checked together when a file is opened."""


class Index(ABC):
    """Finds the items whose vectors have the largest inner product with a query.

    An index is immutable: ``add`` and ``remove`` return another index.
    """

    kind: ClassVar[str]
    """Name of the class: its key in ``INDEXES``, or another name that is not a key."""

    @property
    @abstractmethod
    def exact(self) -> bool:
        """Whether a search always finds the items with the largest scores."""

    @property
    @abstractmethod
    def ids(self) -> NDArray[np.int64]:
        """Numbers of the items in the index, ascending."""

    @property
    @abstractmethod
    def dim(self) -> int:
        """Width D of the vectors."""

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} items, width {self.dim})"

    @classmethod
    @abstractmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """Build an index of item vectors and their item numbers, in any order.

        Raises:
            DataError: A vector contains NaN or infinity; an item number is below 1 or appears
                twice; the number of ids is not the number of vectors.
        """

    @classmethod
    def check_possible(cls, width: int) -> None:
        """Check that this machine can build such an index of vectors of a width.

        ``train`` calls it first, so that a missing library or database does not waste a training.

        Raises:
            PrismrecError: What ``build`` would raise.
        """
        del width  # any index but those of a library or of a database can be built

    @abstractmethod
    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """Return the m best items per query: min(m, items in the index) of them, then zeros.

        The best item comes first; ties are ordered by item number. No item appears twice for one
        query, and padding never appears. Scores are inner products with the original vectors.

        Raises:
            ConfigError: ``m`` is below 1.
            DataError: A query is not finite or has another width.
        """

    @abstractmethod
    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> "Index":
        """Return an index that also contains these items.

        Raises:
            DataError: As for ``build``, or the index contains an item already: remove it first.
        """

    @abstractmethod
    def remove(self, ids: Int[np.ndarray, " N"]) -> "Index":
        """Return an index that never finds these items.

        Raises:
            DataError: The index does not contain an item.
        """

    def save(self, folder: str | Path) -> None:
        """Save the index as a folder. If it fails, nothing is written.

        Args:
            folder: An index in the same place is replaced; anything else is not touched.

        Raises:
            DataError: The folder contains something other than an index, or cannot be written.
        """
        with atomic_folder(folder, FolderKind(HEADER, MARK)) as part:
            self.write(part)

    def write(self, folder: Path) -> None:
        """Write the files into an empty folder, without making it atomic; see ``save``."""
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
        """Read a saved index, memory-mapped where the library can; see ``load_index``.

        The folder may be renamed afterwards: keep files open or mapped, and no path of it.
        """

    @abstractmethod
    def _write(self, folder: Path) -> None:
        """Write the files of this kind."""

    def _settings(self) -> dict[str, Any]:
        """Return what ``read`` gets as ``settings``: JSON."""
        return {}

    def _parts(self) -> Sequence["Index"]:
        """Return the indexes that this index consists of."""
        return ()


def check_items(
    vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Check vectors and ids, and return them ordered by id.

    Raises:
        DataError: See ``Index.build``.
    """
    if vectors.ndim != 2 or ids.shape != vectors.shape[:1]:
        raise DataError(
            f"An index was to be built from vectors of shape {vectors.shape} and ids of shape "
            f"{ids.shape}; pass one vector (one row) per id."
        )
    if len(ids) and ids.min() < 1:
        raise DataError(
            f"An index was to be built with the item number {ids.min()}; pass numbers of catalog "
            "items, which start at 1 (0 is padding)."
        )
    order = np.argsort(ids, kind="stable")
    numbers = ids[order].astype(np.int64)
    repeated = np.flatnonzero(np.diff(numbers) == 0)
    if len(repeated):
        raise DataError(
            f"An index was to be built with item {numbers[repeated[0]]} twice; pass each item once."
        )
    matrix = np.ascontiguousarray(vectors[order], dtype=np.float32)
    finite = np.isfinite(matrix).all(axis=1)
    if not finite.all():
        raise DataError(
            f"The vector of item {numbers[int(finite.argmin())]} contains a number that is not "
            "finite, so an index cannot be searched; train the model again."
        )
    return matrix, numbers


def check_saved(vectors: NDArray[np.float32], ids: NDArray[np.int64]) -> None:
    """Check arrays that were read from a file.

    Raises:
        ValueError: There is not one vector per id, ids do not ascend from 1, or a vector is not
            finite.

    Cost: one pass over the vectors, O(N D) time, and the memory of one block: a memory-mapped
        file stays on disk.
    """
    if ids.shape != vectors.shape[:1]:
        raise ValueError(f"ids of shape {ids.shape} for {len(vectors)} vectors")
    if len(ids) and (ids[0] < 1 or (ids[1:] <= ids[:-1]).any()):
        raise ValueError("its item numbers do not ascend from 1")
    for start in range(0, len(ids), BLOCK):
        finite = np.isfinite(vectors[start : start + BLOCK]).all(axis=1)
        if not finite.all():
            item = ids[start + int(finite.argmin())]
            raise ValueError(f"the vector of item {item} contains a number that is not finite")


def check_contained(index: Index, ids: Int[np.ndarray, " N"]) -> None:
    """Check that an index contains these items.

    Raises:
        DataError: It does not; the message names the first one.
    """
    absent = np.setdiff1d(ids, index.ids)
    if len(absent):
        raise DataError(
            f"Item {absent[0]} was to be removed from an index that does not contain it; pass only "
            "items of the index."
        )


def check_new(index: Index, ids: Int[np.ndarray, " N"]) -> None:
    """Check that an index contains none of these items.

    Raises:
        DataError: It contains one; the message names the first one.
    """
    present = np.intersect1d(ids, index.ids)
    if len(present):
        raise DataError(
            f"Item {present[0]} was to be added to an index that contains it already; remove it "
            "first."
        )


def check_queries(
    queries: Float[np.ndarray, "B K D"], m: int, dim: int
) -> Float[np.ndarray, "R D"]:
    """Check queries, and return all B·K of them as the rows of one matrix.

    Raises:
        ConfigError, DataError: See ``Index.search``.
    """
    if m < 1:
        raise ConfigError(f"A search was to return {m} items per query; ask for at least 1.")
    if queries.ndim != 3 or queries.shape[2] != dim:
        raise DataError(
            f"An index of vectors of width {dim} was searched with queries of shape "
            f"{queries.shape}; pass [users, interests, {dim}] from the model of this index."
        )
    flat = np.ascontiguousarray(queries.reshape(-1, dim), dtype=np.float32)
    if not np.isfinite(flat).all():
        row = int(np.flatnonzero(~np.isfinite(flat).all(axis=1))[0])
        raise DataError(
            f"Query {row} of a search contains a number that is not finite; check the model that "
            "made it for NaN."
        )
    return flat


def sort_and_pad(
    items: Int[np.ndarray, "R M"], scores: Float[np.ndarray, "R M"], m: int
) -> tuple[Int[np.ndarray, "R m"], Float[np.ndarray, "R m"]]:
    """Sort each row by score, ties by item number, and keep m columns.

    Item 0 means "nothing" and comes last. Rows that are shorter than m are padded with zeros.
    """
    scores = np.where(items == 0, np.float32(-np.inf), scores)
    order = np.lexsort((items, -scores), axis=1)[:, :m]
    items, scores = (np.take_along_axis(part, order, axis=1) for part in (items, scores))
    scores = np.where(items == 0, np.float32(0), scores)
    if items.shape[1] == m:
        return items, scores
    missing = ((0, 0), (0, m - items.shape[1]))
    return np.pad(items, missing), np.pad(scores, missing)


def merge_results(results: Sequence[Candidates], m: int) -> Candidates:
    """Merge the results of several indexes that have no item in common; keep the m best."""
    items, scores = (np.concatenate(part, axis=2) for part in zip(*results, strict=True))
    b, k, width = items.shape
    best = sort_and_pad(items.reshape(b * k, width), scores.reshape(b * k, width), m)
    return Candidates(*(part.reshape(b, k, m) for part in best))
