"""One run of training: its state, its steps, its validations and its result."""

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from prismrec.data import BatchArrays, Batches, Histories
from prismrec.errors import ConfigError, TrainingError
from prismrec.models import Model
from prismrec.training.checkpoint import (
    LAST,
    CheckpointTimer,
    State,
    TrainingState,
    load_best,
    load_last,
    save_best,
    save_last,
)
from prismrec.training.config import EPOCHS, PATIENCE, RATE, TrainConfig
from prismrec.training.ema import ExponentialMovingAverage
from prismrec.training.fingerprint import fingerprint
from prismrec.training.negatives import draw_negatives
from prismrec.training.objective import Objective, compute_loss, with_relative_weights
from prismrec.training.optimizers import clip_gradients, make_optimizers
from prismrec.training.processes import ALONE, Processes
from prismrec.training.result import TrainResult
from prismrec.training.seeding import seeded
from prismrec.training.sharding import ShardedTables, is_sharded
from prismrec.types import Batch


class Run:
    """A run, from its start or from a checkpoint: the state that its steps share."""

    def __init__(
        self,
        model: Model,
        histories: Histories,
        config: TrainConfig,
        objective: Objective,
        *,
        folder: Path | None,
        device: torch.device,
        processes: Processes = ALONE,
    ) -> None:
        self.processes = processes
        self.model, self.config, self.objective = model, config, objective
        self.identity = fingerprint(model, histories, config, objective)
        self.sharded = None
        if is_sharded(config, model.size - 1, processes):
            self.sharded = ShardedTables(model, processes)
        for table in model.tables:
            table.sparse = bool(config.sparse)
        self.folder, self.device = folder, device
        self.progress = TrainingState(clusters=objective.clusters)
        self.batches = Batches(
            histories,
            max_len=model.extractor.max_len,
            batch_size=config.batch_size,
            targets=config.targets,
            horizon=1 if config.horizon is None else config.horizon,
            seed=config.seed,
            dislikes=objective.dislikes,
        )
        self.steps = config.steps or (config.epochs or EPOCHS) * len(self.batches)
        self.every = config.validate_every or len(self.batches)
        self.optimizers = make_optimizers(model, config)
        self.best_weights: dict[str, Tensor] = {}
        self.tables = [table.weight for table in model.tables] if config.sparse else []
        self.ema = None
        if config.ema_decay:
            self.ema = ExponentialMovingAverage(model, config.ema_decay, sparse=self.tables)
        self.pairs, self.stepping, self.began = 0, 0.0, time.perf_counter()
        self.timer = CheckpointTimer()

    @property
    def state(self) -> State:
        """What a checkpoint keeps, besides the progress."""
        averages = self.ema.state if self.ema else {}
        return State(self.model, self.optimizers, averages, self.sharded)

    @property
    def can_continue(self) -> bool:
        """Whether steps are left and early stopping has not ended the run."""
        patient = self.progress.failures < (self.config.patience or PATIENCE)
        return patient and self.progress.step < self.steps

    def step(self) -> tuple[dict[str, float], int, float]:
        """Run one step; return its losses, number of training pairs and learning rate."""
        began, step = time.perf_counter(), self.progress.step
        batch = with_relative_weights(_on_device(self.batches.at(step), self.device))
        rate = self.config.rate_at(step, self.steps)
        self.model.train()
        with seeded(derive_seed(self.config.seed, 3, step, *self._number), self.device):  # dropout
            generator = torch.Generator().manual_seed(derive_seed(self.config.seed, 4, step))
            losses = self._compute_gradients(batch, generator)
        norm = clip_gradients(self.model, self.config.clip, self._total)
        if not (np.isfinite(losses["loss"]) and np.isfinite(norm)):
            raise self._not_finite(step, losses)
        if self.ema:
            for table in self.tables:
                if table.grad is not None:
                    self.ema.catch_up(step, table, table.grad.indices()[0])
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.progress.step = step + 1
        if self.ema:
            self.ema.update(step + 1)
        pairs = _pairs_of(batch)
        self.pairs, self.stepping = self.pairs + pairs, self.stepping + time.perf_counter() - began
        return losses, pairs, rate

    @property
    def _number(self) -> tuple[int, ...]:
        """The number of this process, unless it is the first."""
        return () if self.processes.is_first else (self.processes.rank,)

    def _compute_gradients(self, batch: Batch, generator: torch.Generator) -> dict[str, float]:
        """Compute the gradients of the whole batch; return its losses.

        Each process computes the loss of its part, times its share of the pairs.
        """
        part, objective, share = batch, self.objective, 1.0
        if self.processes.count > 1 or self.sharded:
            part, objective = self._part_of(batch, generator)
            share = _pairs_of(part) / max(_pairs_of(batch), 1)
        objective = objective.at(self.progress.step)
        losses = dict.fromkeys(("loss", *objective.regularizers), 0.0)
        if self.sharded:
            self.sharded.fetch(batch, objective)
        if share:
            bf16 = self.config.precision == "bf16"
            with torch.autocast(self.device.type, torch.bfloat16, enabled=bf16):
                loss, losses = compute_loss(self.model, part, objective, generator)
            (loss * share if share < 1 else loss).backward()  # type: ignore[no-untyped-call]
        if self.sharded:
            self.sharded.sum_gradients()
        else:
            self.processes.sum_gradients(self.model, self.tables)
        shared = [value * share for value in losses.values()]
        return dict(zip(losses, self.processes.sums(shared, self.device), strict=True))

    def _part_of(self, batch: Batch, generator: torch.Generator) -> tuple[Batch, Objective]:
        """Return the rows of this process, and the objective with the negatives of the batch."""
        objective, part = self.objective, self.processes.part_of_batch(batch)
        if objective.negatives:
            targets = batch.target[batch.target != 0]
            drawn = draw_negatives(objective.negatives, generator, targets, self.model.size)
            objective = replace(objective, negatives=lambda *_: drawn)
        return part, objective

    def validate(self, validate: Callable[[], float], loss: float) -> float:
        """Compute the validation metric; keep the weights if no earlier ones are better.

        Of equal values the last one counts: a metric that cannot distinguish weights must not
        choose those that are trained least, nor end the training.
        """
        with (
            self.ema.applied() if self.ema else nullcontext(),
            self.sharded.whole() if self.sharded else nullcontext(),
        ):
            return self._validated(validate, loss)

    def _validated(self, validate: Callable[[], float], loss: float) -> float:
        """Validate the weights that the model has now."""
        self.model.eval()
        with torch.no_grad():
            value = float(validate())
        progress = self.progress
        if not np.isfinite(value):
            raise TrainingError(
                f"Validation after step {progress.step} returned {value}, which is not a finite "
                "number; return a finite number from validate, higher is better."
            )
        progress.history.append({"step": progress.step, "loss": loss, "validation": value})
        if progress.best is None or value >= progress.best:
            if progress.best is None or value > progress.best:
                progress.failures = 0
            progress.best, progress.best_step = value, progress.step
            if self.processes.is_first:
                if self.folder:
                    save_best(self.folder, self.model, progress.step, self.identity)
                if not (self.folder and self.sharded):  # a copy of large tables is only on disk
                    self.best_weights = {n: v.clone() for n, v in self.model.state_dict().items()}
        else:
            progress.failures += 1
        return value

    @property
    def _total(self) -> Callable[[float], float] | None:
        """Sums a number over all shards; None if tables are whole."""
        return self.sharded.total if self.sharded else None

    @property
    def is_checkpoint_due(self) -> bool:
        """Whether some time has passed since the last checkpoint; equal in all processes."""
        due = self.timer.due
        return self.sharded.total(due and self.processes.is_first) > 0 if self.sharded else due

    def save(self) -> None:
        """Write a checkpoint, if the run has a folder."""
        now = time.perf_counter()
        self.progress.seconds, self.began = self.progress.seconds + now - self.began, now
        with self.timer.writing():
            if self.folder and (self.processes.is_first or self.sharded):
                save_last(self.folder, self.state, self.progress, self.identity)

    def restore(self, folder: Path) -> None:
        """Read the checkpoint of a folder.

        Raises:
            DataError: There is none, it is damaged, or it is of another run.
        """
        self.progress = load_last(folder, self.state, self.identity)
        if self.ema:
            self.ema.step = self.progress.step

    def result(self, *, interrupted: bool) -> TrainResult:
        """Load the best weights into the model, in every process, and return the result."""
        progress = self.progress
        if self.ema and progress.best is None:
            self.ema.copy_to_model()
        if self.sharded:
            self.sharded.join()
        if self.best_weights:
            self.model.load_state_dict(self.best_weights)
        elif progress.best is not None and self.folder and self.processes.is_first:
            # Saved before the resumption, or only on disk.
            load_best(self.folder, self.model, progress.best_step)
        self.processes.copy_weights(self.model)
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

    def _not_finite(self, step: int, losses: dict[str, float]) -> TrainingError:
        """Return the error for a loss or a gradient that is not finite."""
        norms = {n: float(p.detach().norm()) for n, p in self.model.named_parameters()}
        largest = sorted(norms, key=lambda name: -np.nan_to_num(norms[name], nan=np.inf))[:3]
        named = ", ".join(f"{name} {norms[name]:.3g}" for name in largest)
        has_checkpoint = self.folder is not None and (self.folder / LAST).exists()
        advice = f"resume from {self.folder}" if has_checkpoint else "start again"
        return TrainingError(
            f"Step {step} (seed {self.config.seed}) has losses {losses} or a gradient that is not "
            f"finite; largest weights: {named}; lower learning_rate "
            f"({self.config.learning_rate or RATE}) or clip ({self.config.clip}) and {advice}."
        )


def pick_device(config: TrainConfig) -> torch.device:
    """Return the device of a run.

    Raises:
        ConfigError: CUDA is set but not available.
    """
    available = torch.cuda.is_available()
    if config.device == "cuda" and not available:
        raise ConfigError(
            "device is 'cuda', but torch finds no CUDA on this machine; set 'cpu' or 'auto'."
        )
    return torch.device("cpu" if config.device == "cpu" or not available else "cuda")


def derive_seed(seed: int, *purpose: int) -> int:
    """Return the seed of one purpose and step, and of one of several processes."""
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1)[0])


def _pairs_of(batch: Batch) -> int:
    """Return the number of training pairs."""
    return int((batch.target != 0).sum())


def _on_device(examples: BatchArrays, device: torch.device) -> Batch:
    history, target, weight, disliked = (
        None if array is None else torch.from_numpy(array).to(device) for array in examples
    )
    return Batch._make((history, history != 0, target, weight, disliked))
