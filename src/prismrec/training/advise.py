"""Advice on K, the number of interests, from what a training has measured anyway.

advise_clusters(forming, reports, "recall@20")                # formed interests
advise_heads(4, 4, "recall@50", 0.2170, 0.2150)              # heads, and the same with K = 1
"""

from collections.abc import Mapping

from prismrec.evaluation import INTEREST_LENGTH, Report, compare
from prismrec.models import Forming

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


def advise_heads(number: int, kept: int, metric: str, best: float, single: float) -> str | None:
    """Return whether fewer or more trained interests may be better, as one sentence.

    Args:
        number: Trained interests.
        kept: Interests that were not pruned.
        metric: Name of the validation metric.
        best: Its value for the trained model.
        single: Its value for the same model with one interest.

    Returns:
        None for one interest.
    """
    if number == 1:
        return None
    if kept < number:
        return (
            f"K: {kept} of {number} interests were kept, so more would not pay; --interests {kept} "
            "trains no others"
        )
    measured = (
        f"K: {number} interests reach {metric} {best:.4f} on validation, and one interest "
        f"{single:.4f}"
    )
    if best >= MIN_GAIN * single:
        return f"{measured}, so several pay; --interests {2 * number} may be worth a try"
    return f"{measured}, so one interest may be enough"


def _interests(number: float) -> str:
    return f"{number:g} interest" + ("" if number == 1 else "s")
