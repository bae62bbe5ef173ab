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
    interval: float | None
    """95 % half-width of ``mean``; None if the values of neither variant vary."""
    p: float | None
    """p-value of Welch's t test, two-sided; None like ``interval``."""
    p_corrected: float | None
    """The p-value, corrected for all comparisons of the report by Holm's method."""


def varies(values: NDArray[np.float64]) -> bool:
    """Return whether values are not all equal; from equal ones no error can be computed."""
    return bool((values != values[0]).any())


def mean_interval(values: NDArray[np.float64]) -> float | None:
    """Compute the 95 % half-width of the mean of at least two independent values.

    It is ``t · s / √n``, with the quantile t of Student's distribution with n − 1 degrees of
    freedom.

    Returns:
        None if all values are equal.
    """
    if not varies(values):
        return None
    quantile = special.stdtrit(len(values) - 1, 0.975)
    return float(quantile * values.std(ddof=1) / np.sqrt(len(values)))


def difference(
    values: NDArray[np.float64], control: NDArray[np.float64]
) -> tuple[float, float | None, float | None]:
    """Compare the means of two samples of independent values by Welch's t test.

    ``t = (m₁ − m₂) / s`` with ``s² = s₁²/n₁ + s₂²/n₂``, and Welch's degrees of freedom. The 95 %
    interval excludes 0 exactly if p < 0.05.

    Args:
        values: One value per user of the variant, at least two.
        control: One value per user of the control, at least two.

    Returns:
        The difference of the means, its 95 % half-width, and the two-sided p-value. The last two
        are None if the values of neither sample vary: the error of the difference is then unknown.

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
    if not (varies(values) or varies(control)):
        return mean, None, None
    parts = [float(each.var(ddof=1) / len(each)) for each in (values, control)]
    error = sum(parts) ** 0.5
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
