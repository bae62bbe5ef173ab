"""Compare two reports user by user: is one recommender better than the other?

    print(compare(prism, rules, "recall@50"))
    # recall@50: better by 0.0320 ± 0.0081 over 2,237 users

With 2,000 users the interval of one report is wider than most differences between recommenders.
The interval of the difference per user is much smaller.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from prismrec.data import html_table
from prismrec.errors import DataError, UnknownName, check_type
from prismrec.evaluation.metric_report import Report, half_width
from prismrec.evaluation.metrics import METRICS, split_metric

LEVEL = 0.05
"""Level of the tests: probability of a difference by chance."""
ROUNDING = 1e-9
"""Spread, as a share of the mean, below which differences are equal but for rounding."""


@dataclass(frozen=True, repr=False)
class Difference:
    """The mean over users of a metric of one report minus that of another."""

    metric: str
    """Name of the metric, such as ``recall@50``."""
    mean: float
    """Mean of the differences per user."""
    interval: float
    """95 % half-width of ``mean``."""
    users: int
    """Number of users for whom both reports have the metric."""

    @property
    def varies(self) -> bool:
        """Whether the differences of users vary by more than rounding."""
        return self.interval > ROUNDING * abs(self.mean)

    @property
    def sign_p(self) -> float:
        """The p-value of the sign test, two-sided, if all users have the same difference.

        It is 2 · (1/2)^users. Without spread there is no other test: few users may be equal by
        chance.
        """
        return min(2.0 ** (1 - self.users), 1.0) if self.mean else 1.0

    @property
    def verdict(self) -> str:
        """Return "level", "better" or "worse"; "higher" or "lower" if neither is better."""
        if abs(self.mean) <= self.interval or (not self.varies and self.sign_p > LEVEL):
            return "level"
        direction = "higher" if self.mean > 0 else "lower"
        better = METRICS[split_metric(self.metric)[0]].better
        return direction if not better else "better" if direction == better else "worse"

    def __repr__(self) -> str:
        return f"Difference({self})"

    def __str__(self) -> str:
        users = f"{self.users:,} users"
        if self.verdict == "level" and self.mean and not self.varies:
            return f"{self.metric}: level, {self.mean:+.4f} for each of {users}, too few to be sure"
        if self.verdict == "level":
            return f"{self.metric}: level, {self.mean:+.4f} ± {self.interval:.4f} over {users}"
        size = f"{abs(self.mean):.4f} ± {self.interval:.4f}"
        return f"{self.metric}: {self.verdict} by {size} over {users}"

    def _repr_html_(self) -> str:
        """Return the difference as an HTML table, for notebooks."""
        row = (self.metric, f"{self.mean:+.4f}", f"{self.interval:.4f}", self.verdict)
        head = ("metric", "difference", "± 95 %", "verdict")
        return html_table(head, [row], caption=f"Difference per user, {self.users:,} users")


def compare(a: Report, b: Report, metric: str) -> Difference:
    """Subtract the metric of ``b`` from that of ``a``, user by user.

    Args:
        a: Report of one recommender.
        b: Report of another recommender, on the same cases in the same order.
        metric: Name of a metric, such as "recall@50", that both have for each user.

    Raises:
        ConfigError: One is not a report.
        DataError: The reports are of different users, or fewer than two users have the metric.
        UnknownName: A report does not have the metric per user: it was not computed, it is of
            all lists together, or the report was read from JSON, which does not contain users.

    Cost: O(users).
    """
    for report in (a, b):
        check_type("A report", report, Report, "a Report; pass what pr.evaluate returned")
    if a.cases != b.cases:
        raise DataError(
            f"Two reports cannot be compared user by user, because one is of {a.users:,} users "
            f"and the other of {b.users:,} different users; evaluate both on the same cases."
        )
    for report in (a, b):
        if metric not in report.per_user:
            raise UnknownName.among("metric of each user", metric, report.per_user)
    return paired_difference(a.per_user[metric], b.per_user[metric], metric)


def paired_difference(
    a: Float[np.ndarray, " U"], b: Float[np.ndarray, " U"], metric: str
) -> Difference:
    """Subtract the values of one recommender from those of another, user by user.

    Args:
        a: One value per user; NaN where the metric is undefined.
        b: Values of the same users in the same order.
        metric: Name of the metric.

    Raises:
        DataError: Fewer than two users have both values.
    """
    difference = a - b
    difference = difference[~np.isnan(difference)]
    if len(difference) < 2:
        raise DataError(
            f"{metric} cannot be compared, because the number of users who have it in both reports "
            f"is {len(difference)}; evaluate at least two such users."
        )
    return Difference(metric, float(difference.mean()), half_width(difference), len(difference))


def compare_if_possible(a: Report, b: Report, metric: str) -> Difference | str:
    """Return the difference of two reports of the same users, or the reason why there is none.

    Raises:
        DataError: The reports are of different users.
        UnknownName: See ``compare``.
    """
    try:
        return compare(a, b, metric)
    except DataError as error:
        if a.cases != b.cases:
            raise
        return str(error).removesuffix(".")
