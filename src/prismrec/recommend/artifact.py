"""The artifact: one folder that holds a recommender, its catalog and what is known of it.

    save(recommender, "books/", about={"report": report.to_json()})
    recommender = load("books/")

    manifest.json         format, versions, model and extractor with options, hashes, ``about``
    model.safetensors     the weights
    items.parquet         ids, titles, categories, counts, in number order
    categories.parquet    the categories' names
    rules/                the second channel's table, where there is one
    index/                the index of the item vectors, memory-mapped when it is opened

Written whole or not at all; ``load`` reads the manifest first and refuses a file
that is not the one it names. No pickle. An extractor from outside this package is never imported
because a file says so: its class is handed to ``load``.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from prismrec._version import __version__
from prismrec.data import read_catalog, read_dataset_manifest, write_catalog
from prismrec.errors import ConfigError, DataError
from prismrec.io import (
    OBJECT,
    TEXT,
    FieldKind,
    ManifestForm,
    atomic_folder,
    check_fields,
    is_whole_number,
    object_with,
    optional,
    read_manifest,
    read_tensors,
    write_tensors,
)
from prismrec.models import EXTRACTORS, Extractor, Model
from prismrec.recommend.recommender import Recommender
from prismrec.retrieval import Index, RuleRetriever, load_index

ARTIFACT_FORMAT, VERSION = "prismrec-artifact", 3
MANIFEST, WEIGHTS, INDEX, RULES = "manifest.json", "model.safetensors", "index", "rules"
ITEMS_FILE, CATEGORIES_FILE = "items.parquet", "categories.parquet"
RENAMED_EXTRACTOR_OPTIONS = {"retired": "pruned"}
"""Options of extractors as earlier versions saved them, and what they are called today."""
RULES_ARRAYS = ("indptr", "indices", "data")
AGAIN = "restore the whole folder or train again"
NUMBER = FieldKind(
    "a finite number",
    lambda value: (
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    ),
)
FORM = ManifestForm(
    what="artifact",
    format=ARTIFACT_FORMAT,
    version=VERSION,
    kinds={
        "extractor": object_with(**{"class": TEXT}, options=OBJECT),
        "model": OBJECT,
        "items": FieldKind("a whole number from 1 up", lambda value: is_whole_number(value, 1)),
        "rules": optional(object_with(weight=NUMBER)),
        "sha256": FieldKind(
            "an object of texts, the hash of each file",
            lambda value: isinstance(value, dict) and all(map(TEXT.fits, value.values())),
        ),
        "about": OBJECT,
    },
    make="make one with 'prismrec train'",
    again=AGAIN,
)


def save(
    recommender: Recommender, folder: str | Path, *, about: Mapping[str, Any] | None = None
) -> None:
    """Write a recommender as a folder, in place of the artifact that may be there.

    Args:
        recommender: What to write.
        folder: Where; its parents are made. A folder that holds something else is left alone.
        about: What else is to be known of it: report, run, data set. JSON.

    Raises:
        DataError: Something other than an artifact is in the way, or it cannot be written.
    """
    model = recommender.model
    with atomic_folder(folder, MANIFEST, f'"{ARTIFACT_FORMAT}"') as part:
        write_tensors(part / WEIGHTS, dict(model.state_dict()), {})
        write_catalog(recommender.catalog, part)
        (part / INDEX).mkdir()
        recommender.index.write(part / INDEX)
        if recommender.rules is not None:
            _write_rules(recommender.rules, part / RULES)
        files = sorted(path for path in part.rglob("*") if path.is_file())
        manifest = {
            "format": ARTIFACT_FORMAT,
            "version": VERSION,
            "prismrec": __version__,
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


def load(
    folder: str | Path,
    *,
    extractor: type[Extractor] | None = None,
    index: type[Index] | None = None,
) -> Recommender:
    """Open an artifact.

    Args:
        folder: Written by ``save``.
        extractor: The extractor's class, where it is not one of this package's.
        index: The class of the index, if it is not in this package: see ``load_index``.

    Raises:
        DataError: No artifact, another format, a missing, damaged or exchanged file, weights or
            an index that are not of finite numbers, parts that do not belong together, an
            extractor that is not known here, or options of which no model can be made.

    Cost: every file is read once for its hash, the index's vectors once more to see that they are
        finite; these stay on disk, mapped, whatever their number.
    """
    folder = Path(folder)
    manifest = read_artifact_manifest(folder)
    _check_hashes(folder, manifest["sha256"])
    catalog = read_catalog(folder)
    if catalog.size - 1 != manifest["items"]:
        raise DataError(
            f"{folder / MANIFEST} gives items as {manifest['items']}, but {folder / ITEMS_FILE} "
            f"holds {catalog.size - 1}; {AGAIN}."
        )
    model = _made(folder, manifest, extractor)
    _read_weights(folder / WEIGHTS, model)
    loaded = load_index(folder / INDEX, index=index)
    width = model.vectors_as_numpy(np.array([1])).shape[1]
    if loaded.dim != width or (len(loaded) and loaded.ids[-1] >= catalog.size):
        last = loaded.ids[-1] if len(loaded) else 0
        raise DataError(
            f"The index {folder / INDEX} is of vectors of width {loaded.dim} and items up to "
            f"{last}, but the model's are of width {width} and its items end at "
            f"{catalog.size - 1}; {AGAIN}."
        )
    marks = {name: frozenset(manifest[name]) for name in ("hidden", "provisional")}
    rules = manifest["rules"] and _read_rules(
        folder / RULES, manifest["rules"]["weight"], catalog.size
    )
    return Recommender(model, loaded, catalog, **marks, rules=rules)


def check_trained_on(folder: str | Path, data: str | Path) -> None:
    """Refuse an artifact that says that it was trained on other ids than a data set's.

    One that was saved without ``about`` does not say: compare its catalog once it is open.

    Raises:
        DataError: It says so, or one of the two is not there.
    """
    told = read_artifact_manifest(folder)["about"].get("dataset")
    found = told.get("ids_fingerprint") if isinstance(told, dict) else None
    if found not in (None, read_dataset_manifest(data)["ids_fingerprint"]):
        raise DataError(
            f"{folder} was trained on another data set than {data}: their ids differ; give the "
            "data set that it was trained on, or train again."
        )


def read_artifact_manifest(folder: str | Path) -> dict[str, Any]:
    """Give an artifact's manifest.

    Raises:
        DataError: No manifest, or not one that this version reads; a key that is absent or holds
            something else than it must; or the hashes are not those of the files there.
    """
    path = Path(folder) / MANIFEST
    manifest = read_manifest(path, FORM)
    last = manifest["items"]
    items = FieldKind(
        f"a list of item numbers from 1 to {last}",
        lambda value: (
            isinstance(value, list) and all(is_whole_number(item, 1, last) for item in value)
        ),
    )
    check_fields(manifest, {"hidden": items, "provisional": items}, path, AGAIN)
    loaded = {WEIGHTS, ITEMS_FILE, CATEGORIES_FILE}
    loaded |= {f"{RULES}/{name}.npy" for name in RULES_ARRAYS if manifest["rules"]}
    index = (other for other in (path.parent / INDEX).rglob("*") if other.is_file())
    loaded |= {other.relative_to(path.parent).as_posix() for other in index}
    for name in sorted(loaded ^ manifest["sha256"].keys()):
        if name in loaded:
            raise DataError(f"{path} has no hash of {name} in its sha256; {AGAIN}.")
        raise DataError(
            f"{path} has a hash of {name} in its sha256, but no such file is there to be loaded; "
            f"{AGAIN}."
        )
    return manifest


def _check_hashes(folder: Path, hashes: Mapping[str, str]) -> None:
    """Refuse a file that is not the one that was written.

    Raises:
        DataError: The first of them.
    """
    for name, expected in hashes.items():
        try:
            found = _hash(folder / name)
        except OSError:
            found = ""
        if found != expected:
            raise DataError(
                f"{folder / name} is missing or not the file that {MANIFEST} was written with; "
                f"{AGAIN}."
            )


def _made(folder: Path, manifest: Mapping[str, Any], extractor: type[Extractor] | None) -> Model:
    """Make the model that a manifest describes, without its weights.

    Raises:
        DataError: Its extractor is not known here, or no model can be made of the options.
    """
    made = manifest["extractor"]
    kind = extractor or EXTRACTORS.get(made["class"])
    if kind is None:
        raise DataError(
            f"The artifact {folder} was trained with the extractor {made['class']!r}, which this "
            "package does not hold; hand its class to load(folder, extractor=...)."
        )
    options = _current_options(manifest["model"])
    own = {RENAMED_EXTRACTOR_OPTIONS.get(n, n): value for n, value in made["options"].items()}
    try:
        return Model(manifest["items"] + 1, kind(**own), **options)
    except (TypeError, ConfigError, RuntimeError) as error:  # RuntimeError: torch's, of sizes
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(
            f"{folder / MANIFEST} describes a model that this version cannot make ({reason}); open "
            "it with the version that wrote it, or train again."
        ) from error


def _current_options(saved: Mapping[str, Any]) -> dict[str, Any]:
    """Return a model's options under today's names: earlier versions saved them under others."""
    options = dict(saved)
    options.pop("sparse", None)  # concerned training only
    if "untied" in options:
        options["tie_embeddings"] = not options.pop("untied")
    if "strike_seen" in options:
        options["mask_history_negatives"] = options.pop("strike_seen")
    return options


def _read_weights(path: Path, model: Model) -> None:
    """Put the weights into the model.

    Raises:
        DataError: They are another model's, or not finite.
    """
    weights, _ = read_tensors(path)
    try:
        model.load_state_dict(weights)
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip().rstrip(".")
        raise DataError(
            f"{path} does not fit the model of {MANIFEST} ({reason}); train again."
        ) from error
    broken = [name for name, value in weights.items() if not value.isfinite().all()]
    if broken:
        raise DataError(
            f"{path} holds numbers that are not finite, in {', '.join(broken)}; train again."
        )


def _write_rules(rules: RuleRetriever, folder: Path) -> None:
    folder.mkdir()
    for name in RULES_ARRAYS:
        np.save(folder / f"{name}.npy", getattr(rules.table, name), allow_pickle=False)


def _read_rules(folder: Path, weight: float, size: int) -> RuleRetriever:
    """Read what ``_write_rules`` wrote, for a catalog of V = ``size``.

    Raises:
        DataError: It does not hold together.
    """
    try:
        indptr, indices, data = (
            np.load(folder / f"{name}.npy", allow_pickle=False) for name in RULES_ARRAYS
        )
        table = sparse.csr_array((data, indices, indptr), shape=(size, size))
        table.check_format(full_check=True)
        return RuleRetriever(table, weight)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"The rules at {folder} are damaged ({error}); train again.") from error


def _name(extractor: Extractor) -> str:
    known = {kind: name for name, kind in EXTRACTORS.items()}
    kind = type(extractor)
    return known.get(kind, f"{kind.__module__}:{kind.__qualname__}")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
