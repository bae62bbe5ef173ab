"""The warnings of the report of an A/B test, one sentence each."""

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.experiments.differences import varies
from prismrec.evaluation.experiments.exposures import Exposures
from prismrec.evaluation.experiments.outcomes import Outcomes

Sample = dict[str, NDArray[np.float64]]
"""One value per user of a variant, by metric."""
MISMATCH = 0.001
"""p-value of the sample ratio below which users are missing or counted twice."""
SHOWN = 5
"""Number of files that a warning names."""


def notes_on_users(outcomes: Outcomes, ratio: float) -> Iterator[str]:
    """Yield warnings about the users, and about lists that have no later events.

    Args:
        outcomes: What the users did.
        ratio: p-value of the number of users per variant.
    """
    if ratio < MISMATCH:
        yield (
            f"The users per variant do not match the shares (p = {ratio:.2g}): users of a variant "
            "are lost or counted twice, so do not trust the differences; find the cause first."
        )
    if not outcomes.users_with_events:
        yield (
            "No user of the experiment has an event: the secret or the user ids of the log differ "
            "from those of the service."
        )
    if outcomes.users_of_several:
        yield (
            f"{outcomes.users_of_several:,} users had lists of several variants and are left out; "
            "use a new name when an experiment changes."
        )
    if outcomes.unfinished:
        yield (
            f"The windows of {outcomes.unfinished:,} counted lists end after the last event of the "
            "log, so later events on them are missing."
        )


def notes_on_values(samples: Mapping[str, Sample]) -> Iterator[str]:
    """Yield a warning for each metric that is the same for all users of a variant.

    Args:
        samples: One value per user, by variant and metric.
    """
    for metric in next(iter(samples.values())):
        equal = [name for name, sample in samples.items() if not varies(sample[metric])]
        if equal:
            yield (
                f"{metric} is the same for all users of {', '.join(equal)}, so what is "
                "computed from these users alone has no interval, p-value or smallest difference."
            )


def notes_on_logs(exposures: Exposures, outcomes: Outcomes, k: int) -> Iterator[str]:
    """Yield warnings about the exposure log and the log of events.

    Args:
        exposures: The lists.
        outcomes: What their users did.
        k: Number of items of a list that count.
    """
    longest = exposures.frame["items"].list.len().max()
    if isinstance(longest, int) and longest < k:
        yield f"No list has more than {longest} items, so hit_rate@{k} is of at most {longest}."
    if outcomes.only_dates:
        yield (
            "All times of the events are midnight (dates without a time of day), so an event on "
            "the day of a list is taken as before the list and is no hit; give a log with times of "
            "day."
        )
    if exposures.repeated:
        yield (
            f"{exposures.repeated:,} lines are in the exposure log more than once, as in a copy of "
            "a file; each counts once."
        )
    if others := exposures.other_files:
        shown = ", ".join(others[:SHOWN]) + (", …" if len(others) > SHOWN else "")
        number = "1 other file" if len(others) == 1 else f"{len(others):,} other files"
        yield f"The folder of the exposure log has {number}, not read: {shown}."
    if exposures.torn or exposures.rejected:
        yield (
            f"{exposures.torn:,} lines that a crash cut off and {exposures.rejected:,} lines that "
            "are no exposure were left out."
        )
