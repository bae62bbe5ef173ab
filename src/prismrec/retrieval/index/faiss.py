"""Inverted lists (IVF) with faiss: similar items share a list, and the best lists are searched.

The search budget is the number of lists that are searched, faiss's ``nprobe``. With all lists no
item is missed, so inverted lists can reach any recall. Graph indexes cannot: their recall has a
limit when the vectors have unequal norms and the score is the inner product.

An item is in the list of the nearest centroid by Euclidean distance. A query searches the lists
whose centroids have the largest inner product with it. For inner products faiss itself assigns an
item by the direction of its vector, so that a centroid does not show how long the vectors of its
list are. On the data of ``benchmarks/bench_search.py`` this needed eight times as many lists for
the same recall.

faiss and torch each have an OpenMP runtime, and OpenMP has one number of threads per calling
thread. Therefore faiss gets torch's number before every call, and ``prismrec.io.threads`` is the
only place where the number is set.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError, MissingExtra
from prismrec.io import check_regular
from prismrec.retrieval.index.approximate import QuantizedIndex, budget_steps
from prismrec.retrieval.index.base import BUILD_AGAIN, Index

LISTS_FILE = "lists.faiss"
POINTS = 64
"""Vectors per list that k-means is trained on; faiss's default of 256 took four times as long and
gained nothing."""


def lists_for(items: int) -> int:
    """Return the number of lists: about 4 √N, but at least 39 items per list, k-means' minimum."""
    return int(max(1, min(4 * items**0.5, items / 39)))


class IvfFlat(QuantizedIndex):
    """Inverted lists of uncompressed vectors."""

    kind: ClassVar[str] = "ivf-flat"
    bits8: ClassVar[bool] = False

    @classmethod
    def check_possible(cls, width: int) -> None:
        """Check that faiss is installed."""
        del width  # any width is possible
        _faiss()

    @property
    def search_budgets(self) -> Sequence[int]:
        """Numbers of lists to search (``nprobe``), up to all."""
        return budget_steps(self.backend.nlist)

    @classmethod
    def _train(cls, matrix: NDArray[np.float32]) -> Any:
        return inverted_lists(matrix, lists_for(len(matrix)), bits8=cls.bits8)

    def _nearest(
        self, flat: Float[np.ndarray, "R D"], m: int, search_budget: int
    ) -> Int[np.ndarray, "R M"]:
        parameters = _faiss().SearchParametersIVF(nprobe=search_budget)
        rows: NDArray[np.int64] = self.backend.search(flat, m, params=parameters)[1]
        return rows

    def _write(self, folder: Path) -> None:
        try:
            _faiss().write_index(self.backend, str(folder / LISTS_FILE))
        except RuntimeError as error:  # faiss raises it when the disk is full
            raise OSError(str(error).splitlines()[-1]) from error

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:
        """See ``Index.read``."""
        faiss = _faiss()
        check_regular(folder / LISTS_FILE)
        try:
            backend = faiss.read_index(str(folder / LISTS_FILE), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise DataError(
                f"The index file {folder / LISTS_FILE} cannot be read "
                f"({str(error).splitlines()[-1]}); {BUILD_AGAIN}."
            ) from error
        exact_index, search_budget = cls._read_saved(settings, parts)
        if (backend.ntotal, backend.d) != tuple(exact_index.vectors.shape):
            raise ValueError(f"{backend.ntotal} vectors of width {backend.d} in {LISTS_FILE}")
        return cls(exact_index, backend, search_budget)


class IvfSq8(IvfFlat):
    """Inverted lists of vectors with 8 bits per number: a quarter of the memory to read.

    The 8-bit scores are coarse, so twice as many items are searched and scored again exactly.
    """

    kind: ClassVar[str] = "ivf-sq8"
    bits8: ClassVar[bool] = True
    oversampling: ClassVar[int] = 2


def inverted_lists(matrix: NDArray[np.float32], lists: int, *, bits8: bool) -> Any:
    """Train inverted lists on the rows of a matrix, and add the rows; deterministic."""
    faiss = _faiss()
    width = matrix.shape[1]
    nearest = faiss.IndexFlatL2(width)
    if bits8:
        kind = faiss.ScalarQuantizer.QT_8bit
        index = faiss.IndexIVFScalarQuantizer(
            nearest, width, lists, kind, faiss.METRIC_INNER_PRODUCT
        )
    else:
        index = faiss.IndexIVFFlat(nearest, width, lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.spherical = False
    index.cp.max_points_per_centroid, index.cp.min_points_per_centroid = POINTS, 1
    index.train(matrix)
    index.add(matrix)
    # Items were assigned by distance; from here on lists are searched by inner product.
    by_product = faiss.IndexFlatIP(width)
    by_product.add(nearest.reconstruct_n(0, lists))
    index.quantizer = by_product
    by_product.this.disown()
    index.own_fields = True
    return index


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra.for_("An index of inverted lists (faiss)", "ann") from error
    faiss.omp_set_num_threads(torch.get_num_threads())
    return faiss
