"""Is a trained model better than a list of popular items? On random events none is.

warning = no_better_than_popularity(recommender, split, metric="recall@50", exclude_seen=True)
"""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Split
from prismrec.evaluation import compare, evaluate
from prismrec.recommend import Recommender
from prismrec.training.select import evenly_spread
from prismrec.types import RankedItems, Recommend

COMPARED_USERS = 5_000
"""Largest number of validation users that are compared, evenly spread."""


def no_better_than_popularity(
    recommender: Recommender, split: Split, *, metric: str, exclude_seen: bool
) -> str | None:
    """Compare a trained recommender with popular items on validation, user by user.

    Args:
        recommender: As it will be served.
        split: Its training histories count the events of each item.
        metric: Name and length, such as ``recall@50``.
        exclude_seen: Exclude the items of the history from lists.

    Returns:
        A warning; None if the recommender is better, or with fewer than two validation users.

    Cost: one evaluation of ``COMPARED_USERS`` users.
    """
    cases = evenly_spread(split.valid, COMPARED_USERS)
    if len(cases) < 2:
        return None
    counts = split.train.counts(recommender.catalog.size)
    name, _, length = metric.partition("@")
    own, other = (
        evaluate(recommend, cases, ks=(int(length),), only=(name,))
        for recommend in (
            partial(recommender.ranked, exclude_seen=exclude_seen),
            popular_lists(counts, exclude_seen=exclude_seen),
        )
    )
    difference = compare(own, other, metric)
    if difference.verdict == "better":
        return None
    return f"no better than popularity on validation, {difference}"


def popular_lists(counts: NDArray[np.int64], *, exclude_seen: bool) -> Recommend:
    """Return a function that recommends the items with the highest counts, like the baseline.

    The baseline scores the whole catalog for each user. Here all users have the same order.

    Args:
        counts: ``[V]``: events per item. Ties go to the smaller item number.
        exclude_seen: Exclude the items of the history from lists.
    """
    order = np.argsort(-counts[1:], kind="stable") + 1

    def recommend(histories: Sequence[NDArray[np.int64]], k: int) -> RankedItems:
        items = np.zeros((len(histories), k), dtype=np.int64)
        for row, history in enumerate(histories):
            own = order[: k + len(history)]
            if exclude_seen:
                own = own[~np.isin(own, history)]
            items[row, : len(own[:k])] = own[:k]
        scores = counts[items].astype(np.float32)
        return RankedItems(items, scores, np.zeros_like(items))

    return recommend
