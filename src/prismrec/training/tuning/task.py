"""What every part of a tuning needs: the data, the given settings, the folder and the progress."""

import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prismrec.data import Catalog, Split
from prismrec.training.checkpoint import LAST
from prismrec.training.config import TrainConfig
from prismrec.training.loop import Step
from prismrec.training.run_config import RunConfig
from prismrec.training.tuning.space import Settings

JOURNAL_FILE = "journal.log"
"""File by which the folder of a tuning is recognized."""
LOCKS, CHECKPOINTS, REPEATS = FOLDERS = ("locks", "checkpoints", "repeats")
"""Folders in the folder of a tuning; REPEATS has the results of the repeated runs."""
POLL = 0.5
"""Seconds between two looks at the work of other processes."""
OnStep = Callable[[Step], None]
Watch = Callable[[str], AbstractContextManager[OnStep]]
"""Returns a context for one training, by its name, that shows its progress."""


@dataclass(frozen=True, eq=False)
class Task:
    """The data, the given settings, the folder and the progress of a tuning."""

    split: Split
    catalog: Catalog
    config: RunConfig
    """As given, not resolved."""
    training: TrainConfig
    folder: Path
    watch: Watch
    """Shows one training."""
    note: Callable[[str], None]
    """Shows a line."""
    about: Mapping[str, Any]
    """What the results depend on, as in the journal: data and given settings, as JSON."""


@dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one training, so that it continues after an interruption."""

    folder: Path

    @property
    def exist(self) -> bool:
        """Whether there is one to continue from."""
        return (self.folder / LAST).exists()

    def remove(self) -> None:
        """Remove them after the training."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class TrialRecord:
    """One trial, as far as it is known."""

    number: int
    state: str
    """complete, pruned, failed or running."""
    settings: Settings
    value: float | None
    """Best validation metric of a complete trial; the last one of a pruned trial."""
    seconds: float | None
    reason: str = ""
    """Why a trial failed."""
