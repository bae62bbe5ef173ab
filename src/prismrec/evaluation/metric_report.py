"""The result of an evaluation: means of metrics with confidence intervals, and the protocol."""

import json
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from prismrec.data import html_table
from prismrec.errors import UnknownName
from prismrec.evaluation.interest_use import INTEREST_LENGTH
from prismrec.evaluation.metrics import METRICS, split_metric

SHOWN = 3
"""Metrics in the short text of a report."""
QUANTILE = 1.96
"""Standard errors in the 95 % half-width of a mean."""


@dataclass(frozen=True, repr=False)
class Report:
    """The metrics of one recommender on one set of users. Metrics have names like ``recall@20``.

    docs/python.md describes the fields.
    """

    metrics: dict[str, float]
    """Means over the users for whom the metric is defined; ``coverage`` is over all lists."""
    interval: dict[str, float]
    """95 % half-widths of the means over users; not for one user, and not for ``coverage``."""
    users: int
    """Number of users."""
    how: str
    """The protocol in words."""
    cases: str
    """Fingerprint of the users; reports can be compared only if it is the same."""
    repeat_users: int
    """Users with a target in their history; lists without seen items cannot hit that target."""
    distinct_lists: float
    """Distinct lists / users, in (0, 1]."""
    excluded: dict[str, int]
    """Per metric, the number of users for whom it is undefined, if there are any."""
    notes: tuple[str, ...] = ()
    """Warnings about the result, one sentence each."""
    per_user: dict[str, NDArray[np.float64]] = field(default_factory=dict, compare=False)
    """``[users]`` per metric, in the order of the cases; NaN if undefined. Not saved in JSON."""
    largest_share: float | None = None
    """Median over users with a history of the share of their first 20 items that belong to their
    largest interest, in (0, 1]; 1 for a recommender with one interest or none."""
    interests_used: float | None = None
    """Median over the same users of the number of interests that these items belong to."""

    def __repr__(self) -> str:
        parts = [f"{name} {self.shown(name)}" for name in list(self.metrics)[:SHOWN]]
        more = [f"{len(self.metrics) - SHOWN} more metrics"] if len(self.metrics) > SHOWN else []
        return f"Report({', '.join([*parts, *more, f'{self.users:,} users'])})"

    def __str__(self) -> str:
        numbers = [f"{name} {self.shown(name)}" for name in self.metrics]
        return "   ".join([*numbers, f"{self.users:,} users", *self.notes])

    def _repr_html_(self) -> str:
        """Return the metrics as an HTML table, for notebooks."""
        rows = [
            (name, f"{mean:.4f}", self._half_width(name), _description(name))
            for name, mean in self.metrics.items()
        ]
        caption = f"{self.users:,} users; {self.how or 'protocol not stated'}"
        return html_table(("metric", "mean", "± 95 %", "definition"), rows, caption=caption)

    def shown(self, name: str) -> str:
        """Return one metric as text: ``0.0812 ± 0.0011``.

        Raises:
            UnknownName: The report does not have the metric.
        """
        if name not in self.metrics:
            raise UnknownName.among("metric", name, self.metrics)
        spread = f" ± {self._half_width(name)}" if name in self.interval else ""
        return f"{self.metrics[name]:.4f}{spread}"

    def card(self) -> str:
        """Return the protocol card: everything that changes a number, one line each."""
        lines = {
            "protocol": self.how or "not stated",
            "users": f"{self.users:,}, all; {self.repeat_users:,} have a target in their history",
            "ranking": "over the whole catalog; ties go to the smaller item number, in baselines "
            "to the item with more training events, and in other scores of by_score at random",
            "±": f"95 % half-width over users, {QUANTILE} · standard deviation / √users",
            "lists": f"{100 * self.distinct_lists:.1f} % distinct",
            "interests": self._interests(),
            "left out": ", ".join(f"{name}: {n:,}" for name, n in self.excluded.items())
            or "nobody",
        }
        shown = [f"{name:<9} {text}" for name, text in lines.items() if text]
        return "\n".join([*shown, *self.notes])

    def to_json(self) -> str:
        """Return everything except ``per_user`` as one JSON object."""
        content = {name: value for name, value in asdict(self).items() if name != "per_user"}
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    def _interests(self) -> str:
        """Return how the interests share the list of the median user; "" if it was not measured."""
        if self.largest_share is None or self.interests_used is None:
            return ""
        number = f"{self.interests_used:g} interest" + ("s" if self.interests_used != 1 else "")
        ks = [split_metric(name)[1] for name in self.metrics]
        length = min(max(ks, default=INTEREST_LENGTH), INTEREST_LENGTH)
        return (
            f"median user: {number} in the first {length} items, of which the largest has "
            f"{100 * self.largest_share:.0f} %"
        )

    def _half_width(self, name: str) -> str:
        return f"{self.interval[name]:.4f}" if name in self.interval else ""


def half_width(values: NDArray[np.float64]) -> float:
    """Compute the 95 % half-width of the mean of at least two independent values."""
    return float(QUANTILE * values.std(ddof=1) / np.sqrt(len(values)))


def _description(name: str) -> str:
    """Return the definition of a metric in a few words."""
    metric = METRICS.get(split_metric(name)[0])
    return metric.description if metric else "share of the catalog in any list"
