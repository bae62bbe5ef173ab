"""Is a trained model better than a list of popular items? On random events none is.

warning = no_better_than_popularity(recommender, split, metric="recall@50", exclude_seen=True)
"""

from functools import partial

from prismrec.data import Split
from prismrec.evaluation import by_score, compare, evaluate_metric, popularity
from prismrec.recommend import Recommender
from prismrec.training.validation import COMPARED_USERS, evenly_spread


def no_better_than_popularity(
    recommender: Recommender, split: Split, *, metric: str, exclude_seen: bool
) -> str | None:
    """Compare a trained recommender with popular items on validation, user by user.

    Args:
        recommender: As it will be served.
        split: Its training histories count the events of each item, or their weights.
        metric: Name and length, such as ``recall@50``.
        exclude_seen: Exclude the items of the history from lists.

    Returns:
        A warning; None if the recommender is better, or with fewer than two validation users.

    Cost: one evaluation of ``COMPARED_USERS`` users.
    """
    cases = evenly_spread(split.valid, COMPARED_USERS)
    if len(cases) < 2:
        return None
    popular = popularity(split.train, recommender.catalog.size)
    own, other = (
        evaluate_metric(recommend, cases, metric)
        for recommend in (
            partial(recommender.ranked, exclude_seen=exclude_seen),
            by_score(popular, exclude_seen=exclude_seen),
        )
    )
    difference = compare(own, other, metric)
    if difference.verdict == "better":
        return None
    return f"no better than popularity on validation, {difference}"
