"""Files of weights and dislikes in the folder of a data set; they exist only if it has any.

    weights.npy                                                     one float32 per event
    disliked_indptr.npy  disliked_items.npy  disliked_times.npy     the disliked pairs

The key ``feedback`` of the manifest names the files, with a fingerprint. Without it, as in
folders of earlier versions, all events count alike and nothing is disliked.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismrec.data.dataset import Dataset
from prismrec.data.histories import Histories
from prismrec.errors import DataError

Array = NDArray[Any]
DISLIKES = ("indptr", "items", "times")
FEEDBACK = "feedback"
"""Key of the manifest."""


def write_feedback(dataset: Dataset, folder: Path) -> dict[str, Any]:
    """Write the weights and dislikes of a data set; return the entry of the manifest, if any."""
    arrays = dict(_arrays(dataset.histories.weights, dataset.dislikes))
    if not arrays:
        return {}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    has_weights, has_dislikes = "weights" in arrays, "disliked_items" in arrays
    found = {"weights": has_weights, "dislikes": has_dislikes, "fingerprint": _fingerprint(arrays)}
    return {FEEDBACK: found}


def read_feedback(
    folder: Path,
    manifest: Mapping[str, Any],
    read: Callable[[Path, type[np.generic]], Array],
    *,
    verify: bool,
) -> tuple[Array | None, Histories | None]:
    """Return the weights and the dislikes of a data set, as far as its manifest names them.

    Args:
        folder: The folder of the data set.
        manifest: Its manifest, with the right numbers of users and items.
        read: Reads an array of a type, of one dimension.
        verify: Compare the arrays with the fingerprint.

    Raises:
        DataError: The entry of the manifest is wrong, a file is missing or damaged, a weight is
            negative or not finite, the dislikes are of other users or items, or the fingerprint is
            another one.
    """
    if FEEDBACK not in manifest:
        return None, None
    named = manifest[FEEDBACK]
    kinds = {"weights": bool, "dislikes": bool, "fingerprint": str}
    if not isinstance(named, dict) or {n: type(v) for n, v in named.items()} != kinds:
        raise DataError(
            f"{folder / 'manifest.json'} has a wrong entry {FEEDBACK}; prepare the data set again."
        )
    weights = read(folder / "weights.npy", np.float32) if named["weights"] else None
    if weights is not None and not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise DataError(
            f"{folder / 'weights.npy'} has a weight that is negative or not finite; prepare the "
            "data set again."
        )
    dislikes = _read_dislikes(folder, manifest, read) if named["dislikes"] else None
    if verify and _fingerprint(dict(_arrays(weights, dislikes))) != named["fingerprint"]:
        raise DataError(
            f"The data set {folder} does not match the fingerprint of its weights and dislikes: a "
            "file was changed after it was written; prepare it again."
        )
    return weights, dislikes


def _read_dislikes(
    folder: Path, manifest: Mapping[str, Any], read: Callable[[Path, type[np.generic]], Array]
) -> Histories:
    """Return the dislikes of a data set.

    Raises:
        DataError: A file is missing or damaged, or they are of other users or items.
    """
    indptr, items, times = (read(folder / f"disliked_{name}.npy", np.int64) for name in DISLIKES)
    users, size = manifest["users"], manifest["items"]
    fits = len(indptr) == users + 1 and len(items) == len(times)
    fits = fits and indptr[0] == 0 and indptr[-1] == len(items) and (np.diff(indptr) >= 0).all()
    if not fits or (len(items) and not (items.min() >= 1 and items.max() <= size)):
        raise DataError(
            f"The dislikes in {folder} do not fit its {users:,} users and {size:,} items; prepare "
            "the data set again."
        )
    return Histories(indptr, items, times)


def _arrays(weights: Array | None, dislikes: Histories | None) -> Iterator[tuple[str, Array]]:
    if weights is not None:
        yield "weights", weights
    if dislikes is not None:
        for name in DISLIKES:
            yield f"disliked_{name}", getattr(dislikes, name)


def _fingerprint(arrays: Mapping[str, Array]) -> str:
    digest = hashlib.sha256()
    for name, array in arrays.items():
        digest.update(f"{name} {len(array)}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()
