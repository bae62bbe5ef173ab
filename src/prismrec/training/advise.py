"""Advice on K, the number of interests, from what a training has measured anyway.

advise_clusters(forming, reports, "recall@20")                # formed interests
advise_heads(trained, single)                                 # heads, and the same with K = 1
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from prismrec.evaluation import INTEREST_LENGTH, Report, compare
from prismrec.models import Forming

if TYPE_CHECKING:
    from prismrec.training.fit import Trained

MIN_GAIN = 1.01
"""Factor by which several heads must raise the metric; seeds differ by about as much."""


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


def advise_heads(trained: "Trained", single: "Trained | None") -> str | None:
    """Return whether fewer or more trained interests may be better, as one sentence.

    Args:
        trained: A model with several heads.
        single: The same model with one interest; None if it was not trained.

    Returns:
        None if nothing was pruned and there is nothing to compare with.
    """
    number = int(trained.settings["interests"])
    pruned = len(getattr(trained.recommender.model.extractor, "pruned", ()))
    if number == 1:
        return None
    if pruned:
        kept = number - pruned
        return (
            f"K: {kept} of {number} interests were kept, so more would not pay; --interests {kept} "
            "trains no others"
        )
    if single is None or trained.result.best is None or single.result.best is None:
        return None
    best, alone = trained.result.best, single.result.best
    measured = (
        f"K: {number} interests reach {trained.metric} {best:.4f} on validation, and one interest "
        f"{alone:.4f}"
    )
    if best >= MIN_GAIN * alone:
        return f"{measured}, so several pay; --interests {2 * number} may be worth a try"
    return f"{measured}, so one interest may be enough"


def _interests(number: float) -> str:
    return f"{number:g} interest" + ("" if number == 1 else "s")
