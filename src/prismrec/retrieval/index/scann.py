"""ScaNN: lists by direction, and in them codes that keep what matters for an inner product.

Source: Guo et al., "Accelerating Large-Scale Inference with Anisotropic Vector Quantization",
ICML 2020. Effort is the number of leaves read. The codes are scored anew from the vectors that
are kept beside them, so ScaNN's own copy of the vectors is not made.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError, MissingExtra
from prismrec.retrieval.index.approximate import QuantizedIndex, ladder
from prismrec.retrieval.index.base import Index

FOLDER, PICKLE = "scann", "scann_docids.pkl"
"""ScaNN unpickles a file of this name where it finds one."""
CODES = 16
"""Codes of a pair of numbers; it cannot learn them from fewer items."""


class Scann(QuantizedIndex):
    """A tree of one level over 4-bit codes of pairs of numbers."""

    kind: ClassVar[str] = "scann"
    depth: ClassVar[int] = 4

    @property
    def search_budgets(self) -> Sequence[int]:
        """Leaves to read, up to all."""
        return ladder(leaves_for(len(self.whole)))

    @staticmethod
    def _train(matrix: NDArray[np.float32]) -> Any:
        library = _scann()
        if len(matrix) < CODES:
            return None
        leaves = leaves_for(len(matrix))
        tree = library.builder(matrix, 1, "dot_product").tree(
            leaves, 1, training_sample_size=min(len(matrix), 64 * leaves)
        )
        return tree.score_ah(2, anisotropic_quantization_threshold=0.2).build()

    def _nearest(
        self, flat: Float[np.ndarray, "R D"], m: int, search_budget: int
    ) -> Int[np.ndarray, "R M"]:
        places = np.full((len(flat), m), -1, dtype=np.int64)
        if self.backend is None:
            return places  # nothing found: the search goes on exactly
        for row, query in enumerate(flat):
            # Its search of a batch gives other items than one by one does.
            found, scores = self.backend.search(query, m, leaves_to_search=search_budget)
            found = found[~np.isnan(scores)]
            places[row, : len(found)] = found
        return places

    def _write(self, folder: Path) -> None:
        (folder / FOLDER).mkdir()
        if self.backend is not None:
            self.backend.serialize(str(folder / FOLDER), relative_path=True)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:
        """See ``Index.read``."""
        if (folder / FOLDER / PICKLE).exists():
            raise DataError(
                f"{folder / FOLDER / PICKLE} would be unpickled on opening, and this package "
                "never writes it; do not trust the folder, build the index again."
            )
        there = any((folder / FOLDER).iterdir())
        backend = _scann().load_searcher(str(folder / FOLDER)) if there else None
        whole, search_budget = cls._read_saved(settings, parts)
        return cls(whole, backend, search_budget)


def leaves_for(items: int) -> int:
    """Give a number of leaves: about 2 √N."""
    return int(max(1, min(2 * items**0.5, items / 16)))


def _scann() -> Any:
    try:
        from scann import scann_ops_pybind
    except ImportError as error:
        raise MissingExtra.for_("The index scann", "scann") from error
    return scann_ops_pybind
