"""Inverted lists, by faiss: near items share a list, and the most promising lists are read.

Unlike graph indexes, whose recall on inner products of unequal norms has a ceiling whatever their
settings, lists reach any recall: with every list read nothing is missed. Effort is the number of
lists read, faiss's ``nprobe``.

Items go to the list of the nearest centroid, norms and all; the lists of a query are those whose
centroids have the largest inner product with it. faiss's own way for inner products puts items by
direction alone, so that a list's promise says nothing of the norms in it: on the mixture of
``benchmarks/bench_search.py`` it had to read eight times the lists for the same recall.

faiss carries an OpenMP runtime of its own beside torch's, and OpenMP keeps a number of threads
for each thread that calls. So faiss is told torch's number before every call, and
``prismrec.io.threads`` stays the one place where it is set.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError, MissingExtra
from prismrec.retrieval.index.approximate import QuantizedIndex, ladder
from prismrec.retrieval.index.base import Index

LISTS_FILE = "lists.faiss"
POINTS = 64
"""Vectors a list that k-means learns from; faiss's own 256 took four times as long, to no gain."""


def lists_for(items: int) -> int:
    """Give a number of lists: about 4 √N, of no fewer than the 39 items that k-means wants."""
    return int(max(1, min(4 * items**0.5, items / 39)))


class IvfFlat(QuantizedIndex):
    """Lists of whole vectors."""

    kind: ClassVar[str] = "ivf-flat"
    bits8: ClassVar[bool] = False

    @property
    def search_budgets(self) -> Sequence[int]:
        """Lists to read, up to all."""
        return ladder(self.backend.nlist)

    @classmethod
    def _train(cls, matrix: NDArray[np.float32]) -> Any:
        return inverted_lists(matrix, lists_for(len(matrix)), bits8=cls.bits8)

    def _nearest(
        self, flat: Float[np.ndarray, "R D"], m: int, search_budget: int
    ) -> Int[np.ndarray, "R M"]:
        asked = _faiss().SearchParametersIVF(nprobe=search_budget)
        places: NDArray[np.int64] = self.backend.search(flat, m, params=asked)[1]
        return places

    def _write(self, folder: Path) -> None:
        try:
            _faiss().write_index(self.backend, str(folder / LISTS_FILE))
        except RuntimeError as error:  # faiss's way to say that the disk is full
            raise OSError(str(error).splitlines()[-1]) from error

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:
        """See ``Index.read``."""
        faiss = _faiss()
        try:
            backend = faiss.read_index(str(folder / LISTS_FILE), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            raise DataError(
                f"The index file {folder / LISTS_FILE} cannot be read "
                f"({str(error).splitlines()[-1]}); build the index again."
            ) from error
        whole, search_budget = cls._read_saved(settings, parts)
        if (backend.ntotal, backend.d) != tuple(whole.vectors.shape):
            raise ValueError(f"{backend.ntotal} vectors of width {backend.d} in {LISTS_FILE}")
        return cls(whole, backend, search_budget)


class IvfSq8(IvfFlat):
    """Lists of vectors in 8 bits a number: a quarter of the memory to read.

    The codes are coarse, so twice the items are asked for and scored anew.
    """

    kind: ClassVar[str] = "ivf-sq8"
    bits8: ClassVar[bool] = True
    depth: ClassVar[int] = 2


def inverted_lists(matrix: NDArray[np.float32], lists: int, *, bits8: bool) -> Any:
    """Learn lists from the rows of a matrix, and put them in; the same rows, the same lists."""
    faiss = _faiss()
    width = matrix.shape[1]
    nearest = faiss.IndexFlatL2(width)
    if bits8:
        kind = faiss.ScalarQuantizer.QT_8bit
        made = faiss.IndexIVFScalarQuantizer(
            nearest, width, lists, kind, faiss.METRIC_INNER_PRODUCT
        )
    else:
        made = faiss.IndexIVFFlat(nearest, width, lists, faiss.METRIC_INNER_PRODUCT)
    made.cp.spherical = False
    made.cp.max_points_per_centroid, made.cp.min_points_per_centroid = POINTS, 1
    made.train(matrix)
    made.add(matrix)
    # Put by distance, from here on searched by inner product.
    promising = faiss.IndexFlatIP(width)
    promising.add(nearest.reconstruct_n(0, lists))
    made.quantizer = promising
    promising.this.disown()
    made.own_fields = True
    return made


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra.for_("An index of inverted lists (faiss)", "ann") from error
    faiss.omp_set_num_threads(torch.get_num_threads())
    return faiss
