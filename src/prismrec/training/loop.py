"""Training, from top to bottom: batch, interests, loss, step; validate, keep the best.

    result = train(model, split.train, TrainConfig(epochs=10), validate=lambda: recall())

What varies comes in as a value: the objective (loss, readout, negatives, regularizers), a
``validate`` that gives one number, higher being better, and an ``on_step`` that is told what
happened. The model is left with its best weights.
"""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from prismrec.data import Batches, Histories
from prismrec.errors import ConfigError, DataError, TrainingError
from prismrec.models import Model
from prismrec.training.checkpoint import (
    LAST,
    Progress,
    load_best,
    load_last,
    save_best,
    save_last,
)
from prismrec.training.config import EPOCHS, PATIENCE, RATE, TrainConfig
from prismrec.training.ema import ExponentialMovingAverage
from prismrec.training.fingerprint import fingerprint
from prismrec.training.interrupt import interrupt_noted
from prismrec.training.objective import Objective, compute
from prismrec.training.optimizers import clip, optimizers_of
from prismrec.types import Batch


@dataclass(frozen=True)
class Step:
    """What ``on_step`` is told after each step."""

    step: int
    steps: int
    losses: dict[str, float]
    pairs: int
    """Training pairs of this step."""
    rate: float
    """Learning rate of this step."""
    validation: float | None
    """The validation metric, at steps that end with a validation."""


@dataclass(frozen=True)
class TrainResult:
    """What a run came to."""

    steps: int
    best_step: int
    best: float | None
    """The validation metric of the weights that the model now has."""
    history: list[dict[str, float]]
    seconds: float
    """Spent training and validating, over all sittings."""
    pairs_per_second: float
    """Training pairs over the time of the steps alone, in this sitting."""
    interrupted: bool
    """True after Ctrl-C; the checkpoint, if one was asked for, is usable."""


def train(
    model: Model,
    histories: Histories,
    config: TrainConfig,
    objective: Objective | None = None,
    *,
    validate: Callable[[], float] | None = None,
    on_step: Callable[[Step], None] | None = None,
    folder: Path | None = None,
    resume: bool = False,
) -> TrainResult:
    """Train a model in place.

    Args:
        model: Left in evaluation mode, with the weights of the best validation, or the last
            ones where there is no ``validate``, and folded (see ``Model.merge_category_embeddings``).
        histories: Whole training histories.
        config: How.
        objective: What is minimised; softmax over the whole catalog, lse readout, by default.
        validate: Gives the metric to be raised; called with the model in evaluation mode.
        on_step: Told of every step.
        folder: Where checkpoints go: at each validation, at the end, and at Ctrl-C.
        resume: Go on from the folder's checkpoint, to the very result of an unbroken run.

    Raises:
        ConfigError: ``resume`` without a folder; ``sparse`` with every item a negative.
        DataError: An item beyond the model's catalog, a checkpoint of another run.
        TrainingError: The loss is not a number: says step, seed, longest weights, way back. The
            validation metric is not.
    """
    if resume and folder is None:
        raise ConfigError("resume was asked for without a folder; give the run's folder.")
    objective = objective or Objective()
    _check_gradients(config, objective)
    _check_items(model, histories)
    device = pick_device(config)
    model.to(device)
    run = Run(model, histories, config, objective, folder, device)
    if resume and folder is not None:
        run.progress = load_last(folder, model, run.optimizers, run.identity, run.averages)
    elif folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    with interrupt_noted() as interrupted:
        while run.goes_on and not interrupted.is_set():
            losses, pairs, rate = run.step()
            due = run.progress.step % run.every == 0 or run.progress.step == run.steps
            validation = run.validate(validate, losses["loss"]) if validate and due else None
            if due:
                run.save()
            if on_step:
                on_step(Step(run.progress.step, run.steps, losses, pairs, rate, validation))
        if interrupted.is_set():
            run.save()
    return run.result(interrupted=interrupted.is_set())


class Run:
    """One sitting of a run: what its steps share."""

    def __init__(
        self,
        model: Model,
        histories: Histories,
        config: TrainConfig,
        objective: Objective,
        folder: Path | None,
        device: torch.device,
    ) -> None:
        self.model, self.config, self.objective = model, config, objective
        for table in model.tables:
            table.sparse = bool(config.sparse)
        self.folder, self.device, self.progress = folder, device, Progress()
        self.batches = Batches(
            histories,
            max_len=model.extractor.max_len,
            batch_size=config.batch_size,
            targets=config.targets,
            horizon=1 if config.horizon is None else config.horizon,
            seed=config.seed,
        )
        self.steps = config.steps or (config.epochs or EPOCHS) * len(self.batches)
        self.every = config.validate_every or len(self.batches)
        self.optimizers = optimizers_of(model, config)
        self.identity = fingerprint(model, histories, config, objective)
        self.best_weights: dict[str, Tensor] = {}
        self.ema = ExponentialMovingAverage(model, config.ema_decay) if config.ema_decay else None
        self.pairs, self.stepping, self.began = 0, 0.0, time.perf_counter()

    @property
    def averages(self) -> dict[str, Tensor]:
        """The averages, if they are kept."""
        return self.ema.weights if self.ema else {}

    @property
    def goes_on(self) -> bool:
        """Tell whether there are steps left and patience for them."""
        within = self.progress.failures < (self.config.patience or PATIENCE)
        return within and self.progress.step < self.steps

    def step(self) -> tuple[dict[str, float], int, float]:
        """Take one step: give its losses, its training pairs and its learning rate."""
        began, step = time.perf_counter(), self.progress.step
        batch = _on_device(self.batches.at(step), self.device)
        rate = self.config.rate_at(step, self.steps)
        self.model.train()
        with torch.random.fork_rng([self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(seed_of(self.config.seed, 3, step))  # dropout
            generator = torch.Generator().manual_seed(seed_of(self.config.seed, 4, step))
            bf16 = self.config.precision == "bf16"
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
                loss, losses = compute(self.model, batch, self.objective, generator)
            loss.backward()  # type: ignore[no-untyped-call]
        length = clip(self.model, self.config.clip)
        if not (np.isfinite(losses["loss"]) and np.isfinite(length)):
            raise self._not_a_number(step, losses)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step = step + 1
        if self.ema:
            self.ema.update(step + 1)
        pairs = int((batch.target != 0).sum())
        self.pairs, self.stepping = self.pairs + pairs, self.stepping + time.perf_counter() - began
        return losses, pairs, rate

    def validate(self, validate: Callable[[], float], loss: float) -> float:
        """Ask for the metric and keep the weights if it is the best so far."""
        with self.ema.in_place() if self.ema else nullcontext():
            return self._validated(validate, loss)

    def _validated(self, validate: Callable[[], float], loss: float) -> float:
        self.model.eval()
        with torch.no_grad():
            value = float(validate())
        progress = self.progress
        if not np.isfinite(value):
            raise TrainingError(
                f"Validation after step {progress.step} gave {value}, which no later one can be "
                "compared with; give a finite number from validate, higher being better."
            )
        progress.history.append({"step": progress.step, "loss": loss, "validation": value})
        if progress.best is None or value > progress.best:
            progress.best, progress.best_step, progress.failures = value, progress.step, 0
            self.best_weights = {n: v.clone() for n, v in self.model.state_dict().items()}
            if self.folder:
                save_best(self.folder, self.model)
        else:
            progress.failures += 1
        return value

    def save(self) -> None:
        """Write the checkpoint, if one was asked for."""
        now = time.perf_counter()
        self.progress.seconds, self.began = self.progress.seconds + now - self.began, now
        if self.folder:
            save_last(
                self.folder, self.model, self.optimizers,
                self.progress, self.identity, self.averages,
            )  # fmt: skip

    def result(self, *, interrupted: bool) -> TrainResult:
        """Leave the model with its best weights, and sum up."""
        progress = self.progress
        if self.best_weights:
            self.model.load_state_dict(self.best_weights)
        elif progress.best is not None and self.folder:
            load_best(self.folder, self.model)  # made before this sitting
        elif self.ema:
            self.ema.copy_to_model()
        self.model.merge_category_embeddings()
        self.model.eval()
        return TrainResult(
            steps=progress.step,
            best_step=progress.best_step or progress.step,
            best=progress.best,
            history=progress.history,
            seconds=progress.seconds + time.perf_counter() - self.began,
            pairs_per_second=self.pairs / self.stepping if self.stepping else 0.0,
            interrupted=interrupted,
        )

    def _not_a_number(self, step: int, losses: dict[str, float]) -> TrainingError:
        lengths = {n: float(p.detach().norm()) for n, p in self.model.named_parameters()}
        longest = sorted(lengths, key=lambda name: -np.nan_to_num(lengths[name], nan=np.inf))[:3]
        named = ", ".join(f"{name} {lengths[name]:.3g}" for name in longest)
        kept = self.folder is not None and (self.folder / LAST).exists()
        way = f"resume from {self.folder}" if kept else "start again"
        return TrainingError(
            f"Step {step} (seed {self.config.seed}) gave losses {losses} or a gradient that is not "
            f"a number; longest weights: {named}; lower learning_rate "
            f"({self.config.learning_rate or RATE}) or clip ({self.config.clip}) and {way}."
        )


def pick_device(config: TrainConfig) -> torch.device:
    """Give the device that ``config`` asks for.

    Raises:
        ConfigError: CUDA was asked for where there is none.
    """
    there = torch.cuda.is_available()
    if config.device == "cuda" and not there:
        raise ConfigError("device is 'cuda', but this machine has none torch can use; set 'cpu'.")
    return torch.device("cpu" if config.device == "cpu" or not there else "cuda")


def seed_of(seed: int, purpose: int, step: int) -> int:
    """Derive a seed for one purpose and step, unlike that of any other."""
    return int(np.random.SeedSequence([seed, purpose, step]).generate_state(1)[0])


def _check_gradients(config: TrainConfig, objective: Objective) -> None:
    """Refuse what SparseAdam would fail at in the middle of a step."""
    if config.sparse and objective.negatives is None:
        raise ConfigError(
            "Gradients of the items that a step reads were asked for (sparse), but with every item "
            "a negative each step reads them all; sample negatives, or leave sparse out."
        )


def _check_items(model: Model, histories: Histories) -> None:
    """Refuse item numbers that the model has no vector for, before any reaches a kernel."""
    items = histories.items
    if len(items) and not (items.min() >= 1 and items.max() < model.size):
        wrong = int(items.max()) if items.max() >= model.size else int(items.min())
        raise DataError(
            f"A training history holds item number {wrong}, but the model has vectors for 1 to "
            f"{model.size - 1}; make the model with the data set's own catalog size."
        )


def _on_device(arrays: tuple[NDArray[np.int64], NDArray[np.int64]], device: torch.device) -> Batch:
    history, target = (torch.from_numpy(array).to(device) for array in arrays)
    return Batch(history, history != 0, target)
