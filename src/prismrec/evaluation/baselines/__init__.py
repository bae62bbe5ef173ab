"""Baselines, which every evaluation compares a model with.

    for name, fit in BASELINES.items():
        fitted = fit(split.train, split.valid, catalog.size)
        recommend = by_score(fitted, exclude_seen=True)
        print(name, fitted.how, evaluate(recommend, split.test))

Each baseline is a function of the training histories that returns a ``Score``; ``by_score`` builds
lists from it. No setting depends on the data set. If two kinds of data set need different settings,
validation chooses between the two.

To add a baseline, write ``baselines/yours.py`` and add a line to ``BASELINES``. The contract test
``tests/contract/test_baselines.py`` runs over the table.
"""

from collections.abc import Callable, Sequence
from functools import partial

from prismrec.data import Case, Histories
from prismrec.evaluation.baselines.choose import Fitted, choose
from prismrec.evaluation.baselines.ease import EASE_L2, check_squares, ease, ease_weights
from prismrec.evaluation.baselines.item_knn import (
    SIMILAR_ITEMS,
    SIMILAR_PAIRS,
    cosine_similarities,
    item_knn,
)
from prismrec.evaluation.baselines.popularity import popularity
from prismrec.evaluation.baselines.score import SameScores, Score, break_ties, by_score
from prismrec.evaluation.baselines.sequential_rules import sequential_rules
from prismrec.evaluation.lengths import list_lengths

CHOSEN_AT = 50
"""Length of the lists that choose the settings of a baseline; less for a small catalog."""
KNN_SHRINKS = (0.0, 20.0)
"""``shrink`` of item-kNN."""
RULE_VARIANTS = ((0.5, 0.3), (0.0, 0.0))
"""``backward`` and ``beta`` of sequential rules, for dense and for sparse data. With many events
per item, popular items need a smaller weight, and the order within one visit matters little. With
few events, the next item is the only information."""


def fit_popularity(train: Histories, valid: Sequence[Case], size: int) -> Fitted:  # noqa: ARG001
    """Count the events of each item."""
    return Fitted(popularity(train, size), "events in training")


def fit_item_knn(train: Histories, valid: Sequence[Case], size: int) -> Fitted:
    """Fit item-kNN with recency; validation chooses whether to shrink."""
    candidates = {
        f"recency 0.8, 1000 neighbours, shrink {shrink:g}": partial(
            item_knn, train, size, neighbours=1000, shrink=shrink
        )
        for shrink in KNN_SHRINKS
    }
    return choose(candidates, valid, k=list_lengths(size - 1, CHOSEN_AT)[0])


def fit_sequential_rules(train: Histories, valid: Sequence[Case], size: int) -> Fitted:
    """Fit sequential rules; validation chooses settings for dense or for sparse data."""
    common = "window 10, decay 0.8, recency 0.8"
    candidates = {
        f"{common}, backward {backward:g}, beta {beta:g}": partial(
            sequential_rules, train, size, backward=backward, beta=beta
        )
        for backward, beta in RULE_VARIANTS
    }
    return choose(candidates, valid, k=list_lengths(size - 1, CHOSEN_AT)[0])


def fit_ease(train: Histories, valid: Sequence[Case], size: int) -> Fitted:  # noqa: ARG001
    """Fit EASE^R with recency; raise ``DataError`` above 30,000 items, or for huge weights."""
    return Fitted(ease(train, size, recency=0.8), f"l2 {EASE_L2:g}, recency 0.8")


BASELINES: dict[str, Callable[[Histories, Sequence[Case], int], Fitted]] = {
    "popularity": fit_popularity,
    "item-knn": fit_item_knn,
    "sequential-rules": fit_sequential_rules,
    "ease": fit_ease,
}

__all__ = [
    "BASELINES",
    "EASE_L2",
    "KNN_SHRINKS",
    "RULE_VARIANTS",
    "SIMILAR_ITEMS",
    "SIMILAR_PAIRS",
    "Fitted",
    "SameScores",
    "Score",
    "break_ties",
    "by_score",
    "check_squares",
    "choose",
    "cosine_similarities",
    "ease",
    "ease_weights",
    "item_knn",
    "popularity",
    "sequential_rules",
]
