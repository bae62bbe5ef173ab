"""Checkpoints: a resumed run has the same result as a run without interruption.

    run/
      last.safetensors    weights, their averages, optimizer state; the progress in the header
      best.safetensors    weights of the best validation so far

Each file is written under a temporary name and then renamed, so a run that is killed at any moment
leaves a complete file. Random numbers depend on the seed and the step only, so their state is not
saved. No pickle.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from prismrec.errors import DataError
from prismrec.io import read_tensors, save_tensors

LAST, BEST = "last.safetensors", "best.safetensors"
EVERY = 120.0
"""Seconds between two checkpoints, where validations do not write them more often."""
FACTOR = 20
"""Smallest time between two checkpoints, as a multiple of the time that writing one takes."""


@dataclass
class Progress:
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


def save_last(
    folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer],
    progress: Progress, fingerprint: str, averages: Mapping[str, Tensor],
) -> None:  # fmt: skip
    """Write the whole state of a run to ``last.safetensors``."""
    tensors = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in averages.items()}
    for number, optimizer in enumerate(optimizers):
        for index, state in optimizer.state_dict()["state"].items():
            for name, value in state.items():
                tensors[f"optimizer.{number}.{index}.{name}"] = torch.as_tensor(value)
    header = {"progress": json.dumps(asdict(progress)), "fingerprint": fingerprint}
    save_tensors(folder / LAST, tensors, header)


def load_last(
    folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer], fingerprint: str,
    averages: Mapping[str, Tensor],
) -> Progress:  # fmt: skip
    """Read ``last.safetensors`` into model, averages and optimizers; return the progress.

    Raises:
        DataError: The checkpoint is missing or damaged, or has other settings or data, or is of an
            earlier version.
    """
    tensors, header = read_tensors(folder / LAST)
    if header.get("fingerprint") != fingerprint:
        raise DataError(
            f"The checkpoint in {folder} belongs to a run with other settings or data; resume with "
            "the same settings and data, or use another folder."
        )
    if any(f"average.{name}" not in tensors for name in averages):
        raise DataError(
            f"The checkpoint in {folder} was written by an earlier version and lacks the steps of "
            "the averages; start again without --resume."
        )
    prefix = "model."
    weights = {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)}
    model.load_state_dict(weights)
    for name, value in averages.items():
        value.copy_(tensors[f"average.{name}"])
    for number, optimizer in enumerate(optimizers):
        whole = optimizer.state_dict()
        whole["state"] = {}
        for name, value in tensors.items():
            kind, *place = name.split(".")
            if kind == "optimizer" and int(place[0]) == number:
                # SparseAdam counts its steps in an int; a float tensor would round them.
                restored = value if value.is_floating_point() else value.item()
                whole["state"].setdefault(int(place[1]), {})[place[2]] = restored
        optimizer.load_state_dict(whole)
    return Progress(**json.loads(header["progress"]))


def save_best(folder: Path, model: nn.Module) -> None:
    """Write the weights to ``best.safetensors``."""
    save_tensors(folder / BEST, dict(model.state_dict()), {})


def load_best(folder: Path, model: nn.Module) -> None:
    """Read ``best.safetensors`` into the model."""
    model.load_state_dict(read_tensors(folder / BEST)[0])
