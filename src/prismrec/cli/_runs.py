"""The runs of one ``train`` command: alone, or together with processes that torchrun started."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._headings import COMMON, MODEL, OUTPUT
from prismrec.cli._output import print_note
from prismrec.cli._progress import Progress
from prismrec.cli._tracking import Tracker, tracking
from prismrec.cli._training import RunOptions
from prismrec.data import Dataset, ItemContent, Split
from prismrec.errors import DataError
from prismrec.io import describe_write_errors, only_writer
from prismrec.training import (
    LAST,
    Processes,
    RunConfig,
    Sources,
    TrainConfig,
    Trained,
    WarmStart,
    fit,
    saved_progress,
    train_weights,
)


@dataclass(frozen=True, kw_only=True)
class TrainOptions(RunOptions):
    """How to run the training; these options do not change the trained model."""

    resume: Annotated[bool, Parameter(group=COMMON)] = False
    """Continue from the checkpoint in OUT.run; the result is the same as without interruption."""
    from_: Annotated[Path | None, Parameter(name="--from", group=MODEL)] = None
    """Begin with the weights of this artifact, usually yesterday's: a warm start, with its
    settings, one epoch and a third of its learning rate."""
    item_vectors: Annotated[Path | None, Parameter(group=MODEL)] = None
    """Vectors of items from an encoder of text or images: Parquet, or .npz with ids and vectors.
    'prismrec add' can then add items without events, which are recommended too."""
    single: Annotated[bool, Parameter(group=COMMON)] = True
    """Also train the same model with one interest, into OUT-k1, for comparison."""
    tensorboard: Annotated[Path | None, Parameter(group=OUTPUT)] = None
    """Folder for TensorBoard scalars; needs the extra 'tensorboard'."""
    track: Annotated[Tracker | None, Parameter(group=OUTPUT)] = None
    """Send settings and metrics of the run to MLflow or Weights & Biases; needs the extra 'mlflow'
    or 'wandb'. Address and key come from the environment variables of these programs. A training
    that continues with --resume is a new run there."""


@dataclass(frozen=True)
class Job:
    """What the runs of one command share."""

    split: Split
    dataset: Dataset
    training: TrainConfig
    """Resolved."""
    run_options: TrainOptions
    processes: Processes
    start: WarmStart | None = None
    content: ItemContent | None = None
    """Content vectors of the items."""

    def train(self, config: RunConfig, folder: Path) -> Trained:
        """Train one model and draw its progress; only the first process calls it.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is saved.
        """
        options, settings = self.run_options, asdict(config) | asdict(self.training)
        with ExitStack() as stack:
            also = stack.enter_context(
                tracking(folder.name, settings, board=options.tensorboard, track=options.track)
            )
            shown = Progress(folder.name, quiet=options.hides_progress, also=also)
            progress = stack.enter_context(shown)
            trained = fit(
                self.split,
                self.dataset.catalog,
                config,
                self.training,
                sources=Sources(start=self.start, content=self.content),
                folder=checkpoints_of(folder),
                resume=self.resumes(folder),
                on_step=progress.step,
            )
            if trained.result.interrupted:  # the trackers see it too
                print_note(
                    f"Interrupted at step {trained.result.steps}; continue with the same command "
                    "and --resume."
                )
                raise KeyboardInterrupt
        if options.item_vectors is None:
            return trained
        vectors = {"item_vectors": str(options.item_vectors)}
        return trained.with_settings(vectors)

    def share_steps(self, config: RunConfig, folder: Path) -> None:
        """Compute the steps of ``train`` together with the first process."""
        train_weights(
            self.split, self.dataset.catalog, config, self.training,
            start=self.start, folder=checkpoints_of(folder), resume=self.resumes(folder),
        )  # fmt: skip

    def resumes(self, folder: Path) -> bool:
        """Return whether the run of an artifact continues from a checkpoint."""
        return self.run_options.resume and (checkpoints_of(folder) / LAST).exists()


def options_of_process(run_options: TrainOptions, processes: Processes) -> TrainOptions:
    """Return the options of one process: only the first one prints.

    A training that torchrun started again continues from its checkpoint.
    """
    resume = run_options.resume or processes.restarted
    quiet = run_options.quiet or not processes.is_first
    return replace(run_options, resume=resume, quiet=quiet)


@contextmanager
def checkpoint_folder(folder: Path, *, resume: bool) -> Iterator[None]:
    """Make the folder of the checkpoints of an artifact; no other training may write there.

    Raises:
        DataError: Another training writes there.
    """
    checkpoints = checkpoints_of(folder)
    if resume and not (checkpoints / LAST).exists():
        print_note(f"No checkpoint in {checkpoints}: {folder} is trained from the beginning.")
    with describe_write_errors(checkpoints):
        checkpoints.mkdir(parents=True, exist_ok=True)
    with only_writer(checkpoints, folder):
        if not resume:
            _note_replaced(checkpoints)
        try:
            yield
        finally:
            with suppress(OSError):  # it has checkpoints
                checkpoints.rmdir()


def _note_replaced(checkpoints: Path) -> None:
    """Print a note if there is a checkpoint, which a training from the beginning replaces."""
    with suppress(DataError, ValueError):  # it is damaged, so nobody can continue it
        progress = saved_progress(checkpoints)
        if progress is not None:
            print_note(
                f"{checkpoints} has an unfinished training, at step {progress.step}. This training "
                "removes it when it begins; to continue it, stop now and add --resume."
            )


def checkpoints_of(folder: Path) -> Path:
    """Return the folder of the checkpoints of an artifact in training."""
    return folder.with_name(folder.name + ".run")
