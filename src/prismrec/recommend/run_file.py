"""The settings of a training as TOML, which ``prismrec train --config`` reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import NoneType
from typing import Any, TypeGuard

import tomli_w

RUN_FILE = "run.toml"
FLAT = (str, int, float, NoneType)
"""Types of the settings of a run."""


def write_run(about: Mapping[str, Any], folder: Path) -> None:
    """Write the settings of the training of an artifact, if ``fit`` stated them.

    Args:
        about: The record of the recommender, as JSON.
        folder: Folder of the artifact.
    """
    run, start = about.get("run"), about.get("start")
    if not _has_settings(run):
        return
    if isinstance(start, Mapping):
        # What a warm start reuses it takes from the artifact: with true it would be chosen again.
        chosen_again = start.get("chosen_again") or ()
        reused = [name for name in ("forming", "rules") if name not in chosen_again]
        kept = {
            name: value for name, value in run.items() if name not in reused or value is not True
        }
        run = kept | ({"from": start["from"]} if isinstance(start.get("from"), str) else {})
    (folder / RUN_FILE).write_text(to_toml(run), encoding="utf-8")


def _has_settings(run: object) -> TypeGuard[Mapping[str, Any]]:
    """Return whether the settings of a run are as ``fit`` states them: flat, but for options."""
    return (
        isinstance(run, Mapping)
        and isinstance(run.get("options") or {}, Mapping)
        and all(isinstance(run[name], FLAT) for name in run if name != "options")
    )


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return settings as TOML that ``--config`` reads, without those that are None."""
    flags = {name: value for name, value in settings.items() if value is not None}
    options = flags.pop("options", {})
    if options:
        flags["set"] = [f"{name}={json.dumps(value)}" for name, value in options.items()]
    return tomli_w.dumps(flags)
