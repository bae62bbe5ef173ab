"""What a checkpoint knows of its run besides the state of the loop: how the run began.

The weights of a checkpoint do not show how the initial ones were made, nor what a validation
measured. So these settings are kept next to them, with those that were chosen before the first
step: a resumed run states them in its record, and is refused if it asks for others.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from prismrec.errors import DataError
from prismrec.training.run_config import RunConfig

BEGUN_WITH = ("init", "init_clusters", "validate_on", "exclude_seen", "forming")
"""Settings of the initial weights and of the validations, which a resumed run must have too."""
START = "start from"
"""Name of the hash of the artifact of a warm start, next to the settings."""
SENTENCE = "sentence"
"""Name of the sentence on the initial weights, next to the settings."""


@dataclass(frozen=True)
class Beginning:
    """How a run began."""

    config: RunConfig
    """With ``init_clusters``, if it was chosen."""
    sentence: str | None
    """On the initial weights."""
    start: Mapping[str, Any]
    """The record of a warm start; empty otherwise."""

    def as_json(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it."""
        settings = {name: getattr(self.config, name) for name in BEGUN_WITH}
        return settings | {START: self.start.get("artifact"), SENTENCE: self.sentence}

    def resumed(self, kept: Mapping[str, Any], folder: Path) -> "Beginning":
        """Return the beginning of the run that is continued.

        Args:
            kept: ``as_json`` of that run; empty in a checkpoint of an earlier version.
            folder: Folder of the checkpoint, for messages.

        Raises:
            DataError: It began with other settings.
        """
        if not kept:
            return self
        own, open_ = self.as_json(), {SENTENCE}
        if self.config.init_clusters is None:  # to be chosen: the run has chosen it
            open_.add("init_clusters")
        for name, value in kept.items():
            if name not in open_ and own.get(name) != value:
                raise DataError(
                    f"The checkpoint in {folder} belongs to a run with {name} {_shown(value)}, but "
                    f"{name} {_shown(own.get(name))} was asked for; resume with the same settings, "
                    "or start again without --resume."
                )
        config = replace(self.config, init_clusters=kept.get("init_clusters"))
        return replace(self, config=config, sentence=self.sentence or kept.get(SENTENCE))


def _shown(value: object) -> str:
    """Return a setting as it is written in files; only a start may be None."""
    if value is None:
        return "no artifact"
    return str(value).lower() if isinstance(value, bool) else str(value)
