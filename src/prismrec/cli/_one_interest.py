"""The same model with one interest, which ``evaluate`` measures too: the folder NAME-k1.

A folder of this name may be of an earlier or of another training. Then it is no such model.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from prismrec.errors import DataError
from prismrec.evaluation import name_with_one_interest
from prismrec.recommend import check_same_split, entry_of, read_artifact_manifest

DIFFERS = {"interests", "forming", "disagreement", "routing_variance"}
"""Settings that ``with_one_interest`` changes, besides the clusters of the extractor."""


def folder_of_one_interest(folder: Path) -> Path:
    """Return the folder of the same model with one interest."""
    return folder.with_name(name_with_one_interest(folder.name))


def find_with_one_interest(
    artifacts: Sequence[Path], data: Path
) -> tuple[dict[Path, Path], list[str]]:
    """Return, per artifact, the same model with one interest, where there is one.

    Returns:
        The folders, and a sentence for each folder of such a name that is another model, unless it
        is one of the artifacts.
    """
    singles, sentences = {}, []
    for folder in artifacts:
        single = folder_of_one_interest(folder)
        if not single.is_dir():
            continue
        reason = reason_against(folder, single, data)
        if reason is None:
            singles[folder] = single
        elif single not in artifacts:
            sentences.append(
                f"{single.name} is left out, since it is not the same model as {folder.name} with "
                f"one interest: {reason}."
            )
    return singles, sentences


def reason_against(folder: Path, single: Path, data: Path) -> str | None:
    """Return why a folder is not the same model as another one with one interest; None if it is.

    Raises:
        DataError: ``folder`` cannot be read.
    """
    manifest = read_artifact_manifest(folder)
    try:
        other = read_artifact_manifest(single)
        check_same_split(single, data, other)
    except DataError as error:
        return str(error).removesuffix(".")
    if number_of_interests(manifest) == 1:
        return f"{folder.name} has one interest too"
    if number_of_interests(other) != 1:
        return f"{single.name} has several interests"
    own, others = settings_of(manifest), settings_of(other)
    if not own or not others:
        return "one of the two folders does not state the settings of its training"
    names = sorted(name for name in own | others if own.get(name) != others.get(name))
    return f"they were trained with other settings ({', '.join(names)})" if names else None


def number_of_interests(manifest: Mapping[str, Any]) -> int:
    """Return the number of trained interests; 0 if interests are formed from histories."""
    if manifest["model"].get("forming"):
        return 0
    return int(manifest["extractor"]["options"].get("interests", 0))


def settings_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that the same model with one interest has too; empty if not stated."""
    run = entry_of(manifest["about"], "run")
    if not run:
        return {}
    kept = {name: value for name, value in run.items() if name not in DIFFERS}
    if isinstance(options := run.get("options"), dict):
        kept["options"] = {name: value for name, value in options.items() if name != "clusters"}
    return kept | {"from": manifest["about"].get("start")}
