"""The search: train the weights of one trial after the other, and prune the poor ones."""

import time
from collections.abc import Sequence

from prismrec.errors import TrainingError
from prismrec.io import duration
from prismrec.training.fit import train_weights
from prismrec.training.loop import Step
from prismrec.training.tuning.journal import ClaimedTrial, Journal
from prismrec.training.tuning.space import with_settings
from prismrec.training.tuning.task import CHECKPOINTS, POLL, Checkpoints, Task, TrialRecord


class Pruned(Exception):  # noqa: N818 -- it is no error
    """The trial that is running is worse than the median of the others."""


def search(task: Task, journal: Journal, *, trials: int, deadline: float) -> None:
    """Run trials until the folder has enough of them, also with other processes.

    Args:
        task: Data, settings, folder and progress.
        journal: The trials.
        trials: Largest number of trials of the folder.
        deadline: Value of ``time.monotonic`` after which no trial but the default begins.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; the trial continues when the search is started again.
    """
    while (in_time := time.monotonic() < deadline) or not journal.has_default():
        claimed = journal.claim(trials if in_time else 1)
        if claimed is not None:
            try:
                run_trial(task, claimed)
            finally:
                claimed.lock.release()
            left = time_left(
                journal.records(), trials, journal.running() + 1, deadline - time.monotonic()
            )
            task.note(trial_line(journal.records(), claimed.number, trials, left))
        elif journal.running():
            time.sleep(POLL)
        else:
            return
    if journal.running():
        task.note("The time is over; waiting for the trials of other processes.")
    while journal.running():
        time.sleep(POLL)


def run_trial(task: Task, claimed: ClaimedTrial) -> None:
    """Train the weights of a trial and record its validation metric.

    Raises:
        KeyboardInterrupt: Ctrl-C was pressed; a checkpoint is saved.
    """
    config, training = with_settings(task.config, task.training, claimed.settings)
    checkpoints = Checkpoints(task.folder / CHECKPOINTS / f"trial-{claimed.number}")
    began = time.perf_counter()
    with task.watch(f"trial {claimed.number}") as show:

        def on_step(step: Step) -> None:
            show(step)
            if step.validation is None or step.step == step.steps:
                return
            if claimed.report(round(100 * step.step / step.steps), step.validation):
                raise Pruned

        try:
            run = train_weights(
                task.split,
                task.catalog,
                config,
                training,
                folder=checkpoints.folder,
                resume=checkpoints.exist,
                on_step=on_step,
            )
        except Pruned:
            claimed.prune(time.perf_counter() - began)
        except TrainingError as error:
            claimed.fail(str(error), time.perf_counter() - began)
        else:
            if run.result.interrupted:
                raise KeyboardInterrupt
            claimed.complete(run.result.best or 0.0, time.perf_counter() - began)
    checkpoints.remove()


def time_left(records: Sequence[TrialRecord], trials: int, processes: int, most: float) -> float:
    """Estimate the seconds until the search ends, from the mean time of the trials so far.

    Args:
        records: All trials.
        trials: Number of trials of the folder.
        processes: Processes that share the rest.
        most: Seconds until no trial begins.
    """
    seconds = [each.seconds for each in records if each.seconds is not None]
    mean = sum(seconds) / max(len(seconds), 1)
    return max(0.0, min(mean * (trials - len(seconds)) / processes, most))


def trial_line(records: Sequence[TrialRecord], number: int, trials: int, left: float) -> str:
    """Return the line on a finished trial: its result, the best one, and the time left."""
    record = next(each for each in records if each.number == number)
    complete = [each for each in records if each.state == "complete" and each.value is not None]
    state = record.state if record.value is None else f"{record.value:.4f}"
    pruned = ", pruned" if record.state == "pruned" else ""
    line = f"trial {number}: {state}{pruned}"
    if complete:
        best = max(complete, key=lambda each: each.value or 0.0)
        line += f"; best {best.value:.4f} (trial {best.number})"
    done = sum(each.seconds is not None for each in records)
    line += f"; {done} of {trials} trials"
    return line + (f", {duration(left)} left before the repeated runs" if left else "")
