"""The settings of a training as TOML, which ``prismrec train --config`` reads."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w

RUN_FILE = "run.toml"


def write_run(about: Mapping[str, Any], folder: Path) -> None:
    """Write the settings of the training of an artifact, if they are stated.

    Args:
        about: The part of this name of the manifest.
        folder: Folder of the artifact.
    """
    run, start = about.get("run"), about.get("start")
    if not isinstance(run, Mapping):
        return
    if isinstance(start, Mapping):
        # What a warm start reuses it takes from the artifact: with true it would be chosen again.
        reused = {"forming", "rules"} - {*start.get("chosen_again", ())}
        kept = {
            name: value for name, value in run.items() if name not in reused or value is not True
        }
        run = kept | ({"from": start["from"]} if "from" in start else {})
    (folder / RUN_FILE).write_text(to_toml(run), encoding="utf-8")


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return settings as TOML that ``--config`` reads, without those that are None."""
    flags = {name: value for name, value in settings.items() if value is not None}
    options = flags.pop("options", {})
    if options:
        flags["set"] = [f"{name}={json.dumps(value)}" for name, value in options.items()]
    return tomli_w.dumps(flags)
