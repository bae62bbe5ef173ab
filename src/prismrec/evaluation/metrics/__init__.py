"""Metrics: one file per metric, each a function of lists and targets, in float64.

``metric(answers, k)`` returns one value per user, ``[B]``, and NaN where the metric is undefined.
Users with NaN are left out of the mean and counted. Padding, item 0, is never counted as an item.
``coverage`` is computed over all lists together, so it is not in the table.

To add a metric, write ``metrics/yours.py`` with the definition in its docstring, add a line to
``METRICS``, add a value that was worked out by hand to ``tests/golden/test_metrics.py``, and the
definition for one user to ``by_definition`` in ``tests/property/test_metrics.py``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prismrec.errors import ConfigError
from prismrec.evaluation.metrics.answers import Answers
from prismrec.evaluation.metrics.calibration import calibration
from prismrec.evaluation.metrics.coverage import category_coverage, category_entropy, coverage
from prismrec.evaluation.metrics.diversity import diversity
from prismrec.evaluation.metrics.hit_rate import hit_rate
from prismrec.evaluation.metrics.mrr import mrr
from prismrec.evaluation.metrics.ndcg import ndcg, ndcg_of_hits
from prismrec.evaluation.metrics.novelty import novelty, popularity_rank
from prismrec.evaluation.metrics.precision import precision
from prismrec.evaluation.metrics.recall import recall
from prismrec.evaluation.metrics.subtopic_recall import subtopic_recall
from prismrec.evaluation.metrics.weighted import weighted_ndcg, weighted_recall


class Metric(NamedTuple):
    """A metric of the table."""

    measure: Callable[[Answers, int], NDArray[np.float64]]
    needs: str
    """Data that it needs besides the lists: "targets", "categories", "counts" or "weights"."""
    better: str
    """Direction that is better, "higher" or "lower"; "" if neither is."""
    description: str


def split_metric(metric: str) -> tuple[str, int]:
    """Return name and length of the list of a metric such as ``recall@50``.

    Raises:
        ConfigError: It has no length.
    """
    name, _, length = metric.partition("@")
    if not length.isdecimal():
        raise ConfigError(f"The metric {metric!r} has no length of the list; write recall@50.")
    return name, int(length)


METRICS: dict[str, Metric] = {
    "recall": Metric(recall, "targets", "higher", "share of the targets in the list"),
    "ndcg": Metric(ndcg, "targets", "higher", "hits, weighted by their rank"),
    "hit_rate": Metric(hit_rate, "targets", "higher", "share of users with at least one hit"),
    "precision": Metric(precision, "targets", "higher", "share of the list that is a target"),
    "mrr": Metric(mrr, "targets", "higher", "1 / rank of the first hit"),
    "ndcg_of_hits": Metric(ndcg_of_hits, "targets", "higher", "as in ComiRec, misses are free"),
    "diversity": Metric(diversity, "categories", "", "mean category distance of the pairs"),
    "category_coverage": Metric(category_coverage, "categories", "", "share of all categories"),
    "category_entropy": Metric(category_entropy, "categories", "", "category entropy, in nats"),
    "subtopic_recall": Metric(
        subtopic_recall, "categories", "higher", "share of the categories of the targets"
    ),
    "calibration": Metric(
        calibration, "categories", "lower", "KL from the categories of the history, in nats"
    ),
    "novelty": Metric(novelty, "counts", "", "mean self-information, in bits"),
    "popularity_rank": Metric(popularity_rank, "counts", "", "mean rank, 1 is the most popular"),
    "weighted_recall": Metric(
        weighted_recall, "weights", "higher", "share of the weight of the targets in the list"
    ),
    "weighted_ndcg": Metric(
        weighted_ndcg, "weights", "higher", "weights of the hits, weighted by their rank"
    ),
}

__all__ = ["METRICS", "Answers", "Metric", "coverage"]
