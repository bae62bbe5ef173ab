"""``prismrec doctor``: is this installation, this data set, this artifact in order?"""

import importlib.metadata
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from prismrec import artifact
from prismrec.cli.show import show
from prismrec.cli.surroundings import surroundings
from prismrec.data import storage
from prismrec.errors import DataError
from prismrec.index.choose import real_queries, recall_of
from prismrec.index.exact import ExactIndex
from prismrec.recommender import Recommender, items_of

PACKAGES = ("torch", "numpy", "scipy", "polars", "pyarrow", "safetensors", "jaxtyping", "cyclopts")
EXTRAS = {
    "ann": ("faiss-cpu",),
    "dev": ("pytest",),
    "serve": ("fastapi", "uvicorn", "httptools", "orjson", "prometheus-client"),
    "stores": ("psycopg", "redis"),
    "tensorboard": ("tensorboard",),
}
PROBES = 50
"""Items, evenly over the catalog, of which the index is asked."""


def doctor(
    *folders: Path, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False
) -> None:
    """Check this installation, and the artifacts and data sets given; exits 2 if one is ill.

    Args:
        folders: Artifacts and data sets to read whole and to try.
        as_json: Print one JSON object.
    """
    versions = {"python": platform.python_version()} | {n: version(n) for n in PACKAGES}
    around = surroundings()
    extras = {name: extra(packages) for name, packages in EXTRAS.items()}
    found = {str(folder): check(folder) for folder in folders}
    value = {"versions": versions, "extras": extras, "machine": around["machine"]}
    lines = [f"{name:<12}{text}" for name, text in versions.items()]
    for name, text in extras.items():
        lines.append(
            f"extra {name}: {text or f'''absent: pip install 'prismrec[{name}]' '''}".rstrip()
        )
    lines += [f"machine     {around['machine']}"]
    lines += [f"{folder}: {told}" for folder, told in found.items()]
    show(value | {"folders": found}, lines, as_json=as_json)
    if any(told.startswith("ill: ") for told in found.values()):
        sys.exit(2)


def version(package: str) -> str:
    """Give the installed version of a package, "" if it is absent."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def extra(packages: Sequence[str]) -> str:
    """Give the versions of an extra's packages, "" if one is absent."""
    found = {package: version(package) for package in packages}
    return ", ".join(f"{name} {text}" for name, text in found.items()) * all(found.values())


def check(folder: Path) -> str:
    """Read an artifact or a data set whole, try it, and tell what was found."""
    try:
        kind = json.loads((folder / "manifest.json").read_text(encoding="utf-8")).get("format")
    except (OSError, ValueError) as error:
        return f"ill: no readable manifest.json ({error}); give an artifact or a data set folder."
    try:
        return _check_artifact(folder) if kind == artifact.FORMAT else _check_dataset(folder)
    except DataError as error:
        return f"ill: {error}"


def _check_artifact(folder: Path) -> str:
    recommender = artifact.load(folder)
    items = recommender.catalog.items.external([1])
    listed = recommender.recommend(items, k=min(10, len(recommender.catalog.items)))
    again = artifact.load(folder).recommend(items, k=min(10, len(recommender.catalog.items)))
    if listed != again:
        return "ill: loaded twice, it answered the same history with two lists; train again."
    held, wanted = len(recommender.index), len(recommender.catalog.items)
    if held != wanted:
        return f"ill: its index holds {held:,} of {wanted:,} items; train again."
    told = _recall(recommender)
    return f"well: {wanted:,} items, answers, and answers the same twice; index {told}"


def _recall(recommender: Recommender) -> str:
    """Measure the index against exact search, on the interests of histories of one item."""
    index = recommender.index
    if index.exact:
        return "exact"
    vectors, ids = items_of(recommender.model)
    probes = np.linspace(0, len(ids) - 1, min(PROBES, len(ids))).astype(np.int64)
    queries = recommender.interests_of([ids[[place]] for place in probes]).vectors
    asked = real_queries(queries.float().cpu().numpy())
    truth = ExactIndex.build(vectors, ids).search(asked, PROBES)
    recall = recall_of(index.search(asked, PROBES), truth)
    return f"{index.kind}, finds {100 * recall:.1f} % of the best {PROBES} on {len(probes)} probes"


def _check_dataset(folder: Path) -> str:
    dataset = storage.load_dataset(folder, verify=True)
    users, events = len(dataset.users), len(dataset.histories.items)
    return f"well: {users:,} users, {events:,} events, as its fingerprint says"
