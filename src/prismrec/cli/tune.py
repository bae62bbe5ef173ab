"""``prismrec tune``: search settings on validation, and write those to train with."""

import shlex
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from prismrec.cli._headings import COMMON, MODEL, SEARCH, under_headings
from prismrec.cli._output import print_note, print_output, wrapped
from prismrec.cli._progress import Progress
from prismrec.cli._split_data import read_split_data
from prismrec.cli._training import RunFlags, RunOptions, TrainFlags, with_options
from prismrec.data import read_dataset_manifest
from prismrec.io import atomic_file
from prismrec.recommend import to_toml
from prismrec.training import (
    Step,
    TuneOptions,
    TuneResult,
    Watch,
    changed_settings,
    check_tune_folder,
)
from prismrec.training import tune as search_settings

SEARCH_HEADINGS = ((SEARCH, "trials finalists repeats minutes only"),)
if TYPE_CHECKING:
    TuneFlags = TuneOptions
else:
    TuneFlags = under_headings(TuneOptions, SEARCH_HEADINGS)


def tune(
    data: Path,
    /,
    *,
    out: Annotated[Path, Parameter(name=["--out", "-o"], group=COMMON)],
    search: Annotated[TuneFlags, Parameter(name="*")] = TuneFlags(),  # noqa: B008 -- frozen
    run_config: Annotated[RunFlags, Parameter(name="*")] = RunFlags(),  # noqa: B008
    training: Annotated[TrainFlags, Parameter(name="*")] = TrainFlags(),  # noqa: B008
    set_: Annotated[list[str] | None, Parameter(name="--set", negative="", group=MODEL)] = None,
    run_options: Annotated[RunOptions, Parameter(name="*")] = RunOptions(),  # noqa: B008
) -> None:
    """Search settings of a training, and keep the default unless others are better.

    The best trials and the default are trained again with several seeds and compared user by user,
    all on validation. OUT/best.toml has the settings for 'prismrec train --config'. The same
    command continues after an interruption; start it several times for several processes.

    Args:
        data: Folder made by 'prismrec prepare'.
        out: Folder of the trials, the report and best.toml: a new one, or that of a tuning.
        search: How long to search, and how to choose.
        run_config: A setting with another value than its default is kept, and not tuned.
        training: As above.
        set_: An option of the extractor, which is kept: --set hidden=256; may be repeated.
        run_options: How to run.
    """
    run_options.set_threads()
    run_config = with_options(run_config, set_ or [])
    check_tune_folder(out)
    with Progress(out.name, quiet=run_options.hides_progress):
        manifest = read_dataset_manifest(data)
        dataset, split = read_split_data(data, quiet=run_options.quiet)
    try:
        result = search_settings(
            split,
            dataset.catalog,
            run_config,
            training,
            folder=out,
            options=search,
            progress=progress_of(out, quiet=run_options.hides_progress),
            about={"data": manifest["fingerprint"]},
        )
    except KeyboardInterrupt:
        print_note(f"Interrupted; {out} keeps all trials. Continue with the same command.")
        raise
    print_result(result, data, out, as_json=run_options.as_json)


def progress_of(out: Path, *, quiet: bool) -> tuple[Watch, Callable[[str], None]]:
    """Return a function that shows one training, and one that prints a line."""

    @contextmanager
    def watch(name: str) -> Iterator[Callable[[Step], None]]:
        with Progress(name, quiet=quiet) as progress:
            yield progress.step

    return watch, lambda line: print_note(f"{out.name}: {line}", quiet=quiet)


def print_result(result: TuneResult, data: Path, out: Path, *, as_json: bool) -> None:
    """Write best.toml, and print the decision and the next command."""
    best = out / "best.toml"
    with atomic_file(best) as temporary:
        temporary.write_text(best_as_toml(result), encoding="utf-8")
    following = ["prismrec", "train", str(data), "--config", str(best), "--out", "MODEL"]
    lines = [
        wrapped(result.decision.sentence),
        f"Report: {out / 'report.md'}",
        f"Next: {shlex.join(following)}",
    ]
    value = {
        "decision": result.decision.sentence,
        "chosen": result.decision.chosen,
        "trials": len(result.trials),
        "best": str(best),
    }
    print_output(value, lines, as_json=as_json)


def best_as_toml(result: TuneResult) -> str:
    """Return the settings that ``train --config`` reads: those that differ from their defaults."""
    settings = changed_settings(result.config) | changed_settings(result.training)
    return f"# {result.decision.sentence}\n{to_toml(settings)}"
