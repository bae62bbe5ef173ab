"""The trials of a search, in a journal that several processes append to. Needs Optuna.

    journal = Journal(folder, tuned, seed=0)
    claimed = journal.claim(30)        # the next of 30 trials, or one whose process was killed

A process that is killed leaves its trial running in the journal. The lock of the trial is free
then, and the next process that asks for a trial continues it.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.storages.journal import JournalFileBackend, JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState

from prismrec.errors import DataError
from prismrec.training.tuning.locks import FileLock
from prismrec.training.tuning.space import OneOf, Range, Settings, Tuned
from prismrec.training.tuning.task import JOURNAL_FILE, LOCKS, TrialRecord

NAME = "prismrec"
NEVER_PRUNED = 3
"""First trials that are never pruned, since a median needs some."""
RANDOM_TRIALS = 6
"""First trials with random settings; later ones depend on the results so far."""
WARMUP = 20
"""Percent of a training before which it is not pruned: the first validations mislead."""


class ClaimedTrial:
    """A trial that this process runs; nobody else can claim it until it is finished.

    Args:
        study: The study of the trial.
        trial: The trial.
        lock: Its lock, which this process holds.
    """

    def __init__(self, study: optuna.Study, trial: Trial, lock: FileLock) -> None:
        self.study, self.trial, self.lock = study, trial, lock
        self.number: int = trial.number
        self.settings: Settings = dict(trial.params)

    def report(self, percent: int, value: float) -> bool:
        """Record a validation metric; return whether the trial should be pruned.

        Args:
            percent: Share of the steps so far, in percent.
            value: The metric.
        """
        if percent not in self.study.get_trials(deepcopy=False)[self.number].intermediate_values:
            self.trial.report(value, percent)
        return bool(self.trial.should_prune())

    def complete(self, value: float, seconds: float) -> None:
        """Record the best validation metric."""
        self._finish(TrialState.COMPLETE, seconds, value)

    def prune(self, seconds: float) -> None:
        """Record that the trial was ended early."""
        self._finish(TrialState.PRUNED, seconds)

    def fail(self, reason: str, seconds: float) -> None:
        """Record that the training could not continue."""
        self.trial.set_user_attr("reason", reason)
        self._finish(TrialState.FAIL, seconds)

    def _finish(self, state: TrialState, seconds: float, value: float | None = None) -> None:
        self.trial.set_user_attr("seconds", round(seconds, 1))
        self.study.tell(self.number, value, state=state)


class Journal:
    """All trials of a folder.

    Args:
        folder: Folder of the journal.
        tuned: The settings that are tuned. The first trial has their defaults.
        about: What the trials depend on: data, extractor and given settings, as JSON.
        seed: Seed of the search.

    Raises:
        DataError: The folder has trials of other data or settings, or the journal is damaged.
    """

    def __init__(self, folder: Path, tuned: Tuned, about: Mapping[str, Any], seed: int) -> None:
        self.folder, self.tuned, self.seed = folder, tuned, seed
        self.lock = FileLock(folder / LOCKS / "journal")
        self.path = folder / JOURNAL_FILE
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.about: dict[str, Any] = json.loads(json.dumps(about, default=str))
        with self.lock:
            self.study = self._open(self.about)

    def _open(self, about: Mapping[str, Any]) -> optuna.Study:
        """Open the study; enqueue the default as its first trial."""
        # It has the methods of Optuna's locks.
        line_lock: Any = FileLock(self.folder / LOCKS / "line")
        with line_lock:
            remove_unfinished_line(self.path)
        try:
            storage = JournalStorage(JournalFileBackend(str(self.path), lock_obj=line_lock))
            study = optuna.create_study(
                storage=storage, study_name=NAME, load_if_exists=True, direction="maximize",
                pruner=optuna.pruners.MedianPruner(NEVER_PRUNED, WARMUP),
            )  # fmt: skip
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            raise DataError(
                f"{self.path} cannot be read as a journal of trials ({error}); give another folder."
            ) from error
        stored = study.user_attrs.get("about")
        if stored is None:
            study.set_user_attr("about", about)
        elif stored != about:
            changed = [n for n in about | stored if stored.get(n) != about.get(n)]
            if "data" in changed:  # the split and what is tuned depend on it
                changed = ["data"]
            changed = ["what is tuned (--only)" if name == "space" else name for name in changed]
            raise DataError(
                f"{self.folder} has trials that differ in {', '.join(changed)}; give another "
                "folder, or the same data and settings."
            )
        if not study.get_trials(deepcopy=False):
            study.enqueue_trial(self.tuned.default)
        return study

    def claim(self, trials: int) -> ClaimedTrial | None:
        """Return a trial that a killed process left, or the next one, for this process alone.

        Args:
            trials: Largest number of trials of the folder.

        Returns:
            None if so many trials have been claimed.
        """
        with self.lock:
            left = self._claim_left()
            begun = [t for t in self._all() if t.state != TrialState.WAITING]
            if left or len(begun) >= trials:
                return left
            # A sampler per trial: a process that starts again must not repeat the first draws.
            seed = int(np.random.SeedSequence([self.seed, len(begun)]).generate_state(1)[0])
            self.study.sampler = optuna.samplers.TPESampler(
                n_startup_trials=RANDOM_TRIALS, seed=seed, constant_liar=True
            )
            trial = self.study.ask()
            lock = self.lock_of(trial.number)
            lock.acquire()
            for name, values in self.tuned.space.items():
                suggest(trial, name, values)
            return ClaimedTrial(self.study, trial, lock)

    def _claim_left(self) -> ClaimedTrial | None:
        """Return a running trial whose process has ended; None if there is none."""
        for frozen in self._all():
            if frozen.state != TrialState.RUNNING:
                continue
            lock = self.lock_of(frozen.number)
            if lock.acquire(wait=False):
                if self._all()[frozen.number].state.is_finished():  # just before its lock was free
                    lock.release()
                    continue
                trial = Trial(self.study, frozen._trial_id)
                for name, values in self.tuned.space.items():  # those that were not drawn yet
                    suggest(trial, name, values)
                return ClaimedTrial(self.study, trial, lock)
        return None

    def lock_of(self, number: int) -> FileLock:
        """Return the lock that the process of a trial holds."""
        return FileLock(self.folder / LOCKS / f"trial-{number}")

    def running(self) -> int:
        """Count the trials that other processes are running."""
        number = 0
        with self.lock:  # a lock that is only tried here must not look taken to ``claim``
            for frozen in self._all():
                if frozen.state == TrialState.RUNNING:
                    lock = self.lock_of(frozen.number)
                    if lock.acquire(wait=False):
                        lock.release()
                    else:
                        number += 1
        return number

    def has_default(self) -> bool:
        """Return whether the trial of the default settings has ended."""
        return any(t.number == 0 and t.state.is_finished() for t in self._all())

    def records(self) -> list[TrialRecord]:
        """Return all trials that have begun, by number."""
        names = {TrialState.COMPLETE: "complete", TrialState.PRUNED: "pruned"}
        names |= {TrialState.FAIL: "failed", TrialState.RUNNING: "running"}
        return [
            TrialRecord(
                number=t.number,
                state=names[t.state],
                settings=dict(t.params),
                value=t.value if t.state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
                seconds=t.user_attrs.get("seconds"),
                reason=t.user_attrs.get("reason", ""),
            )
            for t in self._all()
            if t.state in names
        ]

    def _all(self) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False)


def suggest(trial: Trial, name: str, values: OneOf | Range) -> None:
    """Draw a setting of a trial, if it was not drawn before."""
    if isinstance(values, OneOf):
        trial.suggest_categorical(name, values.values)
    else:
        trial.suggest_float(name, values.low, values.high, log=values.log)


def remove_unfinished_line(path: Path) -> None:
    """Remove the last line of a journal if its process was killed while it wrote it."""
    if not path.exists():
        return
    content = path.read_bytes()
    complete = content.rfind(b"\n") + 1
    if complete < len(content):
        os.truncate(path, complete)
