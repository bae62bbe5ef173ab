"""``prismrec train``: from a data set folder to an artifact."""

import json
import shlex
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tomli_w
from cyclopts import Parameter

from prismrec.cli._headings import (
    COMMON,
    INDEX,
    LOSS,
    MODEL,
    OPTIMIZER,
    OUTPUT,
    VALIDATION,
    AsJson,
    under_headings,
)
from prismrec.cli._output import print_note, print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._tensorboard import tensorboard_writer
from prismrec.data import Dataset, Split, load_dataset, load_split, read_dataset_manifest
from prismrec.errors import ConfigError
from prismrec.io import describe_write_errors, only_writer, set_threads, stage
from prismrec.recommend import save
from prismrec.training import (
    LAST,
    MANY_EVENTS,
    RunConfig,
    TrainConfig,
    Trained,
    dataset_stats,
    describe_defaults,
    estimate_training,
    fit,
    resolve_defaults,
    run_record,
    run_summary,
    with_one_interest,
)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to run the training; these options do not change the trained model."""

    resume: Annotated[bool, Parameter(group=COMMON)] = False
    """Continue from the checkpoint in OUT.run; the result is the same as without interruption."""
    single: Annotated[bool, Parameter(group=COMMON)] = True
    """Also train the same model with one interest, into OUT-k1, for comparison."""
    threads: Annotated[int | None, Parameter(group=COMMON)] = None
    """Number of threads of torch; on a busy machine, 1 is often fastest."""
    tensorboard: Annotated[Path | None, Parameter(group=OUTPUT)] = None
    """Folder for TensorBoard scalars; needs the extra 'tensorboard'."""
    quiet: Annotated[bool, Parameter(negative="", show_default=False, group=OUTPUT)] = False
    """Show no progress."""
    as_json: AsJson = False
    """Print one JSON object."""

    @property
    def hides_progress(self) -> bool:
        """Whether no progress is shown."""
        return self.quiet or self.as_json


RUN_HEADINGS = (
    (COMMON, "extractor interests dim max_len"),
    (MODEL, "readout similarity temperature dropout tie_embeddings init init_clusters categories"),
    (LOSS, "loss negatives sampler mask_history_negatives dislike_weight"),
    (LOSS, "routing_variance disagreement"),
    (VALIDATION, "validate_on exclude_seen forming rules"),
    (INDEX, "index"),
)
TRAIN_HEADINGS = (
    (COMMON, "epochs seed"),
    (OPTIMIZER, "steps batch_size targets horizon learning_rate warmup schedule sparse"),
    (OPTIMIZER, "weight_decay ema_decay clip device precision"),
    (VALIDATION, "validate_every patience"),
)
if TYPE_CHECKING:
    RunFlags = RunConfig
    TrainFlags = TrainConfig
else:
    RunFlags = under_headings(RunConfig, RUN_HEADINGS, hidden="options")
    TrainFlags = under_headings(TrainConfig, TRAIN_HEADINGS)


def train(
    data: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], group=COMMON)],
    run_config: Annotated[RunFlags, Parameter(name="*")] = RunFlags(),  # noqa: B008 -- frozen
    training: Annotated[TrainFlags, Parameter(name="*")] = TrainFlags(),  # noqa: B008
    run_options: Annotated[RunOptions, Parameter(name="*")] = RunOptions(),
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="", group=MODEL)] = None,
) -> None:
    """Train a model on a data set folder and save it as an artifact.

    Options without a value are chosen from your data. Every option can also be set in a TOML file:
    --config FILE.

    Args:
        data: Folder made by 'prismrec prepare'.
        out: Folder of the artifact. Checkpoints are saved in OUT.run until training ends.
        run_config: Parts of the model and of the loss.
        training: How to optimize.
        run_options: How to run the training.
        set_: An option of the extractor: --set hidden=256; may be repeated.
    """
    if run_options.threads is not None:
        set_threads(run_options.threads)
    run_config = replace(run_config, options={**run_config.options, **parse_options(set_ or [])})
    with Progress(out.name, quiet=run_options.hides_progress), stage("loading the data"):
        dataset, manifest = load_dataset(data), read_dataset_manifest(data)
        split = load_split(data, dataset)
        stats = dataset_stats(split, dataset.catalog)
    resolved, resolved_training = resolve_defaults(run_config, training, stats)
    print_chosen(
        describe_defaults(run_config, resolved),
        describe_defaults(training, resolved_training),
        quiet=run_options.quiet,
    )
    if stats.events >= MANY_EVENTS and not run_options.quiet and not run_options.resume:
        print_estimate(split, dataset, resolved, resolved_training, out.name, run_options)
    single = out.with_name(out.name + "-k1")
    runs = {out: resolved}
    if run_options.single and resolved.interests != 1:
        runs[single] = with_one_interest(resolved)
    trained: dict[Path, Trained] = {}
    with ExitStack() as locks:
        for folder in runs:
            locks.enter_context(checkpoint_folder(folder, resume=run_options.resume))
        for folder, config in runs.items():
            one = train_one(split, dataset, config, resolved_training, folder, run_options)
            save_trained(one, folder, manifest, split.how)
            trained[folder] = one
        if run_options.single and trained[out].recommender.model.forming:
            trained[single] = trained[out].with_one_interest()
            save_trained(trained[single], single, manifest, split.how)
        for folder in runs:
            shutil.rmtree(checkpoints_of(folder), ignore_errors=True)
    summary = {str(folder): run_summary(each) for folder, each in trained.items()}
    lines = [line for folder, each in trained.items() for line in summary_lines(folder, each)]
    lines.append(f"Next: {shlex.join(['prismrec', 'evaluate', str(out), str(data)])}")
    print_output(summary, lines, as_json=run_options.as_json)


def save_trained(trained: Trained, folder: Path, manifest: dict[str, Any], how: str) -> None:
    """Save a trained recommender and its settings as an artifact.

    Args:
        trained: The recommender.
        folder: Folder of the artifact.
        manifest: Manifest of the data set.
        how: How the data set was split.
    """
    save(trained.recommender, folder, about=run_record(trained, manifest, how))
    (folder / "run.toml").write_text(to_toml(trained.settings), encoding="utf-8")


def print_chosen(*settings: str, quiet: bool) -> None:
    """Print the settings that were chosen from the data."""
    text = ", ".join(filter(None, settings))
    if text:
        line = f"Chosen from your data (override with the flag of the same name): {text}."
        print_note(wrapped(line), quiet=quiet)


def print_estimate(
    split: Split,
    dataset: Dataset,
    config: RunConfig,
    training: TrainConfig,
    name: str,
    run_options: RunOptions,
) -> None:
    """Print how long a training will take on this machine, and its memory."""
    with Progress(name, quiet=run_options.hides_progress), stage("estimating the cost"):
        estimate = estimate_training(split, dataset.catalog, config, training)
    print_note(wrapped(f"On this machine: {estimate}."))


def train_one(
    split: Split,
    dataset: Dataset,
    config: RunConfig,
    training: TrainConfig,
    folder: Path,
    run_options: RunOptions,
) -> Trained:
    """Train one model and draw its progress.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the checkpoint is saved.
    """
    checkpoints = checkpoints_of(folder)
    with ExitStack() as stack:
        also = stack.enter_context(tensorboard_writer(run_options.tensorboard, folder.name))
        shown = Progress(folder.name, quiet=run_options.hides_progress, also=also)
        progress = stack.enter_context(shown)
        trained = fit(
            split,
            dataset.catalog,
            config,
            training,
            folder=checkpoints,
            resume=run_options.resume and (checkpoints / LAST).exists(),
            on_step=progress.step,
        )
    if trained.result.interrupted:
        print_note(
            f"Interrupted at step {trained.result.steps}; continue with the same command and "
            "--resume."
        )
        raise KeyboardInterrupt
    return trained


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
        try:
            yield
        finally:
            with suppress(OSError):  # it has checkpoints
                checkpoints.rmdir()


def checkpoints_of(folder: Path) -> Path:
    """Return the folder of the checkpoints of an artifact in training."""
    return folder.with_name(folder.name + ".run")


def summary_lines(folder: Path, trained: Trained) -> list[str]:
    """Return the lines that report the result of a run."""
    result, settings = trained.result, trained.settings
    best = "" if result.best is None else f", {trained.metric} {result.best:.4f} on validation"
    number = settings["interests"]
    interests = "1 interest" if number == 1 else f"{number} interests"
    return [
        f"{folder}: {settings['extractor']}, {interests}{best}",
        f"  best at step {result.best_step} of {result.steps}, {result.seconds:.0f} s, "
        f"{result.pairs_per_second:,.0f} training pairs per second",
        *(wrapped(f"  {note}", indent=" " * 4) for note in trained.notes.values()),
    ]


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Parse ``["hidden=256", "positions=slot"]``: values are JSON if they parse, else text.

    Raises:
        ConfigError: A pair has no ``=``.
    """
    options: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set was given {pair!r}; write NAME=VALUE, as --set hidden=256.")
        try:
            options[name] = json.loads(text)
        except ValueError:
            options[name] = text
    return options


def to_toml(settings: Mapping[str, Any]) -> str:
    """Return settings as TOML that ``--config`` reads, without those that are None."""
    flags = {name: value for name, value in settings.items() if value is not None}
    options = flags.pop("options", {})
    if options:
        flags["set"] = [f"{name}={json.dumps(value)}" for name, value in options.items()]
    return tomli_w.dumps(flags)
