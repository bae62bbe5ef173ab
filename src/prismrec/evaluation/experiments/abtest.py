"""The report of an A/B test: variants, their differences to the control, and warnings.

report = analyze(read_exposures("exposures/"), read_events("events.csv"), secret)
report.differences      # per variant and metric: mean, 95 % interval, p-value
report.notes            # read these first
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from prismrec.data import EventLog
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation.compare import LEVEL
from prismrec.evaluation.experiments.differences import (
    VariantDifference,
    difference,
    mean_interval,
    sample_ratio,
    varies,
)
from prismrec.evaluation.experiments.exposures import Exposures
from prismrec.evaluation.experiments.notes import (
    Sample,
    notes_on_logs,
    notes_on_users,
    notes_on_values,
)
from prismrec.evaluation.experiments.outcomes import measure_outcomes
from prismrec.evaluation.experiments.sample_size import smallest_effect, users_needed
from prismrec.evaluation.pairwise import holm

POWER = 0.8
"""Probability with which the smallest effect of a report is found."""
LONGEST_WINDOW = 1e9
"""Largest number of seconds of a window: 32 years."""


@dataclass(frozen=True)
class VariantResult:
    """What the users of one variant did."""

    name: str
    share: float
    """Share of the users that were to be assigned to it."""
    users: int
    exposures: int
    """Number of counted lists."""
    means: Mapping[str, float]
    """Mean over users, by metric."""
    intervals: Mapping[str, float | None]
    """95 % half-width of the mean, by metric; None if all users have the same value."""


@dataclass(frozen=True)
class ABTest:
    """The report of one experiment; the first variant is the control."""

    experiment: str
    k: int
    window: float
    """Seconds."""
    variants: tuple[VariantResult, ...]
    differences: tuple[VariantDifference, ...]
    sample_ratio_p: float
    """p-value of the number of users per variant."""
    smallest_effects: Mapping[str, float]
    """By metric: the difference of the first variant to the control that is found with a
    probability of 80 %. A metric that is the same for all users of the control is left out."""
    users_needed: Mapping[str, int]
    """By metric: number of users of both variants that are needed for the effect that the caller
    named, relative to the mean of the control; empty if none was named."""
    overridden: int
    """Lists of requests that set an option that the experiment varies; they are not counted."""
    users_of_several: int
    """Users with lists of several variants; they are left out."""
    dislikes: int
    """Dislikes of users of the experiment; they are no hits."""
    torn: int
    rejected: int
    repeated: int
    """Lines that are in the exposure log more than once; each counts once."""
    other_files: tuple[str, ...]
    """Names of what else is in the folder of the exposure log; it is not read."""
    notes: tuple[str, ...]
    """Warnings, one sentence each."""

    def to_json(self) -> dict[str, Any]:
        """Return the report as values for JSON."""
        return asdict(self)


def analyze(
    exposures: Exposures,
    log: EventLog,
    secret: bytes,
    *,
    k: int = 10,
    window: float = 86_400.0,
    effect: float | None = None,
) -> ABTest:
    """Compare the variants of an experiment, user by user.

    Args:
        exposures: The lists.
        log: Events of the same users, with times; dislikes are left out.
        secret: The secret with which the service hashed the users.
        k: Number of items of a list that count.
        window: Seconds after a list in which an event on one of its items is a hit.
        effect: A relative difference to the control, such as 0.05 for 5 %, for which the number of
            users is computed.

    Raises:
        ConfigError: ``k`` is below 1, the window is not above 0 or longer than
            ``LONGEST_WINDOW``, or the effect is 0 or not finite.
        DataError: The log has no times, or a variant has fewer than two users.

    Cost: O(lists · k + events) memory.
    """
    check_options(k, window, effect)
    outcomes = measure_outcomes(exposures, log, secret, k=k, window=window)
    metrics = {f"hit_rate@{k}": "hit_rate", "events_per_user": "events"}
    samples = {name: _sample(outcomes.users, name, metrics) for name in exposures.shares}
    differences = _differences(samples)
    variants = tuple(
        _result(name, exposures.shares[name], outcomes.users, sample)
        for name, sample in samples.items()
    )
    ratio = sample_ratio([each.users for each in variants], list(exposures.shares.values()))
    smallest, needed = _plan(variants, samples, effect)
    return ABTest(
        experiment=exposures.experiment,
        k=k,
        window=window,
        variants=variants,
        differences=differences,
        sample_ratio_p=ratio,
        smallest_effects=smallest,
        users_needed=needed,
        overridden=outcomes.overridden,
        dislikes=outcomes.dislikes,
        users_of_several=outcomes.users_of_several,
        torn=exposures.torn,
        rejected=exposures.rejected,
        repeated=exposures.repeated,
        other_files=exposures.other_files,
        notes=(
            *notes_on_users(outcomes, ratio),
            *notes_on_values(samples),
            *notes_on_logs(exposures, outcomes, k),
        ),
    )


def check_options(k: int, window: float, effect: float | None = None) -> None:
    """Raise ConfigError if an option is out of its range; see ``analyze``."""
    if k < 1 or not (0 < window <= LONGEST_WINDOW):
        raise ConfigError(
            f"k is {k} and the window is {window:g} seconds; give a k of 1 or more and a window "
            f"above 0 and at most {LONGEST_WINDOW:g} seconds."
        )
    if effect is not None and not (math.isfinite(effect) and effect):
        raise ConfigError(
            f"The relative effect is {effect:g}; give a number other than 0, such as 0.05."
        )


def _sample(users: pl.DataFrame, variant: str, metrics: Mapping[str, str]) -> Sample:
    """Return one value per user of a variant, by metric.

    Raises:
        DataError: The variant has fewer than two users.
    """
    found = users.filter(pl.col("variant") == variant)
    if len(found) < 2:
        raise DataError(
            f"The variant {variant!r} has {len(found)} users with a list that counts, so it cannot "
            "be compared; wait until each variant has two users or more."
        )
    return {metric: found[column].to_numpy() for metric, column in metrics.items()}


def _differences(samples: Mapping[str, Sample]) -> tuple[VariantDifference, ...]:
    """Return the differences of all variants to the first one, in all metrics."""
    control, *others = samples
    pairs = [(name, metric) for name in others for metric in samples[control]]
    found = [difference(samples[name][m], samples[control][m]) for name, m in pairs]
    corrected = iter(holm([p for _, _, p in found if p is not None]))
    return tuple(
        VariantDifference(
            *pair, mean, interval, p, p_corrected=None if p is None else next(corrected)
        )
        for pair, (mean, interval, p) in zip(pairs, found, strict=True)
    )


def _result(name: str, share: float, users: pl.DataFrame, sample: Sample) -> VariantResult:
    counted = users.filter(pl.col("variant") == name)
    return VariantResult(
        name=name,
        share=share,
        users=len(counted),
        exposures=int(counted["exposures"].sum()),
        means={metric: float(values.mean()) for metric, values in sample.items()},
        intervals={metric: mean_interval(values) for metric, values in sample.items()},
    )


def _plan(
    variants: Sequence[VariantResult], samples: Mapping[str, Sample], effect: float | None
) -> tuple[dict[str, float], dict[str, int]]:
    """Return the smallest effect that is found and the number of users that an effect needs.

    Both are by metric, for the control and the first other variant, with Holm's smallest level. A
    metric that is the same for all users of the control is left out.
    """
    control, other = variants[:2]
    shares = (control.share, other.share)
    comparisons = (len(variants) - 1) * len(control.means)
    smallest, needed = {}, {}
    for metric, values in samples[control.name].items():
        if not varies(values):
            continue
        deviation, alpha = float(values.std(ddof=1)), LEVEL / comparisons
        smallest[metric] = smallest_effect(
            control.users + other.users, deviation, shares=shares, alpha=alpha, power=POWER
        )
        if effect is not None and (absolute := effect * control.means[metric]):
            needed[metric] = users_needed(
                absolute, deviation, shares=shares, alpha=alpha, power=POWER
            )
    return smallest, needed
