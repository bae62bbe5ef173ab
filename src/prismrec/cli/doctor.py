"""``prismrec doctor``: check this installation, artifacts and data sets."""

import importlib.metadata
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from packaging.requirements import Requirement

from prismrec.cli._extensions import ClassFlags
from prismrec.cli._headings import AsJson
from prismrec.cli._output import print_output, wrapped
from prismrec.data import DATASET_FORMAT, load_dataset
from prismrec.errors import PrismrecError
from prismrec.evaluation import describe_environment
from prismrec.recommend import ARTIFACT_FORMAT, Recommender
from prismrec.retrieval import ExactIndex, real_queries, recall_of

PROBES = 50
"""Number of items, evenly spread over the catalog, whose nearest items test the index."""
OK, FAILED = "OK: ", "FAILED: "


def doctor(
    *folders: Path,
    classes: Annotated[ClassFlags, Parameter(name="*")] = ClassFlags(),  # noqa: B008
    as_json: AsJson = False,
) -> None:
    """Check this installation, and artifacts and data sets if you name some.

    Exits with code 2 if a folder fails.

    Args:
        folders: Artifacts and data sets to read whole and to test.
        classes: Classes of the artifacts that are not built in.
        as_json: Print one JSON object.
    """
    always, optional = requirements()
    versions = {"python": platform.python_version()} | {name: version(name) for name in always}
    machine = describe_environment()["machine"]
    extras = {name: versions_of_extra(packages) for name, packages in optional.items()}
    results = {str(folder): check(folder, classes) for folder in folders}
    value = {"versions": versions, "extras": extras, "machine": machine, "folders": results}
    lines = [f"{name:<14}{text or 'not installed'}" for name, text in versions.items()]
    for name, text in extras.items():
        status = text or f"not installed: pip install 'prismrec[{name}]'"
        lines.append(wrapped(f"extra {name}: {status}", indent="    "))
    lines += [f"machine       {machine}"]
    lines += [f"{folder}: {result}" for folder, result in results.items()]
    print_output(value, lines, as_json=as_json)
    if any(result.startswith(FAILED) for result in results.values()):
        sys.exit(2)


def requirements() -> tuple[list[str], dict[str, list[str]]]:
    """Return the packages that this package always needs, and those of each extra.

    Both are empty if the source runs without being installed.
    """
    try:
        metadata = importlib.metadata.metadata("prismrec")
    except importlib.metadata.PackageNotFoundError:
        return [], {}
    texts = metadata.get_all("Requires-Dist") or []
    return required(texts), {
        extra: required(texts, extra) for extra in metadata.get_all("Provides-Extra") or []
    }


def required(texts: Sequence[str], extra: str = "") -> list[str]:
    """Return the names of the packages that are always needed, or needed for one extra only.

    Args:
        texts: Requirements as the metadata of a package has them: "redis>=5.2; extra == 'stores'".
            Requirements of other operating systems are left out.
        extra: The extra.
    """
    names = []
    for requirement in map(Requirement, texts):
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        if always != bool(extra) and (always or (marker and marker.evaluate({"extra": extra}))):
            names.append(requirement.name)
    return names


def version(package: str) -> str:
    """Return the installed version of a package, "" if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def versions_of_extra(packages: Sequence[str]) -> str:
    """Return the versions of the packages of an extra, "" if one is not installed."""
    versions = {package: version(package) for package in packages}
    return ", ".join(f"{name} {text}" for name, text in versions.items()) * all(versions.values())


def check(folder: Path, classes: ClassFlags = ClassFlags()) -> str:  # noqa: B008 -- frozen
    """Read an artifact or a data set whole, test it, and return the result as a sentence."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or error
        return (
            f"{FAILED}no readable manifest.json ({reason}); name an artifact or a data set folder."
        )
    kind = manifest.get("format") if isinstance(manifest, dict) else None
    try:
        if kind == ARTIFACT_FORMAT:
            return _check_artifact(folder, classes)
        if kind == DATASET_FORMAT:
            return _check_dataset(folder)
    except PrismrecError as error:
        return f"{FAILED}{error}"
    return (
        f"{FAILED}the manifest.json is neither of an artifact nor of a data set; name a folder "
        "made by 'prismrec train' or 'prismrec prepare'."
    )


def _check_artifact(folder: Path, classes: ClassFlags) -> str:
    recommender = classes.load(folder)
    size = len(recommender.catalog.items)
    history = recommender.catalog.items.external([1])
    first = recommender.recommend(history, k=min(10, size))
    second = classes.load(folder).recommend(history, k=min(10, size))
    if first != second:
        return f"{FAILED}loaded twice, it returned two lists for the same history; train again."
    indexed = len(recommender.index)
    if indexed != size:
        return f"{FAILED}its index has {indexed:,} of {size:,} items; train again."
    index = _recall(recommender)
    return f"{OK}{size:,} items; the same history gets the same list again; index {index}"


def _recall(recommender: Recommender) -> str:
    """Measure the recall of the index against exact search, with histories of one item."""
    index = recommender.index
    if index.exact:
        return "exact"
    model = recommender.model
    vectors, ids = model.vectors_as_numpy(), np.arange(1, model.size)
    probes = np.linspace(0, len(ids) - 1, min(PROBES, len(ids))).astype(np.int64)
    interests = model.interests_of([ids[[place]] for place in probes]).vectors
    queries = real_queries(interests.float().cpu().numpy())
    truth = ExactIndex.build(vectors, ids).search(queries, PROBES)
    recall = recall_of(index.search(queries, PROBES), truth)
    return f"{index.kind}, recall@{PROBES} {100 * recall:.1f} % against exact search"


def _check_dataset(folder: Path) -> str:
    dataset = load_dataset(folder, verify=True)
    users, events = len(dataset.users), len(dataset.histories.items)
    return f"{OK}{users:,} users, {events:,} events; the contents match the fingerprint"
