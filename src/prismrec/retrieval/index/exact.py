"""The exact index: a matrix product and a top-k, tile by tile. The oracle of every other.

A tile of scores fits a core's cache. Of a tile only the largest score of every ``CHUNK`` items is
looked at: the m-th largest of these peaks is no more than the m-th largest score, so whatever
lies below it is out, and the few chunks that reach it are looked through. That is one light pass
over the scores where ``topk`` takes several, and it is exact, ties included.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from prismrec.retrieval.index.base import (
    Index,
    check_held,
    check_new,
    check_saved,
    checked_items,
    checked_queries,
)
from prismrec.types import Candidates

ROWS = 64
"""Queries searched together."""
TILE = 1 << 20
"""Scores held at once, 4 MiB: [users × V] never is."""
CHUNK = 64
"""Most items under one peak; fewer where a tile has not chunks enough for m of them."""


class ExactIndex(Index):
    """All item vectors in one matrix.

    Args:
        vectors: One row an item, finite.
        ids: Their item numbers, ascending, so that equal scores come in item order.

    Cost: a search takes O(B K N D) time and O(TILE + B K M) memory.
    """

    kind: ClassVar[str] = "exact"
    exact = True

    def __init__(self, vectors: Tensor, ids: NDArray[np.int64]) -> None:
        self.vectors, self._ids = vectors, ids

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.build``."""
        matrix, numbers = checked_items(vectors, ids)
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
        """See ``Index.add``; O(N D), for all vectors are copied."""
        check_new(self, ids)
        joined = np.concatenate([self.vectors.numpy(), vectors.astype(np.float32)])
        return ExactIndex.build(joined, np.concatenate([self._ids, ids]))

    def remove(self, ids: Int[np.ndarray, " N"]) -> "ExactIndex":
        """See ``Index.remove``; O(N D), for what remains is copied."""
        check_held(self, ids)
        stays = ~np.isin(self._ids, ids)
        return ExactIndex(self.vectors[torch.from_numpy(stays)], self._ids[stays])

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        flat = torch.from_numpy(checked_queries(queries, m, self.dim))
        found = min(m, len(self))
        items = np.zeros((len(flat), m), dtype=np.int64)
        scores = np.zeros((len(flat), m), dtype=np.float32)
        for start in range(0, len(flat) if found else 0, ROWS):
            place, best = self._largest(flat[start : start + ROWS], found)
            items[start : start + ROWS, :found] = self._ids[place]
            scores[start : start + ROWS, :found] = best
        shape = (*queries.shape[:2], m)
        return Candidates(items.reshape(shape), scores.reshape(shape))

    def _largest(
        self, queries: Float[Tensor, "R D"], m: int
    ) -> tuple[Int[np.ndarray, "R M"], Float[np.ndarray, "R M"]]:
        """Give the places and scores of the m largest of each row; equal ones by rising place."""
        rows = len(queries)
        edge = torch.full((rows,), -torch.inf)
        kept: list[_Entries] = []
        step = max(TILE // rows, 1)
        for first in range(0, len(self.vectors), step):
            tile = self.vectors[first : first + step]
            # A product is faster with its longer side first, up to where the turning costs more.
            scores = (tile @ queries.T).T.contiguous() if rows <= 8 else queries @ tile.T
            row, place, score, edge = _survivors(scores, m, edge)
            kept.append((row, place + first, score))
            if sum(len(part[0]) for part in kept) > 4 * rows * m:
                kept = [_best(kept, rows, m)]
                edge = torch.from_numpy(kept[0][2].reshape(rows, m)[:, -1])
        _, place, score = _best(kept, rows, m)
        return place.reshape(rows, m), score.reshape(rows, m)

    def _write(self, folder: Path) -> None:
        np.save(folder / "vectors.npy", self.vectors.numpy(), allow_pickle=False)
        np.save(folder / "ids.npy", self._ids, allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:  # noqa: ARG003
        """See ``Index.read``."""
        # Mapped copy-on-write, because torch warns of memory that it may not write to.
        vectors = np.load(folder / "vectors.npy", mmap_mode="c", allow_pickle=False)
        ids = np.load(folder / "ids.npy", allow_pickle=False)
        check_saved(vectors, ids)
        return cls(torch.from_numpy(vectors), ids)


_Entries = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]
"""Rows, places and scores of some entries of a matrix of scores."""


def _survivors(
    scores: Float[Tensor, "R T"], m: int, edge: Float[Tensor, " R"]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32], Tensor]:
    """Give every entry that may be among its row's m largest, and each row's raised edge."""
    width = scores.shape[1]
    chunk = max(1, min(CHUNK, width // (2 * m)))
    # Filled up with what no edge lets in: where chunks are of several there are m of them.
    padded = torch.nn.functional.pad(scores, (0, -width % chunk), value=-torch.inf)
    chunks = padded.view(len(scores), -1, chunk)
    peaks = chunks.amax(dim=2)
    if peaks.shape[1] >= m:
        edge = torch.maximum(edge, peaks.topk(m, dim=1).values[:, -1])
    row, number = (peaks >= edge[:, None]).nonzero(as_tuple=True)
    inside = chunks[row, number]  # [chunks that reach the edge, CHUNK]
    which, offset = (inside >= edge[row, None]).nonzero(as_tuple=True)
    place = number[which] * chunk + offset
    return row[which].numpy(), place.numpy(), inside[which, offset].numpy(), edge


def _best(kept: list[_Entries], rows: int, m: int) -> _Entries:
    """Keep the m largest of each row, largest first, equal ones by rising place."""
    row, place, score = (np.concatenate(part) for part in zip(*kept, strict=True))
    order = np.lexsort((place, -score, row))
    counts = np.bincount(row, minlength=rows)
    rank = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    order = order[rank < m]
    return row[order], place[order], score[order]
