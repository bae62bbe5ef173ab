"""The exact index: a matrix product and a top-k, in blocks. The oracle of every other."""

from typing import ClassVar

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from prismrec.errors import DataError
from prismrec.index.base import Index
from prismrec.types import Candidates

# Scores held at once, 16 MiB: [users × V] never is.
BLOCK = 1 << 22


class ExactIndex(Index):
    """All item vectors in one matrix.

    Args:
        vectors: One row an item, finite.
        ids: Their item numbers, ascending, so that equal scores come in item order.

    Cost: a search takes O(B K N D) time and O(BLOCK + B K M) memory.
    """

    exact: ClassVar[bool] = True

    def __init__(self, vectors: Tensor, ids: Tensor) -> None:
        self.vectors, self.ids = vectors, ids

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> "ExactIndex":
        """See ``Index.build``.

        Raises:
            DataError: A vector holds NaN or infinity, or an id is no item's or stands twice.
        """
        if not np.isfinite(vectors).all():
            row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise DataError(
                f"The vector of item {ids[row]} holds a number that is not finite, so no search "
                "can be trusted; train again."
            )
        order = np.argsort(ids, kind="stable")
        if len(ids) and (ids[order[0]] < 1 or (np.diff(ids[order]) == 0).any()):
            raise DataError(
                "An index was given an item number below 1, or one twice; give each item of the "
                "catalog once, and padding never."
            )
        matrix = np.ascontiguousarray(vectors[order], dtype=np.float32)
        return cls(torch.from_numpy(matrix), torch.from_numpy(ids[order].astype(np.int64)))

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``; 0 fills what is beyond the number of items."""
        b, k, width = queries.shape
        flat = torch.from_numpy(np.ascontiguousarray(queries.reshape(b * k, width), np.float32))
        found = min(m, len(self.ids))
        items = np.zeros((b * k, m), dtype=np.int64)
        scores = np.zeros((b * k, m), dtype=np.float32)
        step = max(1, BLOCK // max(1, len(self.ids)))
        for start in range(0, b * k if found else 0, step):
            block = flat[start : start + step] @ self.vectors.T
            best, place = _largest(block, found)
            items[start : start + step, :found] = self.ids[place].numpy()
            scores[start : start + step, :found] = best.numpy()
        return Candidates(items.reshape(b, k, m), scores.reshape(b, k, m))


def _largest(
    scores: Float[Tensor, "R N"], m: int
) -> tuple[Float[Tensor, "R M"], Int[Tensor, "R M"]]:
    """Give the m largest of each row and their columns; equal ones by rising column.

    ``topk`` promises no order among equals, and may take any of those tied at the edge. So it
    is asked for one more; only a row in which that one ties is sorted whole.
    """
    best, place = scores.topk(min(m + 1, scores.shape[1]), dim=1)
    edge = torch.zeros(len(scores), dtype=torch.bool)
    if best.shape[1] > m:
        edge = best[:, m] == best[:, m - 1]
        best, place = best[:, :m], place[:, :m]
    for row in edge.nonzero()[:, 0].tolist():
        place[row] = scores[row].sort(descending=True, stable=True).indices[:m]
        best[row] = scores[row, place[row]]
    by_column = place.argsort(dim=1)
    best, place = best.gather(1, by_column), place.gather(1, by_column)
    by_score = best.argsort(dim=1, descending=True, stable=True)
    return best.gather(1, by_score), place.gather(1, by_score)
