"""Advice on K, the number of interests, from users of the validation, compared one by one.

advise_clusters(forming, reports, "recall@20")     # formed interests
advise_interests(trained, single, split.valid)     # heads, and the same model with K = 1
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from prismrec.data import Case
from prismrec.evaluation import INTEREST_LENGTH, Report, compare
from prismrec.models import Forming
from prismrec.training.select import COMPARED_USERS, evenly_spread, report_one

if TYPE_CHECKING:
    from prismrec.training.fit import Trained

MIN_GAIN = 1.02
"""Factor by which several heads must raise the metric; training seeds differ by about as much."""


def advise_clusters(forming: Forming, reports: Mapping[Forming, Report], metric: str) -> str | None:
    """Return whether fewer or more clusters would be better, as one sentence.

    Args:
        forming: How interests are formed.
        reports: What was measured on validation for each way to form interests, per user.
        metric: Name of the metric to compare.

    Returns:
        None if no other number of clusters was measured with the same weight.
    """
    chosen = reports.get(forming)
    others = [
        (other.clusters, report)
        for other, report in reports.items()
        if other.whole_weight == forming.whole_weight and other.clusters != forming.clusters
    ]
    if chosen is None or chosen.interests_used is None or not others:
        return None
    number, report = others[0]
    difference = compare(report, chosen, metric)
    direction = "fewer" if number < forming.clusters else "more"
    effect = {
        "level": f"{direction} would change little",
        "better": f"{direction} would raise it, but the mean over list lengths decided",
        "worse": f"{direction} would lower it",
    }[difference.verdict]
    return (
        f"K: the first {INTEREST_LENGTH} items of the median list come from "
        f"{_interests(chosen.interests_used)}, and up to {forming.clusters} clusters are formed; "
        f"with up to {number}, {metric} on validation differs by {difference.mean:+.4f} ± "
        f"{difference.interval:.4f}, so {effect}"
    )


def advise_interests(trained: "Trained", single: "Trained", valid: Sequence[Case]) -> str | None:
    """Return whether fewer or more trained interests may be better, as one sentence.

    Args:
        trained: The result of ``fit``.
        single: That of the same settings with one interest.
        valid: Validation cases of both.

    Returns:
        None for one trained interest, or with fewer than two validation users.

    Cost: two evaluations of ``COMPARED_USERS`` users, without rules.
    """
    number, cases = trained.settings["interests"], evenly_spread(valid, COMPARED_USERS)
    if number == 1 or len(cases) < 2:
        return None
    kept = number - len(getattr(trained.recommender.model.extractor, "pruned", ()))
    exclude_seen = trained.settings["exclude_seen"]
    own, one = (
        report_one(
            each.recommender.with_rules(None), cases, trained.metric, exclude_seen=exclude_seen
        )
        for each in (trained, single)
    )
    return advise_heads(number, kept, trained.metric, own, one)


def advise_heads(number: int, kept: int, metric: str, own: Report, single: Report) -> str:
    """Return the sentence of ``advise_interests``.

    Args:
        number: Trained interests, at least 2.
        kept: Interests that were not pruned.
        metric: Name of the validation metric.
        own: Of the trained model, per user.
        single: Of the same model with one interest, per user.
    """
    if kept < number:
        return (
            f"K: {kept} of {number} interests were kept, so more would not pay; --interests {kept} "
            "trains no others"
        )
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


def _interests(number: float) -> str:
    return f"{number:g} interest" + ("" if number == 1 else "s")
