"""Validation: its metric, how it is measured, and on which users."""

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

import numpy as np

from prismrec.data import Case
from prismrec.evaluation import evaluate_metric, list_lengths
from prismrec.recommend import Recommender

T = TypeVar("T")
LONGEST = 50
"""Length of the lists of the validation metric."""
VALIDATION_USERS = 6_147
"""Largest number of users that choose the weights: with so many, the 95 % interval of the mean of a
metric from 0 to 1 is at most ±0.0125, whatever its values. All weights are measured on the same
users, so smaller differences between weights count."""
MIN_USERS = 20
"""With fewer validation users every difference is chance."""
COMPARED_USERS = 5_000
"""Largest number of validation users on whom two recommenders are compared, evenly spread."""


def validation_metric(name: str, items: int) -> str:
    """Return the metric that chooses weights: ``recall@50``; shorter lists for a small catalog."""
    return f"{name}@{list_lengths(items, LONGEST)[0]}"


def measure_one(
    recommender: Recommender, cases: Sequence[Case], metric: str, *, exclude_seen: bool
) -> float:
    """Return one metric, such as ``recall@50``, of the lists of a recommender."""
    recommend = partial(recommender.ranked, exclude_seen=exclude_seen)
    return evaluate_metric(recommend, cases, metric).metrics[metric]


def drawn_users(
    cases: Sequence[Case], metric: str, *, seed: int
) -> tuple[Sequence[Case], str | None]:
    """Draw the users that choose the weights: ``VALIDATION_USERS``, or all if they are fewer.

    Returns:
        Cases in their order, and a sentence on the sample; None if it is all users.
    """
    if len(cases) <= VALIDATION_USERS:
        return cases, None
    chosen = np.random.default_rng(seed).choice(len(cases), VALIDATION_USERS, replace=False)
    interval = 1.96 * 0.5 / np.sqrt(VALIDATION_USERS)
    return [cases[number] for number in np.sort(chosen).tolist()], (
        f"{metric} was measured on {VALIDATION_USERS:,} of {len(cases):,} validation users, drawn "
        f"with seed {seed}: its 95 % interval is at most ±{interval:.4f}"
    )


def evenly_spread(values: Sequence[T], most: int) -> Sequence[T]:
    """Return every n-th value, with the smallest n that leaves at most ``most`` values."""
    return values[:: max(-(-len(values) // most), 1)]


def evenly_spread_with_history(cases: Sequence[Case], most: int) -> list[Case]:
    """Return every n-th of the cases that have a history; see ``evenly_spread``."""
    known = [number for number, case in enumerate(cases) if len(case.history)]
    return [cases[number] for number in evenly_spread(known, most)]
