"""Advice on the number of formed interests, from what a training has measured anyway.

advise_clusters(forming, reports, "recall@20")
"""

from collections.abc import Mapping

from prismrec.evaluation import INTEREST_LENGTH, Report, compare
from prismrec.models import Forming


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


def _interests(number: float) -> str:
    return f"{number:g} interest" + ("" if number == 1 else "s")
