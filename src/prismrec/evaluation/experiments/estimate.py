"""The estimated hit rate of an artifact that no user has seen, from the lists of an A/B test.

variants = {"control": Policy(model), "diverse": Policy(model, ListOptions(diversity=0.2))}
found = estimate_policy(exposures, log, secret, variants, Policy(new_model))
found.estimate, found.interval, found.coverage
found.notes            # read these first

It is an estimate, not a measurement: ``docs/experiments.md`` has its assumptions. The same estimate
for each variant, next to the rate that was measured, shows whether they hold.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from prismrec.data import EventLog
from prismrec.errors import ConfigError
from prismrec.evaluation.experiments.abtest import check_options
from prismrec.evaluation.experiments.exposures import Exposures
from prismrec.evaluation.experiments.off_policy import (
    Estimate,
    agreement,
    estimate_rate,
    measured_rate,
)
from prismrec.evaluation.experiments.replay import Policy, Replay, ReplayOptions, replay

FEW_SAME = 0.95
"""Share of logged lists that are computed again exactly below which the histories do not fit."""
FEW_COVERED = 0.5
"""Share of the items of the new lists that any variant shows below which a warning appears."""
FEW_HITS = 20
"""Number of hits below which the interval is not reliable."""
DOUBT = 0.01
"""p-value, corrected for the number of variants, below which estimate and measurement of a variant
differ."""


@dataclass(frozen=True)
class VariantCheck:
    """The estimate for a variant and its measured rate: the two should agree."""

    name: str
    estimate: float
    """Estimated from the lists of all variants, as for the new artifact."""
    estimate_interval: float
    """95 % half-width of the estimate."""
    measured: float
    """Share of the items of its own users' lists with a hit."""
    measured_interval: float
    """95 % half-width of the measured rate."""
    p: float
    """p-value of the difference."""
    same: float
    """Share of its logged lists that were computed again exactly."""


@dataclass(frozen=True)
class PolicyEstimate:
    """The estimated hit rate per shown item of new lists."""

    k: int
    window: float
    """Seconds."""
    estimate: float
    """Estimated share of the first k items with a hit, among those that any variant shows."""
    interval: float
    """95 % half-width of the estimate; users are the independent units."""
    coverage: float
    """Share of the items of the new lists that any variant shows."""
    lowest: float
    """The estimate for all items if those that no variant shows are never hit."""
    effective_items: float
    """Number of items of equal weight with the same variance."""
    users: int
    """Number of users with an item of the new lists in a logged list."""
    hits: int
    """Number of hits of such items."""
    lists: int
    """Number of logged lists that count."""
    same: float
    """Share of the logged lists that were computed again exactly."""
    variants: tuple[VariantCheck, ...]
    notes: tuple[str, ...]
    """Warnings, one sentence each."""
    method: str = "self-normalised inverse propensity: an estimate, not a measurement"

    def to_json(self) -> dict[str, Any]:
        """Return the estimate as values for JSON."""
        return asdict(self)


def estimate_policy(
    exposures: Exposures,
    log: EventLog,
    secret: bytes,
    variants: Mapping[str, Policy],
    new: Policy,
    options: ReplayOptions = ReplayOptions(),  # noqa: B008 -- frozen
) -> PolicyEstimate:
    """Estimate the hit rate of the lists of a new policy from those that an A/B test logged.

    See ``replay`` for the arguments, and ``estimate_rate`` for the formula.

    Raises:
        ConfigError: The variants are others than those of the experiment, an option is out of its
            range, or list options do not fit a recommender.
        DataError: The log has no times, no list can be counted, or no item of the new lists was
            shown.

    Cost: one list per counted request, for each variant and the new policy.
    """
    check_options(options.k, options.window)
    if options.newest < 1:
        raise ConfigError(
            f"The service read {options.newest} events per user; give 1 or more, as in its setting "
            "history."
        )
    if set(variants) != set(exposures.shares):
        raise ConfigError(
            f"The variants are {', '.join(variants)}, but the experiment "
            f"{exposures.experiment!r} has {', '.join(exposures.shares)}; give these."
        )
    replayed = replay(exposures, log, secret, variants, new, options)
    found = estimate_rate(replayed.logged, replayed.new)
    checks = tuple(_check(name, number, replayed) for number, name in enumerate(variants))
    return PolicyEstimate(
        k=options.k,
        window=options.window,
        estimate=found.rate.value,
        interval=found.rate.interval,
        coverage=found.coverage,
        lowest=found.rate.value * found.coverage,
        effective_items=found.effective_items,
        users=found.rate.users,
        hits=found.rate.hits,
        lists=len(replayed.same),
        same=float(replayed.same.mean()),
        variants=checks,
        notes=tuple(_notes(found, checks, replayed, options)),
    )


def _check(name: str, number: int, replayed: Replay) -> VariantCheck:
    """Return the estimate and the measured rate of a variant.

    Raises:
        DataError: Fewer than two users had an item of it.
    """
    logged = replayed.logged
    estimated = estimate_rate(logged, logged.lists[number]).rate
    measured = measured_rate(logged, number)
    return VariantCheck(
        name=name,
        estimate=estimated.value,
        estimate_interval=estimated.interval,
        measured=measured.value,
        measured_interval=measured.interval,
        p=agreement(estimated, measured),
        same=float(replayed.same[logged.variant == number].mean()),
    )


def _notes(
    found: Estimate, checks: tuple[VariantCheck, ...], replayed: Replay, options: ReplayOptions
) -> Iterator[str]:
    """Yield warnings, one sentence each."""
    same = float(replayed.same.mean())
    if same < FEW_SAME:
        yield (
            f"Only {same:.1%} of the logged lists were computed again exactly: the events, the "
            "artifacts or the options differ from those of the service, so do not trust the "
            "estimate; find the cause first."
        )
    for each in checks:
        if each.p * len(checks) < DOUBT:
            yield (
                f"For the variant {each.name!r} the estimate is {each.estimate:.4f}, but "
                f"{each.measured:.4f} was measured (p = {each.p:.2g}): the assumptions do not "
                "hold here, so do not trust the estimate."
            )
    if found.coverage < FEW_COVERED:
        yield (
            f"The variants show only {found.coverage:.1%} of the items of the new lists: the "
            "estimate does not include the others."
        )
    if found.rate.hits < FEW_HITS:
        yield (
            f"The estimate rests on {found.rate.hits} hits, so its interval is not reliable; "
            "collect more exposures."
        )
    short = int((replayed.lengths < options.k).sum())
    if short and not options.own_lengths and np.ptp(replayed.lengths):
        yield (
            f"{short:,} logged lists have fewer than {options.k} items, and all lists of their "
            "requests were computed with the same length; if a filter made them short, choose a "
            "smaller k."
        )
