"""Means over users, their differences, and the check of the sample ratio: pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from prismrec.errors import DataError


@dataclass(frozen=True)
class VariantDifference:
    """The mean over users of one variant minus that of the control."""

    variant: str
    metric: str
    mean: float
    interval: float
    """95 % half-width of ``mean``."""
    p: float
    """p-value of Welch's t test, two-sided."""
    p_corrected: float
    """The p-value, corrected for all comparisons of the report by Holm's method."""


def difference(
    values: NDArray[np.float64], control: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Compare the means of two samples of independent values by Welch's t test.

    ``t = (m₁ − m₂) / s`` with ``s² = s₁²/n₁ + s₂²/n₂``, and Welch's degrees of freedom. The 95 %
    interval excludes 0 exactly if p < 0.05.

    Args:
        values: One value per user of the variant, at least two.
        control: One value per user of the control, at least two.

    Returns:
        The difference of the means, its 95 % half-width, and the two-sided p-value.

    Raises:
        DataError: A sample has fewer than two values.

    Source: Welch (1947), https://doi.org/10.1093/biomet/34.1-2.28.
    """
    if min(len(values), len(control)) < 2:
        raise DataError(
            f"The means of {len(values)} and {len(control)} users cannot be compared; wait until "
            "each variant has two users or more."
        )
    mean = float(values.mean() - control.mean())
    parts = [float(each.var(ddof=1) / len(each)) for each in (values, control)]
    error = sum(parts) ** 0.5
    if error == 0:  # all values of a variant are equal
        return mean, 0.0, float(mean == 0)
    sizes = (len(values), len(control))
    freedom = sum(parts) ** 2 / sum(
        part**2 / (size - 1) for part, size in zip(parts, sizes, strict=True)
    )
    half_width = float(special.stdtrit(freedom, 0.975)) * error
    return mean, half_width, float(2 * special.stdtr(freedom, -abs(mean) / error))


def sample_ratio(users: Sequence[int], shares: Sequence[float]) -> float:
    """Return the p-value of the users per variant, if users were assigned with these shares.

    ``χ² = Σ (n_v − n·share_v)² / (n·share_v)`` with one degree of freedom less than variants. A
    very small value means that something loses or adds users of one variant, and then differences
    between variants mean nothing.
    """
    counts = np.asarray(users, dtype=np.float64)
    expected = counts.sum() * np.asarray(shares) / sum(shares)
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return float(special.chdtrc(len(counts) - 1, statistic))
