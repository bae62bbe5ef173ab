"""The artifact: one folder that holds a recommender, its catalog and what is known of it.

    save(recommender, "books/", about={"report": report.to_json()})
    recommender = load("books/")

    manifest.json         format, versions, model and extractor with options, hashes, ``about``
    model.safetensors     the weights
    items.parquet         ids, titles, categories, counts, in number order
    categories.parquet    the categories' names
    rules/                the second channel's table, where there is one
    index/                the index of the item vectors, memory-mapped when it is opened

Written beside its place and renamed into it; ``load`` reads the manifest first and refuses a file
that is not the one it names. No pickle. An extractor from outside this package is never imported
because a file says so: its class is handed to ``load``.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

import prismrec
from prismrec.channel import Rules
from prismrec.data.storage import read_catalog, whole_folder, write_catalog
from prismrec.errors import ConfigError, DataError
from prismrec.extractors import EXTRACTORS
from prismrec.extractors.base import Extractor
from prismrec.index import load_index
from prismrec.model import Model
from prismrec.recommender import Recommender
from prismrec.tensors import read_tensors, save_tensors

FORMAT, VERSION = "prismrec-artifact", 3
MANIFEST, WEIGHTS, INDEX, RULES = "manifest.json", "model.safetensors", "index", "rules"


def save(
    recommender: Recommender, folder: str | Path, *, about: Mapping[str, Any] | None = None
) -> None:
    """Write a recommender as a folder, in place of the artifact that may be there.

    Args:
        recommender: What to write.
        folder: Where; its parents are made. A folder that holds something else is left alone.
        about: What else is to be known of it: report, run, data set. JSON.

    Raises:
        DataError: Something other than an artifact is in the way.
    """
    model = recommender.model
    with whole_folder(folder, _of_any_version) as part:
        save_tensors(part / WEIGHTS, dict(model.state_dict()), {})
        write_catalog(recommender.catalog, part)
        recommender.index.save(part / INDEX)
        if recommender.rules is not None:
            _write_rules(recommender.rules, part / RULES)
        files = sorted(path for path in part.rglob("*") if path.is_file())
        manifest = {
            "format": FORMAT,
            "version": VERSION,
            "prismrec": prismrec.__version__,
            "extractor": {"class": _name(model.extractor), "options": model.extractor.options},
            "model": model.options,
            "items": recommender.catalog.size - 1,
            "hidden": sorted(recommender.hidden),
            "provisional": sorted(recommender.provisional),
            "rules": recommender.rules and {"weight": recommender.rules.weight},
            "sha256": {path.relative_to(part).as_posix(): _hash(path) for path in files},
            "about": dict(about or {}),
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False)
        (part / MANIFEST).write_text(text, encoding="utf-8")


def load(folder: str | Path, *, extractor: type[Extractor] | None = None) -> Recommender:
    """Open an artifact.

    Args:
        folder: Written by ``save``.
        extractor: The extractor's class, where it is not one of this package's.

    Raises:
        DataError: No artifact, another format, a missing, damaged or exchanged file, weights
            that are not numbers, an extractor that is not known here, or options of which no
            model can be made.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    for name, expected in manifest["sha256"].items():
        if not (folder / name).is_file() or _hash(folder / name) != expected:
            raise DataError(
                f"{folder / name} is missing or not the file that {MANIFEST} was written with; "
                "restore the whole folder or train again."
            )
    made = manifest["extractor"]
    kind = extractor or EXTRACTORS.get(made["class"])
    if kind is None:
        raise DataError(
            f"The artifact {folder} was trained with the extractor {made['class']!r}, which this "
            "package does not hold; hand its class to load(folder, extractor=...)."
        )
    # Artifacts once held how their gradients were made, which concerns training alone.
    options = {name: value for name, value in manifest["model"].items() if name != "sparse"}
    try:
        model = Model(manifest["items"] + 1, kind(**made["options"]), **options)
    except (TypeError, ConfigError) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{folder / MANIFEST} describes a model that this version cannot make ({reason}); open "
            "it with the version that wrote it, or train again."
        ) from error
    weights, _ = read_tensors(folder / WEIGHTS)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise DataError(
            f"{folder / WEIGHTS} does not fit the model of {MANIFEST} ({reason}); train again."
        ) from error
    broken = [name for name, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise DataError(
            f"{folder / WEIGHTS} holds numbers that are not finite, in {', '.join(broken)}; "
            "train again."
        )
    index = load_index(folder / INDEX)
    marks = {name: manifest[name] for name in ("hidden", "provisional")}
    rules = manifest["rules"] and _read_rules(folder / RULES, manifest["rules"]["weight"])
    return Recommender(model, index, read_catalog(folder), **marks, rules=rules)


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Give an artifact's manifest.

    Raises:
        DataError: No manifest, or not one that this version reads.
    """
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"No artifact at {folder}: its {MANIFEST} is missing or not JSON; make one with "
            "'prismrec train'."
        ) from error
    found = (manifest.get("format"), manifest.get("version"))
    if found != (FORMAT, VERSION):
        raise DataError(
            f"{path} is of format {found[0]}, version {found[1]}, but this prismrec "
            f"({prismrec.__version__}) reads {FORMAT}, version {VERSION}; give the folder of an "
            "artifact that it made."
        )
    return dict(manifest)


def _write_rules(rules: Rules, folder: Path) -> None:
    folder.mkdir()
    for name in ("indptr", "indices", "data"):
        np.save(folder / f"{name}.npy", getattr(rules.table, name), allow_pickle=False)


def _read_rules(folder: Path, weight: float) -> Rules:
    """Read what ``_write_rules`` wrote.

    Raises:
        DataError: It does not hold together.
    """
    indptr, indices, data = (
        np.load(folder / f"{name}.npy", allow_pickle=False)
        for name in ("indptr", "indices", "data")
    )
    size = len(indptr) - 1
    try:
        return Rules(sparse.csr_array((data, indices, indptr), shape=(size, size)), weight)
    except ValueError as error:
        raise DataError(f"The rules at {folder} are damaged ({error}); train again.") from error


def _of_any_version(folder: Path) -> None:
    """Refuse a folder that is no artifact: an older one may be replaced.

    Raises:
        DataError: It is none.
    """
    try:
        read_manifest(folder)
    except DataError:
        path = folder / MANIFEST
        if not path.is_file() or f'"{FORMAT}"' not in path.read_text(encoding="utf-8"):
            raise


def _name(extractor: Extractor) -> str:
    known = {kind: name for name, kind in EXTRACTORS.items()}
    kind = type(extractor)
    return known.get(kind, f"{kind.__module__}:{kind.__qualname__}")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
