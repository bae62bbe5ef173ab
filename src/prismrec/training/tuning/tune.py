"""Search settings on validation, and keep the default unless repeated runs are better.

tuned = tune(split, data.catalog, folder="tuned")
print(tuned.decision.sentence)
trained = fit(split, data.catalog, tuned.config, tuned.training)
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from prismrec.data import Catalog, Split
from prismrec.errors import ConfigError, DataError, MissingExtra, TrainingError
from prismrec.io import check_writable_folder, describe_write_errors, names_in
from prismrec.registry import check_fields
from prismrec.training.arguments import Sources, check_arguments
from prismrec.training.config import TrainConfig
from prismrec.training.defaults import dataset_stats
from prismrec.training.run_config import RunConfig
from prismrec.training.tuning.decide import NOTHING_BETTER, Decision, Tried, decide
from prismrec.training.tuning.locks import FileLock
from prismrec.training.tuning.repeat import Repeat, candidate, check_results, run_repeats
from prismrec.training.tuning.report import write_report
from prismrec.training.tuning.space import tuned_settings, with_settings
from prismrec.training.tuning.task import (
    FOLDERS,
    JOURNAL_FILE,
    LOCKS,
    OnStep,
    Task,
    TrialRecord,
    Watch,
)
from prismrec.training.validation import MIN_USERS, validation_metric


@dataclass(frozen=True, kw_only=True)
class TuneOptions:
    """How long to search, and how to choose.

    Raises:
        ConfigError: A value is out of its range.
    """

    trials: int = 30
    """Number of trials; the first one has the default settings."""
    finalists: int = 3
    """Largest number of trials that are trained again and compared with the default."""
    repeats: int = 3
    """Number of training seeds per finalist, other than the seed of the search."""
    minutes: float | None = None
    """Begin no trial after so many minutes of this process. Default: no limit."""
    only: list[str] = field(default_factory=list)
    """Tune only this setting; may be repeated. Default: all that matter for the extractor."""

    def __post_init__(self) -> None:
        """Check the values."""
        check_fields(self)
        for name in ("trials", "finalists", "repeats"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.minutes is not None and not self.minutes > 0:
            raise ConfigError(f"minutes is {self.minutes}; it must be above 0, or left out.")


@dataclass(frozen=True)
class TuneResult:
    """What was tried, and the settings to use."""

    decision: Decision
    config: RunConfig
    """The given settings with those that were chosen; settings that are None are chosen from the
    data, as before."""
    training: TrainConfig
    trials: list[TrialRecord]
    candidates: list[Tried]
    """The default and the finalists; empty if no trial was better than the default."""
    metric: str


@contextmanager
def _unwatched(_name: str) -> Iterator[OnStep]:
    """Yield a function that shows nothing."""
    yield lambda _step: None


def tune(
    split: Split,
    catalog: Catalog,
    config: RunConfig = RunConfig(),  # noqa: B008 -- frozen
    training: TrainConfig = TrainConfig(),  # noqa: B008 -- frozen
    *,
    folder: str | Path,
    options: TuneOptions = TuneOptions(),
    progress: tuple[Watch, Callable[[str], None]] = (_unwatched, lambda _line: None),
    about: Mapping[str, Any] | None = None,
) -> TuneResult:
    """Search settings and compare the best ones with the default, user by user.

    Everything is measured on the validation users. The same call with the same folder continues
    where an earlier one ended, also if it was killed; several processes may work on one folder.

    Args:
        split: Trials are trained and validated on it; its test users are not used.
        catalog: Catalog of the data set.
        config: Settings with a value other than their default are kept, and not tuned.
        training: As ``config``.
        folder: Folder of the journal, the checkpoints, the repeated runs and the report.
        options: How long to search, and how to choose.
        progress: A function that shows one training, and one that shows a line.
        about: What identifies the data; a folder of other data is refused.

    Raises:
        MissingExtra: Optuna is not installed.
        DataError: Too few validation users, or a folder of other data, settings or content.
        ConfigError, UnknownName: Settings that cannot be used; see ``fit``.
        TrainingError: The default settings cannot be trained.
        KeyboardInterrupt: Ctrl-C was pressed; the same call continues.
    """
    check_arguments(split, catalog, config, training, Sources())
    check_possible(split)
    from prismrec.training.tuning.journal import Journal
    from prismrec.training.tuning.search import search

    stats = dataset_stats(split, catalog)
    tuned = tuned_settings(config, training, stats, options.only)
    folder = check_tune_folder(folder)
    with describe_write_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    identity = {"split": split.how, "config": repr(config), "training": repr(training)}
    identity |= {"space": repr(tuned.space), **(about or {})}
    journal = Journal(folder, tuned, identity, training.seed)
    check_results(folder, journal.about)
    task = Task(split, catalog, config, training, folder, *progress, journal.about)
    deadline = time.monotonic() + 60 * options.minutes if options.minutes else float("inf")
    search(task, journal, trials=options.trials, deadline=deadline)
    records, metric = journal.records(), validation_metric(config.validate_on, stats.items)
    runs = planned_repeats(records, options, training.seed)
    run_repeats(task, [run for each in runs for run in each])
    candidates = [candidate(task, each) for each in runs]
    decision = decide(candidates[0], candidates[1:], metric) if candidates else NOTHING_BETTER
    with FileLock(folder / LOCKS / "report"):  # several processes may end at the same time
        write_report(folder, records, candidates, decision, metric)
    if decision.chosen:
        config, training = with_settings(config, training, records[decision.chosen].settings)
    return TuneResult(decision, config, training, records, candidates, metric)


def planned_repeats(
    records: Sequence[TrialRecord], options: TuneOptions, seed: int
) -> list[list[Repeat]]:
    """Return the runs of the default and of each finalist, with the seeds after that of the search.

    Finalists are the best complete trials that were better than the default in the search.

    Args:
        records: All trials, by number.
        options: How many finalists and seeds.
        seed: Seed of the search.

    Returns:
        One list of runs per candidate, the default first; none without finalists.

    Raises:
        TrainingError: The default settings cannot be trained.
    """
    default = records[0]
    if default.value is None:
        raise TrainingError(
            f"The default settings could not be trained, so nothing can be compared with them: "
            f"{default.reason}"
        )
    least = default.value
    better = [r for r in records if r.state == "complete" and (r.value or 0.0) > least]
    best = sorted(better, key=lambda each: -(each.value or 0.0))[: options.finalists]
    seeds = range(seed + 1, seed + 1 + options.repeats)
    if not best:
        return []
    return [[Repeat(r.number, r.settings, each) for each in seeds] for r in (default, *best)]


def check_tune_folder(folder: str | Path) -> Path:
    """Return the path of a folder of a tuning: to be called before the data are loaded.

    Raises:
        DataError: It cannot be written, or it has other content.
    """
    folder = Path(folder)
    check_writable_folder(folder)
    names = names_in(folder) if folder.exists() else set()
    # Another process may have made these, and not yet the journal.
    others = sorted(names - {*FOLDERS})
    if others and JOURNAL_FILE not in others:
        raise DataError(
            f"{folder} cannot keep a tuning, because it contains something else ({others[0]}); "
            "give another folder, or move it."
        )
    return folder


def check_possible(split: Split) -> None:
    """Check that Optuna is installed, and that there are users to choose settings with.

    Raises:
        MissingExtra: Optuna is not installed.
        DataError: There are fewer than ``MIN_USERS``.
    """
    if find_spec("optuna") is None:
        raise MissingExtra.for_("prismrec tune", "tune")
    if len(split.valid) < MIN_USERS:
        raise DataError(
            f"Settings were to be tuned on {len(split.valid)} validation users, but at least "
            f"{MIN_USERS} are needed to compare them; prepare a data set with more users."
        )
