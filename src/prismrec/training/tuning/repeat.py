"""Repeated runs: the finalists and the default, trained completely with seeds of their own."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Case
from prismrec.errors import DataError, TrainingError
from prismrec.evaluation import evaluate_metric
from prismrec.io import atomic_file, duration
from prismrec.training.fit import fit
from prismrec.training.trained import Trained
from prismrec.training.tuning.decide import Tried
from prismrec.training.tuning.locks import FileLock
from prismrec.training.tuning.space import Settings, with_settings
from prismrec.training.tuning.task import CHECKPOINTS, LOCKS, POLL, REPEATS, Checkpoints, Task
from prismrec.training.validation import drawn_users, validation_metric


@dataclass(frozen=True)
class Repeat:
    """One run of some settings with one seed."""

    trial: int
    settings: Settings
    seed: int

    @property
    def name(self) -> str:
        """Name of its files."""
        return f"trial-{self.trial}-seed-{self.seed}"

    def path(self, folder: Path) -> Path:
        """Return the path of its result."""
        return folder / REPEATS / f"{self.name}.json"


@dataclass(frozen=True)
class RepeatResult:
    """What one run measured on the validation users."""

    metric: str
    values: list[float | None]
    """Of each user; None where the metric is undefined."""
    seconds: float
    notes: dict[str, str]
    """Sentences of ``fit``."""


def run_repeats(task: Task, repeats: Sequence[Repeat]) -> None:
    """Run what no process has run yet, and wait for the runs of other processes.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the run continues when it is started again.
    """
    while left := [each for each in repeats if not each.path(task.folder).exists()]:
        began = False
        for repeat in left:
            lock = FileLock(task.folder / LOCKS / repeat.name)
            if not lock.acquire(wait=False):
                continue
            try:
                if not repeat.path(task.folder).exists():
                    began = True
                    run_repeat(task, repeat)
                    task.note(repeat_line(task, repeat, repeats))
            finally:
                lock.release()
        if not began:
            time.sleep(POLL)


def run_repeat(task: Task, repeat: Repeat) -> None:
    """Train a recommender as ``prismrec train`` does, and measure it on the validation users.

    If the training cannot continue, the metric of each user is 0.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; a checkpoint is saved.
    """
    checkpoints = Checkpoints(task.folder / CHECKPOINTS / repeat.name)
    metric = validation_metric(task.config.validate_on, task.catalog.size - 1)
    cases, _ = drawn_users(task.split.valid, metric, seed=task.training.seed)
    began = time.perf_counter()
    try:
        trained = _train(task, repeat, checkpoints)
    except TrainingError as error:
        notes, values = {"failed": str(error)}, np.zeros(len(cases))
    else:
        notes, values = trained.notes, _values(trained, cases, metric)
    result = {
        "about": task.about,
        "metric": metric,
        "settings": repeat.settings,
        "seconds": round(time.perf_counter() - began, 1),
        "notes": notes,
        "values": [None if np.isnan(value) else float(value) for value in values],
    }
    with atomic_file(repeat.path(task.folder)) as temporary:
        temporary.write_text(json.dumps(result, ensure_ascii=False), encoding="utf-8")
    checkpoints.remove()


def _train(task: Task, repeat: Repeat, checkpoints: Checkpoints) -> Trained:
    config, training = with_settings(task.config, task.training, repeat.settings)
    with task.watch(f"trial {repeat.trial}, seed {repeat.seed}") as show:
        trained = fit(
            task.split,
            task.catalog,
            config,
            replace(training, seed=repeat.seed),
            folder=checkpoints.folder,
            resume=checkpoints.exist,
            on_step=show,
        )
    if trained.result.interrupted:
        raise KeyboardInterrupt
    return trained


def _values(trained: Trained, cases: Sequence[Case], metric: str) -> NDArray[np.float64]:
    """Return the metric of each user, on the lists that are served."""
    exclude_seen = trained.settings["exclude_seen"]
    recommend = partial(trained.recommender.ranked, exclude_seen=exclude_seen)
    return evaluate_metric(recommend, cases, metric).per_user[metric]


def check_results(folder: Path, about: Mapping[str, Any]) -> None:
    """Check that all results in a folder are of these data and given settings.

    Raises:
        DataError: One is not, or is damaged.
    """
    for path in sorted((folder / REPEATS).glob("*.json")):
        _read(path, {"about": about})


def read_result(task: Task, repeat: Repeat) -> RepeatResult:
    """Read what a run measured.

    Raises:
        DataError: The file is damaged, or of other data or settings.
    """
    metric = validation_metric(task.config.validate_on, task.catalog.size - 1)
    same = {"about": task.about, "metric": metric, "settings": repeat.settings}
    return _read(repeat.path(task.folder), same)


def _read(path: Path, same: Mapping[str, Any]) -> RepeatResult:
    """Read a result that must have some values; see ``read_result``."""
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
        differs = any(read.get(name) != value for name, value in same.items())
        values = [None if value is None else float(value) for value in read["values"]]
        result = RepeatResult(read["metric"], values, float(read["seconds"]), read["notes"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DataError(
            f"{path} cannot be read as the result of a run ({error}); remove it, and start the "
            "same command again."
        ) from error
    if differs:
        raise DataError(
            f"{path} is the result of a run with other data or settings, or of an earlier version; "
            f"give another folder, or remove {path.parent} and start the same command again: the "
            "repeated runs are then made again."
        )
    return result


def candidate(task: Task, repeats: Sequence[Repeat]) -> Tried:
    """Return what the runs of the same settings measured, one row per seed."""
    rows = [read_result(task, each).values for each in repeats]
    return Tried(repeats[0].trial, np.array(rows, dtype=np.float64))


def repeat_line(task: Task, repeat: Repeat, repeats: Sequence[Repeat]) -> str:
    """Return the line on a finished run: its result, and the time left."""
    done = [each for each in repeats if each.path(task.folder).exists()]
    results = [read_result(task, each) for each in done]
    own = read_result(task, repeat)
    mean = float(np.nanmean(np.array(own.values, dtype=np.float64)))
    line = f"trial {repeat.trial}, seed {repeat.seed}: {own.metric} {mean:.4f}"
    line += f"; {len(done)} of {len(repeats)} repeated runs"
    left = (len(repeats) - len(done)) * sum(each.seconds for each in results) / len(done)
    return line + (f", {duration(left)} left" if left else "")
