"""Measure recall and diversity at several diversity strengths λ.

points = tradeoff(recommender, split.test, (0, 0.1, 0.3))
"""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from prismrec.data import Case
from prismrec.errors import DataError
from prismrec.evaluation.evaluate import evaluate
from prismrec.io import track
from prismrec.recommend import Recommender


class TradeoffPoint(NamedTuple):
    """Recall and diversity at one strength λ."""

    strength: float
    recall: float
    diversity: float


def tradeoff(
    recommender: Recommender, cases: Sequence[Case], strengths: Sequence[float], *, k: int = 50
) -> list[TradeoffPoint]:  # fmt: skip
    """Measure recall@k and diversity@k at several diversity strengths, seen items left out.

    Args:
        recommender: A recommender; its catalog must have categories.
        cases: Users with targets.
        strengths: Values of ``diversity`` of ``Recommender.ranked``; 0 ranks by score alone.
        k: Length of the lists, at least 2.

    Raises:
        DataError: Diversity is undefined: a catalog without categories, or lists of one item.

    Cost: one evaluation per strength.
    """
    points = []
    for strength in track(strengths, "measuring the diversity trade-off", len(strengths)):
        recommend = partial(recommender.ranked, exclude_seen=True, diversity=strength)
        only = ("recall", "diversity")
        report = evaluate(recommend, cases, ks=(k,), catalog=recommender.catalog, only=only)
        if f"diversity@{k}" not in report.metrics:
            raise DataError(
                f"diversity@{k} cannot be measured, because it is undefined for every list; use k "
                "of at least 2 and a catalog with categories."
            )
        recall, diversity = (report.metrics[f"{name}@{k}"] for name in only)
        points.append(TradeoffPoint(float(strength), recall, diversity))
    return points
