"""The manifest of an artifact: what the folder holds, checked before anything else is read."""

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from prismrec.data import ATTRIBUTES_FILE, describe_protocol, read_dataset_manifest
from prismrec.errors import DataError, is_number, is_whole
from prismrec.io import (
    OBJECT,
    TEXT,
    FieldType,
    ManifestForm,
    check_keys,
    object_with,
    open_regular,
    optional,
    read_manifest,
)

ARTIFACT_FORMAT, VERSION = "prismrec-artifact", 3
MANIFEST, WEIGHTS, INDEX, RULES = "manifest.json", "model.safetensors", "index", "rules"
ITEMS_FILE, CATEGORIES_FILE = "items.parquet", "categories.parquet"
PROJECTION = "projection.safetensors"
RULES_ARRAYS = ("indptr", "indices", "data")
RULES_OPTIONS = ("kind", "recency")
RESTORE = "restore the whole folder or train again"
TRIES = 3
"""Readings of an artifact that others replace meanwhile."""
Read = TypeVar("Read")
NUMBER = FieldType("a finite number", is_number)
RULES_FIELD = FieldType(
    "an object with weight (a finite number), and perhaps kind (text) and recency (a finite "
    "number)",
    lambda value: (
        object_with(weight=NUMBER).is_valid(value)
        and TEXT.is_valid(value.get("kind", ""))
        and NUMBER.is_valid(value.get("recency", 1))
    ),
)
FORM = ManifestForm(
    what="artifact",
    format=ARTIFACT_FORMAT,
    version=VERSION,
    fields={
        "extractor": object_with(**{"class": TEXT}, options=OBJECT),
        "model": OBJECT,
        "items": FieldType("a whole number, at least 1", lambda value: is_whole(value, 1)),
        "rules": optional(RULES_FIELD),
        "sha256": FieldType(
            "an object with the hash of each file, as text",
            lambda value: isinstance(value, dict) and all(map(TEXT.is_valid, value.values())),
        ),
        "about": OBJECT,
    },
    create="make one with 'prismrec train'",
    repair=RESTORE,
)


def artifact_name(folder: str | Path) -> str:
    """Return the name of an artifact: a short hash of its manifest, the same on every machine.

    Raises:
        DataError: There is no manifest.
    """
    try:
        return short_hash((Path(folder) / MANIFEST).read_bytes())
    except OSError as error:
        raise DataError(f"No artifact at {folder}; {FORM.create}.") from error


def short_hash(manifest: bytes) -> str:
    """Return the name of the artifact with this manifest."""
    return hashlib.sha256(manifest).hexdigest()[:12]


def linked_folder(folder: str | Path) -> Path:
    """Return the folder to which a link leads now, as it may be switched; else the path."""
    folder = Path(folder)
    return folder.resolve() if folder.is_symlink() and folder.exists() else folder


def read_unchanged(folder: str | Path, read: Callable[[Path], Read]) -> Read:
    """Return what is read of an artifact; read again if another one replaces it meanwhile.

    Args:
        folder: The artifact, or a link to it.
        read: Reads the folder that it is given, and may do it again.

    Raises:
        DataError: It was replaced during each of ``TRIES`` readings.
    """
    for _ in range(TRIES):
        place = linked_folder(folder)
        before = _written(place)
        try:
            found = read(place)
        except Exception:
            if before == _written(place):
                raise
        else:
            if before == _written(place):
                return found
    raise DataError(
        f"{folder} was to be read, but another artifact replaced it {TRIES} times meanwhile; load "
        "it again when nothing writes there."
    )


def _written(folder: Path) -> tuple[int, int, int] | None:
    """Return what differs between two artifacts at one path, one after the other; None for none."""
    try:
        manifest = (folder / MANIFEST).stat()
    except OSError:
        return None
    return manifest.st_ino, manifest.st_mtime_ns, manifest.st_ctime_ns


def check_trained_on(folder: str | Path, data: str | Path) -> None:
    """Raise DataError if the manifest names another data set than the given one.

    The artifact of a recommender that was made by hand names none: compare its catalog after
    loading.

    Raises:
        DataError: The ids differ, or the artifact or the data set does not exist.
    """
    trained_on = entry_of(read_artifact_manifest(folder)["about"], "dataset")
    _check_ids(folder, trained_on, data, read_dataset_manifest(data))


def check_same_split(
    folder: str | Path, data: str | Path, manifest: Mapping[str, Any] | None = None
) -> str | None:
    """Check that an artifact was not trained on test events of a data set.

    Ids, events and split must be those of the training.

    Args:
        folder: The artifact; messages name it so.
        data: The data set.
        manifest: Manifest of the artifact; None to read it.

    Returns:
        A sentence if the artifact does not state them, so that nobody can check it; else None.

    Raises:
        DataError: They differ, or the artifact or the data set does not exist.
    """
    manifest = read_artifact_manifest(folder) if manifest is None else manifest
    trained_on, given = entry_of(manifest["about"], "dataset"), read_dataset_manifest(data)
    _check_ids(folder, trained_on, data, given)
    if trained_on.get("fingerprint") not in (None, given["fingerprint"]):
        raise DataError(
            f"{folder} was trained on other events of the users and items of {data}, so it may "
            "have been trained on the test events; give the data set of the training, or train "
            "again."
        )
    if not {"ids_fingerprint", "fingerprint", "split"} <= trained_on.keys():
        return (
            f"{folder} does not state the data set and the split of its training, so it may have "
            "been trained on the test events; save the recommender of a training with fit, which "
            "states them."
        )
    own, other = describe_protocol(trained_on["split"]), describe_protocol(given["split"])
    if own != other:
        raise DataError(
            f"{folder} was trained on the split {own}, but {data} has the split {other}, so it may "
            "have been trained on the test events; give the data set of the training, or train "
            "again."
        )
    return None


def _check_ids(
    folder: str | Path, trained_on: Mapping[str, Any], data: str | Path, given: Mapping[str, Any]
) -> None:
    """Raise DataError if an artifact was trained on other ids than those of a data set."""
    if trained_on.get("ids_fingerprint") not in (None, given["ids_fingerprint"]):
        raise DataError(
            f"{folder} was trained on another data set than {data} (their ids differ); give the "
            "data set of the training, or train again."
        )


def entry_of(about: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return an entry of the record of an artifact; empty if there is none, or no object."""
    entry = about.get(name)
    return entry if isinstance(entry, Mapping) else {}


def read_artifact_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of an artifact.

    Raises:
        DataError: There is no manifest of this version, a key is missing or has a wrong value, or
            the hashes do not cover exactly the files of the folder.
    """
    path = Path(folder) / MANIFEST
    manifest = read_manifest(path, FORM)
    last = manifest["items"]
    items = FieldType(
        f"a list of item numbers from 1 to {last}",
        lambda value: isinstance(value, list) and all(is_whole(item, 1, last) for item in value),
    )
    check_keys(manifest, {"hidden": items, "provisional": items}, path, RESTORE)
    loaded = {WEIGHTS, ITEMS_FILE, CATEGORIES_FILE}
    loaded |= {f"{RULES}/{name}.npy" for name in RULES_ARRAYS if manifest["rules"]}
    loaded |= {ATTRIBUTES_FILE} if (path.parent / ATTRIBUTES_FILE).exists() else set()
    if manifest.get("projection"):  # without content vectors there is no such key
        loaded.add(PROJECTION)
    index = (other for other in (path.parent / INDEX).rglob("*") if other.is_file())
    loaded |= {other.relative_to(path.parent).as_posix() for other in index}
    for name in sorted(loaded ^ manifest["sha256"].keys()):
        if name in loaded:
            raise DataError(f"{path} has no hash of {name} in its sha256; {RESTORE}.")
        raise DataError(
            f"{path} has a hash of {name} in its sha256, but there is no such file; {RESTORE}."
        )
    return manifest


def check_artifact(folder: str | Path) -> None:
    """Raise DataError if an artifact is not whole: a file is missing or differs from its hash.

    Raises:
        DataError: It is not whole, or there is no artifact.

    Cost: reads every file once.
    """
    folder = linked_folder(folder)
    check_hashes(folder, read_artifact_manifest(folder)["sha256"])


def check_hashes(folder: Path, hashes: Mapping[str, str]) -> None:
    """Raise DataError if a file differs from its hash.

    Raises:
        DataError: Names the first such file.
    """
    for name, expected in hashes.items():
        try:
            found = file_hash(folder / name)
        except OSError:
            found = ""
        if found != expected:
            raise DataError(
                f"{folder / name} is missing or differs from its hash in {MANIFEST}; {RESTORE}."
            )


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal."""
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
