"""Save and load data sets. Loading is fast for any size: the arrays are memory-mapped.

    save_dataset(dataset, "beauty/", split={"name": "by-user", "options": {"seed": 0}})
    dataset = load_dataset("beauty/")
    split = load_split("beauty/", dataset)

    manifest.json        format, versions, sizes, fingerprints, how it was built, how it is split
    users.parquet        id
    items.parquet        id, title, categories, count, and image if items have pictures;
                         row number = item number - 1
    categories.parquet   name
    attributes.parquet   one column per attribute, row number = item number - 1; only if some were
                         read
    indptr.npy  items.npy  times.npy    the histories
    weights.npy  disliked_….npy         only if events have weights or dislikes: ``feedback_files``

The folder is written completely or not at all (``atomic_folder``). It contains no pickle.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from prismrec.data.attributes import ATTRIBUTES_FILE, read_attributes, write_attributes
from prismrec.data.catalog import Catalog
from prismrec.data.dataset import Dataset
from prismrec.data.feedback_files import FEEDBACK_ARRAYS, read_feedback, write_feedback
from prismrec.data.ids import IdMap
from prismrec.data.split import Split, make_split
from prismrec.data.stored_arrays import read_histories
from prismrec.errors import ConfigError, DataError, described, to_python
from prismrec.io import (
    COUNT,
    OBJECT,
    TEXT,
    FolderKind,
    ManifestForm,
    atomic_folder,
    check_output_folder,
    check_regular,
    damaged,
    object_with,
    optional,
    read_manifest,
)

DATASET_FORMAT, VERSION, MANIFEST = "prismrec-dataset", 1, "manifest.json"
ARRAYS = ("indptr", "items", "times")
ITEMS: dict[str, pl.DataType] = {
    "id": pl.String(),
    "title": pl.String(),
    "categories": pl.List(pl.String),
    "count": pl.Int64(),
}
"""The columns of ``items.parquet``; ``IMAGE`` is in it only if an item has a picture."""
IMAGE = "image"
REPAIR = "prepare the data set again or train again"
RENAMED_KEYS = {"refused": "rejected"}
"""Keys of ``how`` that earlier versions saved, and their present names."""
FILES = (
    *(MANIFEST, "users.parquet", "items.parquet", "categories.parquet", ATTRIBUTES_FILE),
    *(f"{name}.npy" for name in (*ARRAYS, *FEEDBACK_ARRAYS)),
)
KIND = FolderKind(MANIFEST, f'"{DATASET_FORMAT}"', FILES)
SPLIT = object_with(name=TEXT, options=OBJECT)
FORM = ManifestForm(
    what="data set",
    format=DATASET_FORMAT,
    version=VERSION,
    fields={
        "users": COUNT,
        "items": COUNT,
        "events": COUNT,
        "fingerprint": TEXT,
        "ids_fingerprint": TEXT,
        "how": OBJECT,
        "split": optional(SPLIT),
    },
    create="make one with 'prismrec prepare'",
    repair="prepare it again",
)


def save_dataset(
    dataset: Dataset, folder: str | Path, *, split: Split | Mapping[str, Any] | None = None
) -> None:
    """Write a data set as a folder. An earlier data set at this path is replaced.

    Args:
        dataset: The data set.
        folder: The path. Parent folders are created. A folder with other files is not replaced.
        split: How to split the data set: a split of it, or the ``name`` of a protocol and its
            ``options``. Only these are stored, since the split can be computed from them. Default:
            the split of the folder that the data set was loaded from; none if it was not.

    Raises:
        ConfigError, UnknownName: The split was made by no protocol, its parts were replaced, or
            it is not possible: see ``make_split``.
        DataError: The folder has other content, or it cannot be written.

    Cost: one pass over the data, memory O(ids); with a ``name`` and ``options`` that of the split.
    """
    protocol = _protocol_of(dataset, split)
    with atomic_folder(folder, KIND) as part:
        _write(dataset, part, protocol)


def _protocol_of(
    dataset: Dataset, split: Split | Mapping[str, Any] | None
) -> Mapping[str, Any] | None:
    """Return what to store as the split, after a check that ``load_split`` can compute it."""
    if split is None:
        return dataset.split
    if isinstance(split, Split):
        if not split.is_unchanged:
            raise ConfigError(
                f"A split ({split.how or 'not described'}) was given whose parts were replaced, so "
                "it cannot be computed again; give the split as it was made."
            )
        if split.protocol is None:
            raise ConfigError(
                f"A split ({split.how or 'not described'}) was given that no protocol made, so it "
                "cannot be computed again; give one of split_by_user, split_by_time or "
                "split_leave_last_out."
            )
        return split.protocol
    if not SPLIT.is_valid(split):
        raise ConfigError(
            f"split is {described(split)}, but must be a split, or its name and options; write "
            "split=split_by_user(dataset), or split={'name': 'by-user', 'options': {}}."
        )
    return make_split(dataset, split["name"], **split["options"]).protocol


def check_dataset_folder(folder: str | Path) -> None:
    """Raise DataError if ``save_dataset`` could not write a folder: before a log is read."""
    check_output_folder(folder, KIND)


def load_dataset(folder: str | Path, *, verify: bool = False) -> Dataset:
    """Load a data set. Its arrays stay on disk and are read when they are used.

    Args:
        folder: A folder that ``save_dataset`` wrote.
        verify: Also read all arrays and compare them with the fingerprint. The ids are always
            compared: with other numbers a model would silently recommend other items.

    Raises:
        DataError: There is no data set, it has another format, a file is missing or damaged, or
            ids or arrays do not match the manifest; the message names the file.

    Cost: O(users + items) memory, and one pass over the item numbers and weights; with ``verify``
        one over all arrays.
    """
    folder = Path(folder)
    manifest = read_dataset_manifest(folder)
    users = IdMap(_table(folder / "users.parquet", {"id": pl.String()})["id"], kind="user")
    catalog = read_catalog(folder)
    histories = read_histories(folder, len(catalog.items))
    sizes = {
        "users": len(histories), "items": len(catalog.items), "events": len(histories.items),
    }  # fmt: skip
    for name, size in sizes.items():
        if size != manifest[name]:
            raise DataError(
                f"The data set {folder} has {size} {name}, but its {MANIFEST} has "
                f"{manifest[name]}; prepare it again."
            )
    if ("attributes" in manifest["how"]) != (catalog.attributes is not None):
        raise damaged(folder / ATTRIBUTES_FILE, f"it does not fit {MANIFEST}", REPAIR)
    how = {RENAMED_KEYS.get(key, key): value for key, value in manifest["how"].items()}
    weights, dislikes = read_feedback(folder, manifest, verify=verify)
    histories = replace(histories, weights=weights)
    dataset = Dataset(users, catalog, histories, how, dislikes, manifest["split"])
    if dataset.ids_fingerprint != manifest["ids_fingerprint"]:
        raise _changed(folder, "users.parquet or items.parquet")
    if verify and dataset.fingerprint != manifest["fingerprint"]:
        raise _changed(folder, "one of indptr.npy, items.npy, times.npy")
    return dataset


def read_dataset_manifest(folder: str | Path) -> dict[str, Any]:
    """Read the manifest of a data set: sizes, fingerprints, ``how`` and ``split``.

    Raises:
        DataError: There is no manifest, or this version cannot read it; the message names the key.
    """
    return read_manifest(Path(folder) / MANIFEST, FORM)


def write_catalog(catalog: Catalog, folder: Path) -> None:
    """Write a catalog to a folder as ``items.parquet`` and ``categories.parquet``."""
    names = pl.Series("name", catalog.category_names, dtype=pl.String)
    lists = pl.DataFrame(
        {
            "number": np.repeat(np.arange(catalog.size), np.diff(catalog.category_indptr)),
            "categories": names.gather(catalog.category_ids),
        }
    ).group_by("number", maintain_order=True)
    items = pl.DataFrame(
        {"id": catalog.items.ids, "title": catalog.titles, "count": catalog.count[1:]}
    ).with_row_index("number", offset=1)
    items = items.join(
        lists.agg("categories").cast({"number": items["number"].dtype}),
        on="number", how="left", maintain_order="left",
    ).with_columns(pl.col("categories").fill_null([]))  # fmt: skip
    items = items.select(list(ITEMS))
    if catalog.images is not None:
        missing = pl.Series([None] * (len(items) - len(catalog.images)), dtype=pl.String)
        items = items.with_columns(pl.concat([catalog.images, missing]).alias(IMAGE))
    items.write_parquet(folder / "items.parquet")
    names.to_frame().write_parquet(folder / "categories.parquet")
    if catalog.attributes is not None:
        write_attributes(catalog.attributes, folder)


def _write(dataset: Dataset, folder: Path, split: Mapping[str, Any] | None) -> None:
    catalog, histories = dataset.catalog, dataset.histories
    write_catalog(catalog, folder)
    dataset.users.ids.alias("id").to_frame().write_parquet(folder / "users.parquet")
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(histories, name), allow_pickle=False)
    manifest = {
        **FORM.header,
        "users": len(histories), "items": len(catalog.items), "events": len(histories.items),
        "fingerprint": dataset.fingerprint, "ids_fingerprint": dataset.ids_fingerprint,
        **write_feedback(dataset, folder),
        "how": dict(dataset.how), "split": split,
    }  # fmt: skip
    text = json.dumps(to_python(manifest), indent=2, ensure_ascii=False)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def read_catalog(folder: Path) -> Catalog:
    """Read a catalog that ``write_catalog`` wrote.

    Raises:
        DataError: A file is missing or damaged, or the files do not match.
    """
    table = _table(folder / "items.parquet", ITEMS)
    names = _table(folder / "categories.parquet", {"name": pl.String()})["name"]
    lengths = table["categories"].list.len().to_numpy()
    codes = pl.int_range(len(names), dtype=pl.Int32, eager=True)
    named = table["categories"].explode().drop_nulls()
    if (table["count"] < 0).any() or len(named) != lengths.sum():
        raise damaged(folder / "items.parquet", "a count is negative or a category null", REPAIR)
    absent = named.filter(~named.is_in(names.implode()))
    if len(absent) or names.n_unique() != len(names):
        reason = f"it lacks {absent[0]!r}" if len(absent) else "it contains a category twice"
        raise damaged(folder / "categories.parquet", reason, REPAIR)
    ids = named.replace_strict(names, codes)
    return Catalog(
        items=IdMap(table["id"], first=1, kind="item"),
        titles=table["title"],
        category_names=names.to_list(),
        category_indptr=np.concatenate([[0, 0], np.cumsum(lengths)]).astype(np.int64),
        category_ids=ids.to_numpy().astype(np.int32),
        count=np.concatenate([[0], table["count"].to_numpy()]).astype(np.int64),
        images=_read_images(folder / "items.parquet"),
        attributes=read_attributes(folder, len(table)),
    )


def _read_images(path: Path) -> pl.Series | None:
    """Return the column of pictures; None if the file has none, as in earlier versions."""
    if IMAGE not in pl.read_parquet_schema(path):
        return None
    images = pl.read_parquet(path, columns=[IMAGE])[IMAGE]
    if images.dtype != pl.String:
        raise damaged(path, f"its column {IMAGE} is {images.dtype}, not {pl.String()}", REPAIR)
    return images


def _table(path: Path, schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Read a table with these columns; raise DataError if a value is missing."""
    try:
        check_regular(path)
        table = pl.read_parquet(path, columns=list(schema))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise damaged(path, error, REPAIR) from error
    for name, dtype in schema.items():
        if table[name].dtype != dtype:
            raise damaged(path, f"its column {name} is {table[name].dtype}, not {dtype}", REPAIR)
        if table[name].null_count():
            raise damaged(
                path, f"its column {name} lacks {table[name].null_count()} values", REPAIR
            )
    return table


def _changed(folder: Path, files: str) -> DataError:
    return DataError(
        f"The data set {folder} does not match the fingerprint of its manifest: {files} was "
        "changed after it was written; prepare it again."
    )
