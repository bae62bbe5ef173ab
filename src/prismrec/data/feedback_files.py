"""Files of weights and dislikes in the folder of a data set; they exist only if it has any.

    weights.npy                                                     one float32 per event
    disliked_indptr.npy  disliked_items.npy  disliked_times.npy     the disliked pairs

The key ``feedback`` of the manifest names the files, with a fingerprint. Without it, as in
folders of earlier versions, all events count alike and nothing is disliked.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismrec.data.dataset import Dataset
from prismrec.data.histories import Histories
from prismrec.data.stored_arrays import read_histories, read_weights
from prismrec.errors import DataError

Array = NDArray[Any]
DISLIKES = ("indptr", "items", "times")
FEEDBACK_ARRAYS = ("weights", *(f"disliked_{name}" for name in DISLIKES))
"""Names of the files, without their end."""
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
    folder: Path, manifest: Mapping[str, Any], *, verify: bool
) -> tuple[Array | None, Histories | None]:
    """Return the weights and the dislikes of a data set, as far as its manifest names them.

    Args:
        folder: The folder of the data set.
        manifest: Its manifest, with the right numbers of users, items and events.
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
    weights = read_weights(folder, manifest["events"]) if named["weights"] else None
    dislikes = _read_dislikes(folder, manifest) if named["dislikes"] else None
    if verify and _fingerprint(dict(_arrays(weights, dislikes))) != named["fingerprint"]:
        raise DataError(
            f"The data set {folder} does not match the fingerprint of its weights and dislikes: a "
            "file was changed after it was written; prepare it again."
        )
    return weights, dislikes


def _read_dislikes(folder: Path, manifest: Mapping[str, Any]) -> Histories:
    """Return the dislikes of a data set.

    Raises:
        DataError: A file is missing or damaged, or they are of other users or items.
    """
    dislikes = read_histories(folder, manifest["items"], prefix="disliked_")
    if len(dislikes) != manifest["users"]:
        raise DataError(
            f"The dislikes in {folder} are of {len(dislikes):,} users, but the data set has "
            f"{manifest['users']:,}; prepare the data set again."
        )
    return dislikes


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
