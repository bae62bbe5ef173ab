"""A run on disk, from which it continues as if it had never stopped.

    run/
      last.safetensors    weights, their averages, optimizer moments; which step in the header
      best.safetensors    weights of the best validation so far

Each file is written beside its place and renamed into it, so that a run killed at any moment
leaves the last whole one. What is drawn at random comes from the seed and the step, so nothing
of it needs saving. No pickle.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from prismrec.errors import DataError
from prismrec.io import read_tensors, save_tensors

LAST, BEST = "last.safetensors", "best.safetensors"


@dataclass
class Progress:
    """Where a run is."""

    step: int = 0
    """Steps done."""
    best_step: int = 0
    """Steps done when the validation metric was best; 0 if there was no validation."""
    best: float | None = None
    """The best validation metric."""
    failures: int = 0
    """Validations since then."""
    seconds: float = 0.0
    """Spent training, over all sittings."""
    history: list[dict[str, float]] = field(default_factory=list)
    """One record a validation: step, loss, validation metric."""


def save_last(
    folder: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer],
    progress: Progress, fingerprint: str, averages: Mapping[str, Tensor],
) -> None:  # fmt: skip
    """Save all that the run needs to go on from here."""
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
    """Put model, averages and optimizers back where ``save_last`` left them.

    Raises:
        DataError: The checkpoint is unreadable or belongs to a run with other settings or data.
    """
    tensors, header = read_tensors(folder / LAST)
    if header.get("fingerprint") != fingerprint:
        raise DataError(
            f"The checkpoint in {folder} is of a run with other settings or data; resume with the "
            "same ones, or train into another folder."
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
                # SparseAdam counts its steps in an int: as a tensor they would round otherwise.
                kept = value if value.is_floating_point() else value.item()
                whole["state"].setdefault(int(place[1]), {})[place[2]] = kept
        optimizer.load_state_dict(whole)
    return Progress(**json.loads(header["progress"]))


def save_best(folder: Path, model: nn.Module) -> None:
    """Save the weights of the best validation so far."""
    save_tensors(folder / BEST, dict(model.state_dict()), {})


def load_best(folder: Path, model: nn.Module) -> None:
    """Put the best weights into the model."""
    model.load_state_dict(read_tensors(folder / BEST)[0])
