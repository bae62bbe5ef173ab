"""Checkpoints: a resumed run has the same result as a run without interruption.

    run/
      last.safetensors            weights, their averages, optimizer state; progress in the header
      best-step-35.safetensors    weights of the validation that was best when it was written

If tables are sharded, each process writes the rows that it has, and the header names these files:

      last-step-500-rows-0-6000000.safetensors

Each file is written under a temporary name and then renamed, so a run that is killed at any moment
leaves a complete file. The best weights are written first and have a name of their own: those that
``last.safetensors`` needs stay until the next one is written. Random numbers depend on the seed and
the step only, so their state is not saved. No pickle.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from prismrec.errors import DataError
from prismrec.io import describe_write_errors, read_header, read_tensors, save_tensors
from prismrec.models import Model
from prismrec.training.sharding import ShardedTables

LAST = "last.safetensors"
EVERY = 120.0
"""Seconds between two checkpoints, where validations do not write them more often."""
FACTOR = 20
"""Smallest time between two checkpoints, as a multiple of the time that writing one takes."""


@dataclass
class TrainingState:
    """The progress of a run."""

    step: int = 0
    """Steps so far."""
    best_step: int = 0
    """Steps when the validation metric was best; 0 without validation."""
    best: float | None = None
    """The best validation metric."""
    failures: int = 0
    """Validations since the best one."""
    seconds: float = 0.0
    """Training time, over all resumptions."""
    history: list[dict[str, float]] = field(default_factory=list)
    """One record per validation: step, loss, validation metric."""
    clusters: int = 0
    """The ``clusters`` of the objective, which may have been chosen before the first step."""
    begun: dict[str, Any] = field(default_factory=dict)
    """How the run began: see ``RunFolder``."""


@dataclass(frozen=True)
class RunFolder:
    """Where a run writes its checkpoints, and what they keep for the caller."""

    folder: Path | None
    """None writes none."""
    resume: bool = False
    """Continue from the checkpoint in the folder."""
    begun: Mapping[str, Any] = field(default_factory=dict)
    """How the run began, as JSON."""


class CheckpointTimer:
    """Decides when a checkpoint is due: a crash loses the steps since the last one."""

    def __init__(self) -> None:
        self.next = time.perf_counter() + EVERY

    @property
    def due(self) -> bool:
        """Whether a checkpoint should be written now."""
        return time.perf_counter() > self.next

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure how long a checkpoint takes, in the block; this decides on the next one."""
        began = time.perf_counter()
        yield
        ended = time.perf_counter()
        self.next = ended + max(EVERY, FACTOR * (ended - began))


@dataclass(frozen=True, eq=False)
class State:
    """What changes in a run, besides its progress."""

    model: Model
    optimizers: list[torch.optim.Optimizer]
    averages: Mapping[str, Tensor]
    """The averages of the weights, and the step of each row."""
    sharded: ShardedTables | None = None

    def tensors(self) -> dict[str, Tensor]:
        """Return all tensors by name: of the model, the averages and the optimizers."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"average.{name}": value for name, value in self.averages.items()}
        for number, optimizer in enumerate(self.optimizers):
            for index, state in optimizer.state_dict()["state"].items():
                for name, value in state.items():
                    tensors[f"optimizer.{number}.{index}.{name}"] = torch.as_tensor(value)
        return tensors

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Copy tensors of these names into model, averages and optimizers."""
        prefix = "model."
        weights = {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
        self.model.load_state_dict(weights)
        for name, value in self.averages.items():
            value.copy_(tensors[f"average.{name}"])
        for number, optimizer in enumerate(self.optimizers):
            whole = optimizer.state_dict()
            whole["state"] = {}
            for name, value in tensors.items():
                kind, *place = name.split(".")
                if kind == "optimizer" and int(place[0]) == number:
                    # SparseAdam counts its steps in an int; a float tensor would round them.
                    restored = value if value.is_floating_point() else value.item()
                    whole["state"].setdefault(int(place[1]), {})[place[2]] = restored
            optimizer.load_state_dict(whole)

    def with_rows(self, tensors: Mapping[str, Tensor]) -> list[str]:
        """Return the names of the tensors that have a row per item, if gradients are sparse."""
        own = {id(table.weight) for table in self.model.tables}
        tables = [name for name, value in self.model.named_parameters() if id(value) in own]
        # SparseAdam, for the tables, is the first optimizer.
        moments = [f"optimizer.0.{number}.exp_avg" for number in range(len(tables))]
        names = [f"model.{name}" for name in tables] + [f"average.{name}" for name in tables]
        names += [f"average.{name}.steps" for name in tables]
        names += moments + [f"{name}_sq" for name in moments]
        return [name for name in names if name in tensors]


def save_last(folder: Path, state: State, progress: TrainingState, fingerprint: str) -> None:
    """Write the whole state of a run to ``last.safetensors``; with shards, in every process."""
    tensors, sharded = state.tensors(), state.sharded
    header = {"progress": json.dumps(asdict(progress)), "fingerprint": fingerprint}
    files: list[str] = []
    if sharded:
        rows = {name: tensors.pop(name) for name in state.with_rows(tensors)}
        files = [_file_of(progress.step, *bounds) for bounds in sharded.every_bounds]
        header["shards"] = json.dumps(list(zip(files, sharded.every_bounds, strict=True)))
        save_tensors(folder / _file_of(progress.step, *sharded.bounds), rows, {})
        sharded.total(0)  # waits until all processes have written their rows
    if not sharded or sharded.processes.is_first:
        save_tensors(folder / LAST, tensors, header)
        _remove_others(folder, {*files, _best_file(progress.best_step)})


def prepare_folder(folder: Path) -> None:
    """Make the folder of a run, and remove the checkpoint of another run from it.

    Raises:
        DataError: It cannot be written, or is a file.
    """
    with describe_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / LAST).unlink(missing_ok=True)  # the first: it names the others
        _remove_others(folder, set())


def saved_progress(folder: Path) -> TrainingState | None:
    """Return the progress in ``last.safetensors``; None if there is no such file.

    Raises:
        DataError: It is damaged.
    """
    if not (folder / LAST).exists():
        return None
    return _progress_of(read_header(folder / LAST), folder)


def load_last(folder: Path, state: State, fingerprint: str) -> TrainingState:
    """Read ``last.safetensors`` into the state of a run; return the progress.

    Raises:
        DataError: The checkpoint or its best weights are missing or damaged, or of other settings
            or data, or of an earlier version.
    """
    tensors, header = read_tensors(folder / LAST)
    if header.get("fingerprint") != fingerprint:
        raise DataError(
            f"The checkpoint in {folder} belongs to a run with other settings or data; resume with "
            "the same settings and data, or use another folder."
        )
    bounds = state.sharded.bounds if state.sharded else (0, state.model.size)
    if "shards" in header:
        tensors |= _read_rows(folder, json.loads(header["shards"]), *bounds)
    elif state.sharded:
        tensors |= {name: tensors[name][slice(*bounds)] for name in state.with_rows(tensors)}
    if any(f"average.{name}" not in tensors for name in state.averages):
        raise DataError(
            f"The checkpoint in {folder} was written by an earlier version and lacks the steps of "
            "the averages; start again without --resume, or, if prismrec tune wrote this folder, "
            "remove it."
        )
    progress = _progress_of(header, folder)
    if progress.best is not None:
        _check_best(folder, progress.best_step, fingerprint)
    state.load(tensors)
    return progress


def _progress_of(header: Mapping[str, str], folder: Path) -> TrainingState:
    """Return the progress in the header of a checkpoint.

    Raises:
        DataError: It has other entries, so another version wrote it.
    """
    try:
        return TrainingState(**json.loads(header.get("progress", "{}")))
    except TypeError as error:
        raise DataError(
            f"The checkpoint in {folder} was written by another version; start again without "
            "--resume, or, if prismrec tune wrote this folder, remove it."
        ) from error


def _check_best(folder: Path, step: int, fingerprint: str) -> None:
    """Check that the best weights of a run are there.

    Raises:
        DataError: They are missing or damaged, or of another run.
    """
    path = folder / _best_file(step)
    found = read_header(path).get("fingerprint") if path.exists() else None
    if found != fingerprint:
        raise DataError(
            f"The checkpoint in {folder} lacks the weights of step {step}, which were the best "
            f"({path.name} {'is of another run' if path.exists() else 'is missing'}); start again "
            "without --resume, or, if prismrec tune wrote this folder, remove it."
        )


def _file_of(step: object, begin: object, end: object) -> str:
    return f"last-step-{step}-rows-{begin}-{end}.safetensors"


def _best_file(step: object) -> str:
    return f"best-step-{step}.safetensors"


def _remove_others(folder: Path, kept: set[str]) -> None:
    """Remove the files that ``last.safetensors`` does not need, and unfinished ones."""
    for name in (_file_of("*", "*", "*"), _best_file("*")):
        for path in folder.glob(f"{name}*"):
            if path.name not in kept:
                path.unlink()


def _read_rows(
    folder: Path, shards: list[tuple[str, tuple[int, int]]], begin: int, end: int
) -> dict[str, Tensor]:
    """Read the rows of some items from the files of all shards."""
    found: dict[str, list[Tensor]] = {}
    for file, (first, last) in shards:
        low, high = max(begin, first), min(end, last)
        if low < high:
            rows = slice(low - first, high - first)
            for name, value in read_tensors(folder / file, rows)[0].items():
                found.setdefault(name, []).append(value)
    return {name: torch.cat(parts) for name, parts in found.items()}


def save_best(folder: Path, model: nn.Module, step: int, fingerprint: str) -> None:
    """Write the weights of a validation that no earlier one is better than."""
    save_tensors(folder / _best_file(step), model.state_dict(), {"fingerprint": fingerprint})


def load_best(folder: Path, model: nn.Module, step: int) -> None:
    """Read the weights of the best validation into the model."""
    model.load_state_dict(read_tensors(folder / _best_file(step))[0])
