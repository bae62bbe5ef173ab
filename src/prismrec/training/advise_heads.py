"""Advice on the number of trained interests, from users of the validation, compared one by one.

advise_interests(trained, single, split.valid)     # the same model with one interest
"""

from collections.abc import Sequence
from functools import partial

from prismrec.data import Case
from prismrec.evaluation import Report, compare, evaluate_metric
from prismrec.training.trained import Trained
from prismrec.training.validation import COMPARED_USERS, evenly_spread

MIN_GAIN = 1.02
"""Factor by which several heads must raise the metric; training seeds differ by about as much."""


def advise_interests(trained: Trained, single: Trained, valid: Sequence[Case]) -> str | None:
    """Return whether fewer or more trained interests may be better, as one sentence.

    Args:
        trained: The result of ``fit``.
        single: That of the same settings with one interest.
        valid: Validation cases of both.

    Returns:
        None for one trained interest, or with fewer than two validation users.

    Cost: two evaluations of ``COMPARED_USERS`` users, without rules; none if heads were pruned.
    """
    number, cases = trained.settings["interests"], evenly_spread(valid, COMPARED_USERS)
    if number == 1 or len(cases) < 2:
        return None
    kept = number - len(getattr(trained.recommender.model.extractor, "pruned", ()))
    if kept < number:
        return (
            f"K: {kept} of {number} interests were kept, so more would not pay; --interests {kept} "
            "trains no others"
        )
    exclude_seen = trained.settings["exclude_seen"]
    own, one = (
        evaluate_metric(
            partial(each.recommender.with_rules(None).ranked, exclude_seen=exclude_seen),
            cases,
            trained.metric,
        )
        for each in (trained, single)
    )
    return compare_heads(number, trained.metric, own, one)


def compare_heads(number: int, metric: str, own: Report, single: Report) -> str:
    """Return whether several trained interests are better than one, as one sentence.

    Args:
        number: Trained interests, at least 2.
        metric: Name of the validation metric.
        own: Of the trained model, per user.
        single: Of the same model with one interest, per user.
    """
    difference, before = compare(own, single, metric), single.metrics[metric]
    measured = (
        f"K: {number} interests reach {metric} {own.metrics[metric]:.4f} on validation, and one "
        f"interest {before:.4f}: {difference.mean:+.4f} ± {difference.interval:.4f} over "
        f"{difference.users:,} users"
    )
    if difference.verdict == "better" and own.metrics[metric] >= MIN_GAIN * before:
        return f"{measured}, so several pay; --interests {2 * number} may be worth a try"
    if difference.verdict == "worse":
        return f"{measured}, so one interest is better"
    return f"{measured}, so several are not shown to pay; one interest may be enough"
