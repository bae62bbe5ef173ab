"""``prismrec doctor``: is this installation, this data set, this artifact in order?"""

import importlib.metadata
import json
import platform
import re
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from prismrec.cli._output import print_output
from prismrec.data import DATASET_FORMAT, load_dataset
from prismrec.errors import PrismrecError
from prismrec.evaluation import describe_environment
from prismrec.recommend import ARTIFACT_FORMAT, Recommender, load
from prismrec.retrieval import ExactIndex, real_queries, recall_of

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
    packages, optional = required(requirements())
    versions = {"python": platform.python_version()} | {n: version(n) for n in packages}
    around = describe_environment()
    extras = {name: extra(some) for name, some in optional.items()}
    found = {str(folder): check(folder) for folder in folders}
    value = {"versions": versions, "extras": extras, "machine": around["machine"]}
    lines = [f"{name:<14}{text or 'absent'}" for name, text in versions.items()]
    for name, text in extras.items():
        told = text or f"absent: pip install '.[{name}]' in a checkout"
        lines += textwrap.wrap(
            f"extra {name}: {told}", 80, subsequent_indent="    ", break_on_hyphens=False
        )
    lines += [f"machine       {around['machine']}"]
    lines += [f"{folder}: {told}" for folder, told in found.items()]
    print_output(value | {"folders": found}, lines, as_json=as_json)
    if any(told.startswith("ill: ") for told in found.values()):
        sys.exit(2)


def requirements() -> list[str]:
    """Give what this package asks for; nothing where its source runs without being installed."""
    try:
        return importlib.metadata.requires("prismrec") or []
    except importlib.metadata.PackageNotFoundError:
        return []


def required(asked: Sequence[str]) -> tuple[list[str], dict[str, list[str]]]:
    """Give the packages that are always needed, and those of each extra, on this system.

    Args:
        asked: Requirements as a package's metadata lists them: "redis>=5.2; extra == 'stores'".
    """
    always: list[str] = []
    extras: dict[str, list[str]] = {}
    for requirement in asked:
        name, _, condition = requirement.partition(";")
        package = re.split(r"[^\w.-]", name.strip(), maxsplit=1)[0]
        system = re.search(r"sys_platform == ['\"](.+?)['\"]", condition)
        if system and system[1] != sys.platform:
            continue
        extra = re.search(r"extra == ['\"](.+?)['\"]", condition)
        (extras.setdefault(extra[1], []) if extra else always).append(package)
    return always, extras


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
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return f"ill: no readable manifest.json ({error}); give an artifact or a data set folder."
    known = {ARTIFACT_FORMAT: _check_artifact, DATASET_FORMAT: _check_dataset}
    kind = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(kind, str) or kind not in known:
        return (
            "ill: its manifest.json is neither an artifact's nor a data set's; give a folder that "
            "'prismrec train' or 'prismrec prepare' made."
        )
    try:
        return known[kind](folder)
    except PrismrecError as error:
        return f"ill: {error}"


def _check_artifact(folder: Path) -> str:
    recommender = load(folder)
    items = recommender.catalog.items.external([1])
    listed = recommender.recommend(items, k=min(10, len(recommender.catalog.items)))
    again = load(folder).recommend(items, k=min(10, len(recommender.catalog.items)))
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
    model = recommender.model
    vectors, ids = model.vectors_as_numpy(), np.arange(1, model.size)
    probes = np.linspace(0, len(ids) - 1, min(PROBES, len(ids))).astype(np.int64)
    queries = model.interests_of([ids[[place]] for place in probes]).vectors
    asked = real_queries(queries.float().cpu().numpy())
    truth = ExactIndex.build(vectors, ids).search(asked, PROBES)
    recall = recall_of(index.search(asked, PROBES), truth)
    return f"{index.kind}, finds {100 * recall:.1f} % of the best {PROBES} on {len(probes)} probes"


def _check_dataset(folder: Path) -> str:
    dataset = load_dataset(folder, verify=True)
    users, events = len(dataset.users), len(dataset.histories.items)
    return f"well: {users:,} users, {events:,} events, as its fingerprint says"
