"""ScaNN: lists by direction, and in them codes that keep what matters for an inner product.

Source: Guo et al., "Accelerating Large-Scale Inference with Anisotropic Vector Quantization",
ICML 2020. Effort is the number of leaves read. The codes are scored anew from the vectors that
are kept beside them, so ScaNN's own copy of the vectors is not made.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError, MissingExtra
from prismrec.index.approximate import QuantizedIndex, ladder
from prismrec.index.base import Index
from prismrec.index.exact import ExactIndex

PICKLE = "scann_docids.pkl"
"""ScaNN unpickles a file of this name where it finds one."""


class Scann(QuantizedIndex):
    """A tree of one level over 4-bit codes of pairs of numbers."""

    kind: ClassVar[str] = "scann"
    depth: ClassVar[int] = 4

    @property
    def efforts(self) -> Sequence[int]:
        """Leaves to read, up to all."""
        return ladder(leaves_for(len(self.whole)))

    @staticmethod
    def _train(matrix: NDArray[np.float32]) -> Any:
        leaves = leaves_for(len(matrix))
        builder = _scann().builder(matrix, 1, "dot_product")
        tree = builder.tree(leaves, 1, training_sample_size=min(len(matrix), 64 * leaves))
        return tree.score_ah(2, anisotropic_quantization_threshold=0.2).build()

    def _nearest(
        self, flat: Float[np.ndarray, "R D"], m: int, effort: int
    ) -> Int[np.ndarray, "R M"]:
        places, scores = self.backend.search_batched(
            flat, final_num_neighbors=m, leaves_to_search=effort
        )
        # It fills up with place 0 at a score that is not a number.
        return np.where(np.isnan(scores), -1, places.astype(np.int64))

    def _write(self, folder: Path) -> None:
        (folder / "scann").mkdir()
        self.backend.serialize(str(folder / "scann"), relative_path=True)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:
        """See ``Index.read``."""
        if (folder / "scann" / PICKLE).exists():
            raise DataError(
                f"{folder / 'scann' / PICKLE} would be unpickled on opening, and this package "
                "never writes it; do not trust the folder, build the index again."
            )
        backend = _scann().load_searcher(str(folder / "scann"))
        return cls(cast("ExactIndex", parts[0]), backend, settings["effort"])


def leaves_for(items: int) -> int:
    """Give a number of leaves: about 2 √N."""
    return int(max(1, min(2 * items**0.5, items / 16)))


def _scann() -> Any:
    try:
        from scann import scann_ops_pybind
    except ImportError as error:
        raise MissingExtra.for_("The index scann", "scann") from error
    return scann_ops_pybind
