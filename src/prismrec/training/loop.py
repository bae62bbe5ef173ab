"""The training loop: batch, interests, loss, step; validate and keep the best weights.

    result = train(model, split.train, TrainConfig(epochs=10), validate=lambda: recall())

The parts that vary are arguments: the objective (loss, readout, negatives, regularizers), a
function ``validate`` that returns one number, higher is better, and a function ``on_step`` that is
called after every step. At the end the model has its best weights.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prismrec.data import Histories
from prismrec.errors import ConfigError, DataError, check_type
from prismrec.io import stage
from prismrec.models import Model
from prismrec.training.checkpoint import RunFolder, prepare_folder
from prismrec.training.config import TrainConfig
from prismrec.training.interrupt import catch_interrupt
from prismrec.training.objective import Objective
from prismrec.training.processes import current_processes
from prismrec.training.result import TrainResult
from prismrec.training.run import Run, pick_device


@dataclass(frozen=True)
class Step:
    """Argument of ``on_step``, after each step."""

    step: int
    """Steps so far, including this one."""
    steps: int
    """Steps of the whole run, if it does not stop early."""
    losses: dict[str, float]
    """The loss, and each regularizer before its weight, by name."""
    pairs: int
    """Training pairs of this step."""
    rate: float
    """Learning rate of this step."""
    validation: float | None
    """The validation metric; None if the step had no validation."""


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
    """Train a model in place; inside ``join_processes``, together with the other processes.

    Args:
        model: Model to train. Afterwards it is in evaluation mode, has the weights of the best
            validation (the last weights without ``validate``) and no category embeddings.
        histories: Whole training histories.
        config: How to train.
        objective: What is minimised. Default: softmax over the whole catalog, readout lse.
        validate: Returns the metric to maximise; called with the model in evaluation mode.
        on_step: Called after every step.
        folder: Folder for checkpoints: at each validation, at the end, after Ctrl-C, and every two
            minutes, or less often if writing one takes long. Without ``resume``, a checkpoint of
            another run is removed from it.
        resume: Continue from the checkpoint in ``folder``. The result is the same, bit by bit, as
            without the interruption.

    Raises:
        ConfigError: ``resume`` without a folder; ``sparse`` with every item as a negative, or
            ``sharded`` without ``sparse``; CUDA is not available; or an argument of another type.
        DataError: An item number that the model does not have; a checkpoint of another run.
        TrainingError: The loss, a gradient or the validation metric is not a finite number. The
            message names the step, the seed, the largest weights and how to continue.

    Cost: per step, one pass of the extractor over the batch, and O(P Q S D) time for the scores of
        P prefixes, where S is V if every item is a negative.
    """
    run_folder = RunFolder(folder, resume=resume)
    parts = (model, histories, config, objective or Objective())
    return train_with(*parts, run_folder, validate=validate, on_step=on_step)


def train_with(
    model: Model,
    histories: Histories,
    config: TrainConfig,
    objective: Objective,
    run_folder: RunFolder,
    *,
    validate: Callable[[], float] | None,
    on_step: Callable[[Step], None] | None,
) -> TrainResult:
    """Train a model in place, with what its checkpoints keep for the caller: see ``train``."""
    folder, resume = run_folder.folder, run_folder.resume
    _check_arguments(model, histories, config, folder, resume=resume)
    check_gradients(config, objective)
    device, processes = pick_device(config), current_processes()
    model.to(device)
    with stage("preparing the training"):
        processes.copy_weights(model)
        parts = (model, histories, config, objective)
        run = Run(*parts, folder=folder, device=device, processes=processes)
    run.progress.begun = dict(run_folder.begun)
    if resume and folder is not None:
        run.restore(folder)
    elif folder is not None and processes.is_first:
        prepare_folder(folder)
    interrupted = False
    with catch_interrupt() as ctrl_c:
        while run.can_continue and not interrupted:
            done = _next_step(run, validate)
            if on_step:
                on_step(done)
            interrupted = any(processes.sums([ctrl_c.is_set()], device))
        if interrupted:
            run.save()
    return run.result(interrupted=interrupted)


def _next_step(run: Run, validate: Callable[[], float] | None) -> Step:
    """Run one step; validate and write a checkpoint if they are due."""
    losses, pairs, rate = run.step()
    due = run.progress.step % run.every == 0 or run.progress.step == run.steps
    validation = run.validate(validate, losses["loss"]) if validate and due else None
    if due or run.is_checkpoint_due:
        run.save()
    return Step(run.progress.step, run.steps, losses, pairs, rate, validation)


def check_gradients(config: TrainConfig, objective: Objective) -> None:
    """Check that gradients can be sparse, and are if tables are sharded.

    Raises:
        ConfigError: SparseAdam would fail in the first step, or each step would read all shards.
    """
    if config.sharded and not config.sparse:
        raise ConfigError(
            "sharded was set without sparse, but with dense gradients every step changes all rows "
            "of all shards; set sparse too (--sharded --sparse), or turn sharded off."
        )
    if config.sparse and objective.negatives is None:
        raise ConfigError(
            "sparse was set, but without sampled negatives every step reads all item vectors; set "
            "negatives above 0, or turn sparse off."
        )


def _check_arguments(
    model: Model, histories: Histories, config: TrainConfig, folder: Path | None, *, resume: bool
) -> None:
    """Check the types, and that the model has a vector for every item number.

    Raises:
        ConfigError: An argument has another type, or there is no folder to resume from.
        DataError: An item number would reach a kernel without a vector.
    """
    check_type("model", model, Model, "a Model; build one, or call fit")
    check_type("histories", histories, Histories, "Histories; pass split.train")
    check_type("config", config, TrainConfig, "a TrainConfig; write TrainConfig(epochs=10)")
    if resume and folder is None:
        raise ConfigError(
            "resume was set without a folder; set folder to the folder of the run's checkpoint."
        )
    items = histories.items
    if len(items) and not (items.min() >= 1 and items.max() < model.size):
        wrong = int(items.max()) if items.max() >= model.size else int(items.min())
        raise DataError(
            f"A training history has item number {wrong}, but the model has items 1 to "
            f"{model.size - 1}; build the model with the catalog size of this data set."
        )
