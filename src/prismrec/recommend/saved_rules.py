"""Save and load the table of a rule retriever, three arrays in a folder of an artifact."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.errors import DataError
from prismrec.io import FLOATS, INTEGERS, read_array
from prismrec.recommend.manifest import RULES_ARRAYS, RULES_OPTIONS
from prismrec.retrieval import RuleRetriever

REPAIR = "train again"
INDEX_TYPES = (*INTEGERS, np.int32)  # SciPy chooses one of the two
DTYPES = dict(zip(RULES_ARRAYS, (INDEX_TYPES, INDEX_TYPES, FLOATS), strict=True))


def write_rules(rules: RuleRetriever, folder: Path) -> None:
    """Write the table of a rule retriever into a new folder."""
    folder.mkdir()
    for name in RULES_ARRAYS:
        np.save(folder / f"{name}.npy", getattr(rules.table, name), allow_pickle=False)


def read_rules(folder: Path, saved: Mapping[str, Any], size: int) -> RuleRetriever:
    """Read the files of ``write_rules`` for a catalog of V = ``size``.

    Earlier versions saved no kind and no recency: they had sequential rules only, the default.

    Raises:
        DataError: A file is missing or damaged, or the arrays are not a table of this catalog.
    """
    indptr, indices, data = (
        read_array(folder / f"{name}.npy", DTYPES[name], 1, repair=REPAIR) for name in RULES_ARRAYS
    )
    reason = _fault(indptr, indices, data, size)
    if reason:
        raise DataError(f"The rules at {folder} are damaged ({reason}); {REPAIR}.")
    table = sparse.csr_array((data, indices, indptr), shape=(size, size))
    options = {name: saved[name] for name in RULES_OPTIONS if name in saved}
    return RuleRetriever(table, saved["weight"], **options)


def _fault(
    indptr: NDArray[np.integer], indices: NDArray[np.integer], data: NDArray[np.floating], size: int
) -> str:
    """Return what is wrong with the arrays of a table; SciPy would read memory beyond them."""
    if len(indptr) != size + 1:
        return f"{len(indptr) - 1} rows for {size - 1} items and padding"
    if indptr[0] != 0 or (indptr[1:] < indptr[:-1]).any() or indptr[-1] != len(indices):
        return f"its offsets do not ascend from 0 to {len(indices)}"
    if len(indices) != len(data):
        return f"{len(indices)} item numbers for {len(data)} strengths"
    if len(indices) and not (indices.min() >= 0 and indices.max() < size):
        return f"its item numbers are not all from 0 to {size - 1}"
    return ""
