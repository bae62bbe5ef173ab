"""The exact index: a matrix product and a top-m, tile by tile. Other indexes are tested against it.

A tile of scores fits into the cache of a core. Items of a tile are grouped into chunks of ``CHUNK``
items, and the largest score of each chunk (its peak) is computed. The m-th largest peak is at most
the m-th largest score, so no score below it is among the m largest. Only the few chunks whose peak
reaches this bound are searched. This needs one fast pass over the scores, where ``topk`` needs
several, and the result is exact, ties included.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from prismrec.io import FLOATS, INTEGERS, read_array
from prismrec.numerics import position_in_group
from prismrec.retrieval.index.base import (
    BUILD_AGAIN,
    Index,
    check_contained,
    check_items,
    check_new,
    check_queries,
    check_saved,
)
from prismrec.types import Candidates

ROWS = 64
"""Queries that are searched together."""
TILE = 1 << 20
"""Scores in memory at once, 4 MiB; never all scores of all users."""
CHUNK = 64
"""Items per chunk; fewer if a tile would have less than m chunks."""


class ExactIndex(Index):
    """All item vectors in one matrix.

    Args:
        vectors: One row per item, ``[N, D]``, finite.
        ids: The item numbers, ``[N]``, ascending, so that ties are ordered by item number.

    Cost: a search takes O(B K N D) time and O(TILE + B K M) memory.
    """

    kind: ClassVar[str] = "exact"
    exact = True

    def __init__(self, vectors: Tensor, ids: NDArray[np.int64]) -> None:
        self.vectors, self._ids = vectors, ids

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.build``."""
        matrix, numbers = check_items(vectors, ids)
        return cls(torch.from_numpy(matrix), numbers)

    @property
    def ids(self) -> NDArray[np.int64]:
        """See ``Index.ids``."""
        return self._ids

    @property
    def dim(self) -> int:
        """See ``Index.dim``."""
        return self.vectors.shape[1]

    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> "ExactIndex":
        """See ``Index.add``. Cost: O(N D), since all vectors are copied."""
        check_new(self, ids)
        together = np.concatenate([self.vectors.numpy(), vectors.astype(np.float32)])
        return ExactIndex.build(together, np.concatenate([self._ids, ids]))

    def remove(self, ids: Int[np.ndarray, " N"]) -> "ExactIndex":
        """See ``Index.remove``. Cost: O(N D), since the other vectors are copied."""
        check_contained(self, ids)
        kept = ~np.isin(self._ids, ids)
        return ExactIndex(self.vectors[torch.from_numpy(kept)], self._ids[kept])

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        flat = torch.from_numpy(check_queries(queries, m, self.dim))
        present = min(m, len(self))
        items = np.zeros((len(flat), m), dtype=np.int64)
        scores = np.zeros((len(flat), m), dtype=np.float32)
        for start in range(0, len(flat) if present else 0, ROWS):
            position, best = self._largest(flat[start : start + ROWS], present)
            items[start : start + ROWS, :present] = self._ids[position]
            scores[start : start + ROWS, :present] = best
        shape = (*queries.shape[:2], m)
        return Candidates(items.reshape(shape), scores.reshape(shape))

    def _largest(
        self, queries: Float[Tensor, "R D"], m: int
    ) -> tuple[Int[np.ndarray, "R M"], Float[np.ndarray, "R M"]]:
        """Return positions and scores of the m largest per query, ties by position."""
        rows = len(queries)
        bound = torch.full((rows,), -torch.inf)
        kept: list[_Entries] = []
        step = max(TILE // rows, 1)
        for first in range(0, len(self.vectors), step):
            tile = self.vectors[first : first + step]
            row, position, score, bound = _survivors(queries @ tile.T, m, bound)
            kept.append((row, position + first, score))
            if sum(len(part[0]) for part in kept) > 4 * rows * m:
                kept = [_best(kept, rows, m)]
                bound = torch.from_numpy(kept[0][2].reshape(rows, m)[:, -1])
        _, position, score = _best(kept, rows, m)
        return position.reshape(rows, m), score.reshape(rows, m)

    def _write(self, folder: Path) -> None:
        np.save(folder / "vectors.npy", self.vectors.numpy(), allow_pickle=False)
        np.save(folder / "ids.npy", self._ids, allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:  # noqa: ARG003
        """See ``Index.read``."""
        # Memory-mapped copy-on-write, since torch warns about memory that is read-only.
        vectors = read_array(folder / "vectors.npy", FLOATS, 2, repair=BUILD_AGAIN, mode="c")
        ids = read_array(folder / "ids.npy", INTEGERS, 1, repair=BUILD_AGAIN)
        check_saved(vectors, ids)
        return cls(torch.from_numpy(vectors), ids)


_Entries = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Rows, positions and scores of some entries of a matrix of scores."""


def _survivors(
    scores: Float[Tensor, "R T"], m: int, bound: Float[Tensor, " R"]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], Tensor]:
    """Return all entries that can be among the m largest of their row, and the new bound per row.

    An entry below the bound of its row is not among the m largest.
    """
    width = scores.shape[1]
    chunk = max(1, min(CHUNK, width // (2 * m)))
    # Padding of -inf is below every bound: with several items per chunk there are m chunks.
    padded = torch.nn.functional.pad(scores, (0, -width % chunk), value=-torch.inf)
    chunks = padded.view(len(scores), -1, chunk)
    peaks = chunks.amax(dim=2)
    if peaks.shape[1] >= m:
        bound = torch.maximum(bound, peaks.topk(m, dim=1).values[:, -1])
    row, number = (peaks >= bound[:, None]).nonzero(as_tuple=True)
    inside = chunks[row, number]  # [chunks that reach the bound, CHUNK]
    which, offset = (inside >= bound[row, None]).nonzero(as_tuple=True)
    position = number[which] * chunk + offset
    return row[which].numpy(), position.numpy(), inside[which, offset].numpy(), bound


def _best(kept: list[_Entries], rows: int, m: int) -> _Entries:
    """Return the m largest entries per row, largest first, ties by position."""
    row, position, score = (np.concatenate(part) for part in zip(*kept, strict=True))
    order = np.lexsort((position, -score, row))
    order = order[position_in_group(np.bincount(row, minlength=rows)) < m]
    return row[order], position[order], score[order]
