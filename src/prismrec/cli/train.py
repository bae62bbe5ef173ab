"""``prismrec train``: from a data set folder to an artifact."""

import json
import os
import shlex
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tomli_w
from cyclopts import Parameter

from prismrec.cli._content import read_content
from prismrec.cli._headings import (
    COMMON,
    INDEX,
    LOSS,
    MODEL,
    OPTIMIZER,
    VALIDATION,
    under_headings,
)
from prismrec.cli._output import print_note, print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._runs import (
    Job,
    RunOptions,
    checkpoint_folder,
    checkpoints_of,
    options_of_process,
)
from prismrec.data import load_dataset, load_split, read_dataset_manifest
from prismrec.errors import ConfigError
from prismrec.io import set_threads, stage
from prismrec.recommend import save
from prismrec.training import (
    MANY_EVENTS,
    Processes,
    RunConfig,
    TrainConfig,
    Trained,
    dataset_stats,
    describe_defaults,
    estimate_training,
    join_processes,
    resolve_defaults,
    run_record,
    run_summary,
    with_one_interest,
)

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
    run_options: Annotated[RunOptions, Parameter(name="*")] = RunOptions(),  # noqa: B008
    item_vectors: Annotated[Path | None, Parameter(group=MODEL)] = None,
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
        item_vectors: Vectors of items from an encoder of text or images: Parquet, or .npz with ids
            and vectors. Items without events are then recommended too.
        set_: An option of the extractor: --set hidden=256; may be repeated.
    """
    if run_options.threads is not None:
        set_threads(run_options.threads)
    run_config = replace(run_config, options={**run_config.options, **parse_options(set_ or [])})
    with join_processes(os.environ) as processes:
        train_all(
            data,
            out,
            run_config,
            training,
            options_of_process(run_options, processes),
            processes,
            item_vectors=item_vectors,
        )


def train_all(
    data: Path,
    out: Path,
    run_config: RunConfig,
    training: TrainConfig,
    run_options: RunOptions,
    processes: Processes,
    *,
    item_vectors: Path | None = None,
) -> None:
    """Train the models of one command and save them; see ``train``."""
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
    content = None
    if item_vectors is not None and processes.is_first:
        content = read_content(item_vectors, dataset.catalog.items.ids, quiet=run_options.quiet)
    job = Job(split, dataset, resolved_training, run_options, processes, content, item_vectors)
    if stats.events >= MANY_EVENTS and not run_options.quiet and not run_options.resume:
        print_estimate(job, resolved, out.name)
    runs = {out: resolved}
    if run_options.single and resolved.interests != 1:
        runs[folder_of_one_interest(out)] = with_one_interest(resolved)
    if not processes.is_first:
        for folder, config in runs.items():
            job.share_steps(config, folder)
        return
    trained = train_and_save(job, runs, manifest)
    summary = {str(folder): run_summary(each) for folder, each in trained.items()}
    lines = [line for folder, each in trained.items() for line in summary_lines(folder, each)]
    lines.append(f"Next: {shlex.join(['prismrec', 'evaluate', str(out), str(data)])}")
    print_output(summary, lines, as_json=run_options.as_json)


def train_and_save(
    job: Job, runs: Mapping[Path, RunConfig], manifest: dict[str, Any]
) -> dict[Path, Trained]:
    """Train the models of one command and save them as artifacts.

    Args:
        job: Data and options.
        runs: Settings by folder of the artifact; the first is the main one.
        manifest: Manifest of the data set.
    """
    trained: dict[Path, Trained] = {}
    with ExitStack() as locks:
        for folder in runs:
            locks.enter_context(checkpoint_folder(folder, resume=job.run_options.resume))
        for folder, config in runs.items():
            trained[folder] = job.train(config, folder)
            save_trained(trained[folder], folder, manifest, job.split.how)
        out = next(iter(runs))
        if job.run_options.single and trained[out].recommender.model.forming:
            single = folder_of_one_interest(out)
            trained[single] = trained[out].with_one_interest()
            save_trained(trained[single], single, manifest, job.split.how)
        for folder in runs:
            shutil.rmtree(checkpoints_of(folder), ignore_errors=True)
    return trained


def folder_of_one_interest(folder: Path) -> Path:
    """Return the folder of the same model with one interest."""
    return folder.with_name(folder.name + "-k1")


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


def print_estimate(job: Job, config: RunConfig, name: str) -> None:
    """Print how long a training will take on this machine in one process, and its memory."""
    quiet = job.run_options.hides_progress
    with Progress(name, quiet=quiet), stage("estimating the cost"):
        estimate = estimate_training(job.split, job.dataset.catalog, config, job.training)
    alone = "" if job.processes.count == 1 else " in one process"
    print_note(wrapped(f"On this machine{alone}: {estimate}."))


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
