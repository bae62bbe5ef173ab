"""Two reports, paired by user: is one recommender better than the other?

    print(compare(prism, rules, "recall@50"))
    # recall@50: better by 0.0320 ± 0.0081 over 2 237 users

On two thousand users the interval of one report is wider than most differences; the difference
within each user is not.
"""

from dataclasses import dataclass

import numpy as np

from prismrec.errors import DataError, UnknownName
from prismrec.evaluation.evaluate import Report, half_width
from prismrec.evaluation.metrics import METRICS


@dataclass(frozen=True)
class Difference:
    """The mean over users of a metric of one report minus that of another."""

    metric: str
    mean: float
    interval: float
    """95 % half-width of ``mean``."""
    users: int
    """Users for whom both reports have the metric."""

    @property
    def verdict(self) -> str:
        """Give "level", "better" or "worse"; "higher" or "lower" where neither is better."""
        if abs(self.mean) <= self.interval:
            return "level"
        direction = "higher" if self.mean > 0 else "lower"
        better = METRICS[self.metric.partition("@")[0]].better
        return direction if not better else "better" if direction == better else "worse"

    def __str__(self) -> str:
        users = f"{self.users:,} users".replace(",", " ")
        if self.verdict == "level":
            return f"{self.metric}: level, {self.mean:+.4f} ± {self.interval:.4f} over {users}"
        size = f"{abs(self.mean):.4f} ± {self.interval:.4f}"
        return f"{self.metric}: {self.verdict} by {size} over {users}"


def compare(a: Report, b: Report, metric: str) -> Difference:
    """Subtract ``b`` from ``a``, user by user.

    Args:
        a: The report of the recommender in question.
        b: The report it is held against, on the same cases in the same order.
        metric: A name such as "recall@50" that both have for each user.

    Raises:
        DataError: The reports are of different users, or fewer than two users have the metric.
        UnknownName: The metric is not in both reports for each user: not computed, of all
            lists together, or the report was read from JSON, which leaves users out.
    """
    if a.cases != b.cases:
        raise DataError(
            f"Two reports were to be compared user by user, but one is of {a.users} users, the "
            f"other of {b.users} others; evaluate both on the same cases."
        )
    for report in (a, b):
        if metric not in report.per_user:
            raise UnknownName.among("metric of each user", metric, report.per_user)
    difference = a.per_user[metric] - b.per_user[metric]
    difference = difference[~np.isnan(difference)]
    if len(difference) < 2:
        raise DataError(
            f"{metric} was to be compared, but {len(difference)} users have it in both reports; "
            "at least two are needed."
        )
    return Difference(metric, float(difference.mean()), half_width(difference), len(difference))
