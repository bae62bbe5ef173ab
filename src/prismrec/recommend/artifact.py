"""The artifact: one folder with a recommender, its catalog and how it was trained.

    save(recommender, "books/", about={"report": report.to_json()})
    recommender = load("books/")

    manifest.json         format, versions, model and extractor with options, hashes, ``about``
    model.safetensors     the weights
    items.parquet         ids, titles, categories, counts, in number order
    categories.parquet    the categories' names
    attributes.parquet    the attributes of the items, if there are any
    rules/                the table of the rule retriever, if there is one
    projection.safetensors   from content vectors to item vectors, if it was trained with them
    index/                the index of the item vectors, opened as a memory map
    run.toml              the settings of its training, for ``prismrec train --config``

A folder is written completely or not at all. ``load`` reads the manifest first and refuses a file
with another hash. No pickle. A file never causes an import: the caller passes the class of an
external extractor or index to ``load``.
"""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from prismrec.data import ATTRIBUTES_FILE, read_catalog, write_catalog
from prismrec.errors import DataError, check_type, to_python
from prismrec.io import FolderKind, atomic_folder, check_output_folder, write_tensors
from prismrec.models import EXTRACTORS, Extractor
from prismrec.recommend.about import added_to
from prismrec.recommend.manifest import (
    ARTIFACT_FORMAT,
    CATEGORIES_FILE,
    FORM,
    INDEX,
    ITEMS_FILE,
    MANIFEST,
    PROJECTION,
    RESTORE,
    RULES,
    RULES_ARRAYS,
    RULES_OPTIONS,
    WEIGHTS,
    check_hashes,
    file_hash,
    read_artifact_manifest,
    read_unchanged,
)
from prismrec.recommend.projection import read_projection, write_projection
from prismrec.recommend.recommender import Recommender
from prismrec.recommend.run_file import RUN_FILE, write_run
from prismrec.recommend.saved_model import read_model, saved_options
from prismrec.recommend.saved_rules import read_rules, write_rules
from prismrec.registry import name_of, resolve
from prismrec.retrieval import INDEXES, Index, claim_tables, load_index, saved_tables

KIND = FolderKind(
    MANIFEST,
    f'"{ARTIFACT_FORMAT}"',
    (
        *(MANIFEST, WEIGHTS, ITEMS_FILE, CATEGORIES_FILE, ATTRIBUTES_FILE, PROJECTION, RUN_FILE),
        *(f"{RULES}/{name}.npy" for name in RULES_ARRAYS),
        f"{INDEX}/*",  # an index that is not built in may write any file
    ),
)


def save(
    recommender: Recommender, folder: str | Path, *, about: Mapping[str, Any] | None = None
) -> None:
    """Write a recommender as a folder; replace an artifact that exists there.

    Args:
        recommender: What to write.
        folder: Where to write it; parent folders are created. A folder with any other file is
            never replaced.
        about: More information to keep, as JSON, such as a report: added to that of the
            recommender.

    Raises:
        DataError: The folder exists and is not an artifact, or has other files, or it cannot be
            written, also in the tables of its index.
        ConfigError: ``recommender`` is no recommender, or its model was trained further, so that
            the index does not fit it; or ``about`` is no JSON, or would replace what ``fit`` wrote
            on the training.

    Cost: writes weights, vectors and catalog, and reads every file once for its hash.
    """
    check_type("recommender", recommender, Recommender, "a Recommender; pass trained.recommender")
    needed = "a mapping; write about={'report': report.to_json()}"
    check_type("about", about, Mapping | None, needed)
    recommender.check_weights()
    model, record = recommender.model, added_to(recommender.about, about or {})
    with atomic_folder(folder, KIND) as part:
        write_tensors(part / WEIGHTS, dict(model.state_dict()), {})
        write_catalog(recommender.catalog, part)
        (part / INDEX).mkdir()
        recommender.index.write(part / INDEX)
        tables = saved_tables(part / INDEX)
        claim_tables(tables, Path(folder) / INDEX)
        if recommender.rules is not None:
            write_rules(recommender.rules, part / RULES)
        if recommender.projection is not None:
            write_projection(recommender.projection, part / PROJECTION)
        files = sorted(path for path in part.rglob("*") if path.is_file())
        manifest = {
            **FORM.header,
            "extractor": {
                "class": name_of(type(model.extractor), EXTRACTORS),
                "options": model.extractor.options,
            },
            "model": saved_options(model),
            "items": recommender.catalog.size - 1,
            "hidden": sorted(recommender.hidden),
            "provisional": sorted(recommender.provisional),
            "rules": recommender.rules
            and {name: getattr(recommender.rules, name) for name in ("weight", *RULES_OPTIONS)},
            **({"projection": True} if recommender.projection is not None else {}),
            "sha256": {path.relative_to(part).as_posix(): file_hash(path) for path in files},
            "about": record,
        }
        text = json.dumps(to_python(manifest), indent=2, ensure_ascii=False)
        (part / MANIFEST).write_text(text, encoding="utf-8")
        write_run(
            {name: record[name] for name in ("run", "start") if name in recommender.about}, part
        )
    claim_tables(tables, Path(folder) / INDEX)  # a removal may have come before


def check_artifact_folder(folder: str | Path) -> None:
    """Raise DataError if ``save`` could not write a folder: before a training, not after it."""
    check_output_folder(folder, KIND)


def resolve_classes(
    extractor: type[Extractor] | str | None, index: type[Index] | str | None
) -> tuple[type[Extractor] | None, type[Index] | None]:
    """Return the classes of these names, each as ``module:Class``; None stays None.

    Raises:
        ConfigError, UnknownName: A class is of the wrong kind, or its name cannot be imported.
    """
    if extractor is not None:
        extractor = resolve("extractor", extractor, EXTRACTORS, subclass_of=Extractor)
    if index is not None:
        index = resolve("index", index, INDEXES, subclass_of=Index)
    return extractor, index


def load(
    folder: str | Path,
    *,
    extractor: type[Extractor] | str | None = None,
    index: type[Index] | str | None = None,
) -> Recommender:
    """Load an artifact.

    Args:
        folder: Written by ``save``.
        extractor: The class of the extractor, or its name as ``module:Class``, if it is not in this
            package.
        index: The class of the index, or its name, if it is not in this package: see
            ``load_index``.

    Raises:
        ConfigError, UnknownName: A class is of the wrong kind, or its name cannot be imported.
        DataError: There is no artifact, it has another format, a file is missing, damaged or
            replaced, weights or vectors are not finite, the parts do not belong together, the
            extractor is unknown, or its options are invalid; or another artifact replaced it
            several times while it was read.

    Cost: reads every file once for its hash, and the vectors of the index a second time to check
        that they are finite. The vectors stay on disk, memory-mapped.
    """
    extractor, index = resolve_classes(extractor, index)
    return read_unchanged(folder, partial(read_parts, extractor=extractor, index=index))


def read_parts(
    folder: Path, *, extractor: type[Extractor] | None, index: type[Index] | None
) -> Recommender:
    """Return the recommender of an artifact that nobody replaces meanwhile: see ``load``."""
    manifest = read_artifact_manifest(folder)
    check_hashes(folder, manifest["sha256"])
    catalog = read_catalog(folder)
    if catalog.size - 1 != manifest["items"]:
        raise DataError(
            f"{folder / MANIFEST} gives items as {manifest['items']}, but {folder / ITEMS_FILE} "
            f"holds {catalog.size - 1}; {RESTORE}."
        )
    model = read_model(folder, manifest, extractor)
    loaded = load_index(folder / INDEX, index=index)
    width = model.vectors_as_numpy(np.array([1])).shape[1]
    if loaded.dim != width or (len(loaded) and loaded.ids[-1] >= catalog.size):
        last = loaded.ids[-1] if len(loaded) else 0
        raise DataError(
            f"The index {folder / INDEX} has vectors of width {loaded.dim} and items up to {last}, "
            f"but the model has width {width} and items up to {catalog.size - 1}; {RESTORE}."
        )
    hidden, provisional = (frozenset(manifest[name]) for name in ("hidden", "provisional"))
    rules = manifest["rules"] and read_rules(folder / RULES, manifest["rules"], catalog.size)
    projection = None
    if manifest.get("projection"):
        out = sum(table.embedding_dim for table in model.tables)
        projection = read_projection(folder / PROJECTION, out)
    return Recommender(
        model, loaded, catalog,
        hidden=hidden, provisional=provisional, rules=rules, projection=projection,
        about=manifest["about"],
    )  # fmt: skip
