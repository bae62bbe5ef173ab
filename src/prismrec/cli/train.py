"""``prismrec train``: from a data set folder to an artifact."""

import shlex
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    given_names,
    under_headings,
)
from prismrec.cli._output import print_note, print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._runs import (
    checkpoint_folder,
    checkpoints_of,
    parse_options,
    save_trained,
    summary_lines,
)
from prismrec.cli._tensorboard import tensorboard_writer
from prismrec.data import Dataset, Split, load_dataset, load_split, read_dataset_manifest
from prismrec.io import set_threads, stage
from prismrec.recommend import ArtifactClasses
from prismrec.training import (
    LAST,
    MANY_EVENTS,
    RunConfig,
    TrainConfig,
    Trained,
    WarmStart,
    dataset_stats,
    describe_defaults,
    estimate_training,
    fit,
    resolve_defaults,
    run_summary,
    with_one_interest,
)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How to run the training; these options do not change the trained model."""

    resume: Annotated[bool, Parameter(group=COMMON)] = False
    """Continue from the checkpoint in OUT.run; the result is the same as without interruption."""
    from_: Annotated[Path | None, Parameter(name="--from", group=MODEL)] = None
    """Begin with the weights of this artifact, usually yesterday's: a warm start, with its
    settings, one epoch and a third of its learning rate."""
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
    (LOSS, "loss negatives sampler mask_history_negatives routing_variance disagreement"),
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
    given = given_names(run_config) | given_names(training) | ({"options"} if set_ else set())
    run_config = replace(run_config, options={**run_config.options, **parse_options(set_ or [])})
    with Progress(out.name, quiet=run_options.hides_progress), stage("loading the data"):
        dataset = load_dataset(data)
        split = load_split(data, dataset)
        stats = dataset_stats(split, dataset.catalog)
    start = read_start(run_options.from_, run_config, given)
    wanted = start.settings(run_config, training, given) if start else (run_config, training)
    resolved, resolved_training = resolve_defaults(*wanted, stats)
    print_chosen(
        describe_defaults(run_config, resolved),
        describe_defaults(training, resolved_training),
        source="the earlier training or from your data" if start else "your data",
        quiet=run_options.quiet,
    )
    print_estimate(split, dataset, resolved, resolved_training, out.name, run_options)
    single = out.with_name(out.name + "-k1")
    runs = {out: resolved}
    if run_options.single and resolved.interests != 1 and start is None:
        runs[single] = with_one_interest(resolved)
    manifest = read_dataset_manifest(data)
    trained: dict[Path, Trained] = {}
    with ExitStack() as locks:
        for folder in runs:
            locks.enter_context(checkpoint_folder(folder, resume=run_options.resume))
        for folder, config in runs.items():
            parts = (split, dataset, config, resolved_training, folder)
            trained[folder] = train_one(*parts, run_options, start=start)
            save_trained(trained[folder], folder, manifest, split.how, run_options.from_)
        if run_options.single and trained[out].recommender.model.forming:
            trained[single] = trained[out].with_one_interest()
            save_trained(trained[single], single, manifest, split.how, run_options.from_)
        for folder in runs:
            shutil.rmtree(checkpoints_of(folder), ignore_errors=True)
    print_summary(trained, out, data, as_json=run_options.as_json)


def print_summary(trained: dict[Path, Trained], out: Path, data: Path, *, as_json: bool) -> None:
    """Print the results of the trainings, and the next command."""
    summary = {str(folder): run_summary(each) for folder, each in trained.items()}
    lines = [line for folder, each in trained.items() for line in summary_lines(folder, each)]
    lines.append(f"Next: {shlex.join(['prismrec', 'evaluate', str(out), str(data)])}")
    print_output(summary, lines, as_json=as_json)


def read_start(folder: Path | None, config: RunConfig, given: frozenset[str]) -> WarmStart | None:
    """Read the artifact of a warm start, if any; only classes that the user named are imported.

    Raises:
        DataError: It cannot be read.
    """
    if folder is None:
        return None
    extractor = config.extractor if "extractor" in given and ":" in config.extractor else None
    index = config.index if "index" in given and ":" in config.index else None
    with stage("reading the earlier artifact"):
        return WarmStart.read(folder, ArtifactClasses.named(extractor, index), choose=given)


def print_chosen(*settings: str, source: str, quiet: bool) -> None:
    """Print the settings that were chosen from the data, or are those of an earlier training."""
    text = ", ".join(filter(None, settings))
    if text:
        line = f"Chosen from {source} (override with the flag of the same name): {text}."
        print_note(wrapped(line), quiet=quiet)


def print_estimate(
    split: Split,
    dataset: Dataset,
    config: RunConfig,
    training: TrainConfig,
    name: str,
    run_options: RunOptions,
) -> None:
    """Print how long a training of many events will take on this machine, and its memory."""
    if len(split.train.items) < MANY_EVENTS or run_options.quiet or run_options.resume:
        return
    if run_options.from_ is not None:  # no initial vectors are computed
        config = replace(config, init="random")
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
    *,
    start: WarmStart | None,
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
            start=start,
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
