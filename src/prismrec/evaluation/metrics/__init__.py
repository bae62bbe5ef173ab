"""Metrics: one a file, each a function of lists and what was wanted, in float64.

A metric is called as ``metric(answers, k)`` and gives one number a user, ``[B]``, NaN where it
is undefined: such users are left out and counted. Padding, item 0, is never an answer. The one
that is of all lists together, ``coverage``, is not in the table.

To add one: write ``metrics/yours.py`` and a line in ``METRICS``. Its definition belongs in its
docstring; a golden value worked out by hand in ``tests/golden/test_metrics.py``.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers
from prismrec.evaluation.metrics.calibration import calibration
from prismrec.evaluation.metrics.coverage import category_coverage, category_entropy, coverage
from prismrec.evaluation.metrics.diversity import diversity
from prismrec.evaluation.metrics.hit_rate import hit_rate
from prismrec.evaluation.metrics.interest_coverage import interest_coverage
from prismrec.evaluation.metrics.mrr import mrr
from prismrec.evaluation.metrics.ndcg import ndcg, ndcg_of_hits
from prismrec.evaluation.metrics.novelty import novelty, popularity_rank
from prismrec.evaluation.metrics.precision import precision
from prismrec.evaluation.metrics.recall import recall


class Metric(NamedTuple):
    """A line of the table."""

    measure: Callable[[Answers, int], NDArray[np.float64]]
    needs: str
    """What it reads beside the lists: "targets", "categories" or "counts"."""
    better: str
    """Which is better, "higher" or "lower"; "" where neither is."""
    says: str


METRICS: dict[str, Metric] = {
    "recall": Metric(recall, "targets", "higher", "share of the targets that is listed"),
    "ndcg": Metric(ndcg, "targets", "higher", "hits, those on top counting more"),
    "hit_rate": Metric(hit_rate, "targets", "higher", "share of users with a hit"),
    "precision": Metric(precision, "targets", "higher", "share of the list that is a target"),
    "mrr": Metric(mrr, "targets", "higher", "1 / rank of the first hit"),
    "ndcg_of_hits": Metric(ndcg_of_hits, "targets", "higher", "ComiRec master's: misses are free"),
    "diversity": Metric(diversity, "categories", "", "mean category distance of pairs"),
    "category_coverage": Metric(category_coverage, "categories", "", "share of categories listed"),
    "category_entropy": Metric(category_entropy, "categories", "", "of the list's mix, in nats"),
    "interest_coverage": Metric(
        interest_coverage, "categories", "higher", "share of the targets' categories listed"
    ),
    "calibration": Metric(
        calibration, "categories", "lower", "KL from the history's categories, in nats"
    ),
    "novelty": Metric(novelty, "counts", "", "mean self-information, in bits"),
    "popularity_rank": Metric(popularity_rank, "counts", "", "mean rank, 1 the most popular"),
}

__all__ = ["METRICS", "Answers", "Metric", "coverage"]
