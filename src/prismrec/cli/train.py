"""``prismrec train``: from a data set folder to an artifact."""

import os
import shlex
import shutil
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._content import read_content
from prismrec.cli._headings import COMMON, MODEL, given_names
from prismrec.cli._one_interest import folder_of_one_interest
from prismrec.cli._output import check_out, print_note, print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._runs import (
    Job,
    TrainOptions,
    checkpoint_folder,
    checkpoints_of,
    options_of_process,
)
from prismrec.cli._split_data import read_split_data
from prismrec.cli._training import RunFlags, TrainFlags, print_chosen, with_options
from prismrec.io import stage
from prismrec.recommend import ArtifactClasses, check_artifact_folder, save
from prismrec.retrieval import IndexName
from prismrec.training import (
    MANY_EVENTS,
    Processes,
    RunConfig,
    TrainConfig,
    Trained,
    WarmStart,
    advise_interests,
    dataset_stats,
    describe_defaults,
    estimate_training,
    join_processes,
    resolve_defaults,
    run_summary,
    with_one_interest,
)


def train(
    data: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], group=COMMON)],
    run_config: Annotated[RunFlags, Parameter(name="*")] = RunFlags(),  # noqa: B008 -- frozen
    training: Annotated[TrainFlags, Parameter(name="*")] = TrainFlags(),  # noqa: B008
    run_options: Annotated[TrainOptions, Parameter(name="*")] = TrainOptions(),  # noqa: B008
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
    run_options.set_threads()
    given = given_names(run_config) | given_names(training) | ({"options"} if set_ else set())
    run_config = with_options(run_config, set_ or [])
    check_out(out)
    check_artifact_folder(out)
    with join_processes(os.environ) as processes:
        options = options_of_process(run_options, processes)
        job, runs = prepare_runs(
            data, out, run_config, training, options, processes=processes, given=given
        )
        if not processes.is_first:
            for folder, config in runs.items():
                job.share_steps(config, folder)
            return
        trained = train_and_save(job, runs)
    note_earlier_single(out, trained, quiet=run_options.quiet)
    print_summary(job, trained, out, data, as_json=run_options.as_json)


def prepare_runs(
    data: Path,
    out: Path,
    run_config: RunConfig,
    training: TrainConfig,
    run_options: TrainOptions,
    *,
    processes: Processes,
    given: frozenset[str],
) -> tuple[Job, dict[Path, RunConfig]]:
    """Load the data and choose the settings that were not given.

    Returns:
        What the runs share, and the resolved settings by folder; the first one is the main run.
    """
    with Progress(out.name, quiet=run_options.hides_progress):
        dataset, split = read_split_data(data, quiet=run_options.quiet)
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
    vectors, content = run_options.item_vectors, None
    if vectors is not None and processes.is_first:
        content = read_content(vectors, dataset.catalog.items.ids, quiet=run_options.quiet)
    job = Job(split, dataset, resolved_training, run_options, processes, start, content)
    if stats.events >= MANY_EVENTS and not run_options.quiet and not run_options.resume:
        print_estimate(job, resolved, out.name)
    runs = {out: resolved}
    if run_options.single and resolved.interests != 1 and start is None:
        runs[folder_of_one_interest(out)] = with_one_interest(resolved)
    if run_options.single and (len(runs) > 1 or resolved.forming):
        check_artifact_folder(folder_of_one_interest(out))
    return job, runs


def train_and_save(job: Job, runs: Mapping[Path, RunConfig]) -> dict[Path, Trained]:
    """Train the models of one command and save them as artifacts.

    Args:
        job: Data and options.
        runs: Settings by folder of the artifact; the first is the main one.
    """
    trained: dict[Path, Trained] = {}
    with ExitStack() as locks:
        for folder in runs:
            locks.enter_context(checkpoint_folder(folder, resume=job.run_options.resume))
        for folder, config in runs.items():
            trained[folder] = job.train(config, folder)
            save(trained[folder].recommender, folder)
        out = next(iter(runs))
        if job.run_options.single and trained[out].recommender.model.forming:
            single = folder_of_one_interest(out)
            trained[single] = trained[out].with_one_interest()
            save(trained[single].recommender, single)
        for folder in runs:
            shutil.rmtree(checkpoints_of(folder), ignore_errors=True)
    return trained


def note_earlier_single(out: Path, trained: Mapping[Path, Trained], *, quiet: bool) -> None:
    """Print a note if OUT-k1 exists, but is of an earlier training."""
    single = folder_of_one_interest(out)
    if single.is_dir() and single not in trained:
        note = (
            f"{single} is of an earlier training and was not changed: this one made no model with "
            "one interest next to it."
        )
        print_note(wrapped(note), quiet=quiet)


def read_start(folder: Path | None, config: RunConfig, given: frozenset[str]) -> WarmStart | None:
    """Read the artifact of a warm start, if any; only classes that the user named are imported.

    Raises:
        DataError: It cannot be read.
    """
    if folder is None:
        return None
    extractor = config.extractor if "extractor" in given and ":" in config.extractor else None
    kind = IndexName.parse(config.index).kind
    index = kind if "index" in given and ":" in kind else None
    with stage("reading the earlier artifact"):
        return WarmStart.read(folder, ArtifactClasses.named(extractor, index), choose=given)


def print_summary(
    job: Job, trained: dict[Path, Trained], out: Path, data: Path, *, as_json: bool
) -> None:
    """Print the results of the trainings, and the next command."""
    summary = {str(folder): run_summary(each) for folder, each in trained.items()}
    lines = [line for folder, each in trained.items() for line in summary_lines(folder, each)]
    single = trained.get(folder_of_one_interest(out))
    with Progress(out.name, quiet=job.run_options.hides_progress), stage("comparing interests"):
        advice = single and advise_interests(trained[out], single, job.split.valid)
    lines += [wrapped(advice)] if advice else []
    lines.append(f"Next: {shlex.join(['prismrec', 'evaluate', str(out), str(data)])}")
    print_output(summary, lines, as_json=as_json)


def print_estimate(job: Job, config: RunConfig, name: str) -> None:
    """Print how long a training will take on this machine in one process, and its memory."""
    quiet = job.run_options.hides_progress
    if job.start is not None:  # no initial vectors are computed
        config = replace(config, init="random")
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
    rate = result.pairs_per_second  # 0 if the resumed training had ended before
    speed = f", {rate:,.0f} training pairs per second" if rate else ""
    return [
        f"{folder}: {settings['extractor']}, {interests}{best}",
        f"  best at step {result.best_step} of {result.steps}, {result.seconds:.0f} s{speed}",
        *(wrapped(f"  {note}", indent=" " * 4) for note in trained.notes.values()),
    ]
