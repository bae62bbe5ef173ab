"""Selection on validation of how interests are formed, after training.

recommender, reason, reports = choose_forming(recommender, split.valid, metric=…, …)
"""

import math
from collections.abc import Sequence
from functools import partial

from prismrec.data import Case
from prismrec.evaluation import Report, compare, evaluate, list_lengths
from prismrec.io import track
from prismrec.models import Forming
from prismrec.recommend import Recommender
from prismrec.training.validation import MIN_USERS, evenly_spread

FORMINGS = tuple(
    Forming(clusters=clusters, whole_weight=weight)
    for clusters, weight in ((6, 0.5), (3, 0.5), (6, 0.7), (3, 0.7), (6, 0.85))
)
"""How interests may be formed, those with the largest effect on lists first."""
UNCERTAIN = Forming(clusters=6, whole_weight=0.7)
"""How they are formed without a validation split."""
MIXED_FORMINGS = tuple(Forming(clusters=8, whole_weight=weight) for weight in (0.3, 0.5, 0.7))
"""The same after a training that read clusters: each cluster is a good history then."""
MIXED = MIXED_FORMINGS[0]
"""How they are formed then while the model is trained, or without a validation split."""
TOLERANCE = 0.02
"""Of those within this share of the best metric, the first one is chosen: its interests show more
of their own items."""
LENGTHS = (10, 20, 50)
"""Lengths of the lists whose metric is averaged; shorter for a small catalog."""
MANY_USERS = 500
"""With fewer validation users the 95 % interval of a difference is wider than ``TOLERANCE``, so
ways with a smaller weight of the whole history than ``UNCERTAIN`` are not tried."""
FORMING_USERS = 5_000
"""Largest number of validation users that compare, evenly spread."""


def choose_forming(
    recommender: Recommender,
    valid: Sequence[Case],
    *,
    metric: str,
    exclude_seen: bool,
    mixed: bool = False,
) -> tuple[Recommender, str, dict[Forming, Report]]:
    """Choose on validation how interests are formed.

    Args:
        recommender: Recommender with a model of one interest, without rules.
        valid: Validation cases.
        metric: Metric to compare, averaged over lists of ``LENGTHS`` items.
        exclude_seen: Exclude the items of the history from lists.
        mixed: Whether the training read clusters. ``MIXED_FORMINGS`` are tried then, also with few
            users.

    Returns:
        The recommender that forms interests, a sentence that describes the decision, and what was
        measured for each choice. A choice that lowers a metric by more than the 95 % interval is
        left out; if all do, no interests are formed.

    Cost: one evaluation of ``FORMING_USERS`` users per choice, and one of the model alone.
    """
    cases = evenly_spread(valid, FORMING_USERS)
    lengths = list_lengths(recommender.catalog.size - 1, *LENGTHS)
    names = [f"{metric}@{length}" for length in lengths]
    if len(cases) < MIN_USERS:
        forming = usual_forming(mixed=mixed)
        few = "there are too few validation users to compare this on"
        return recommender.with_forming(forming), f"{_described(forming)}; {few}", {}

    def measured(forming: Forming | None) -> Report:
        recommend = partial(recommender.with_forming(forming).ranked, exclude_seen=exclude_seen)
        return evaluate(recommend, cases, ks=lengths, only=(metric,))

    def value(report: Report) -> float:
        return math.exp(sum(math.log(max(report.metrics[n], 1e-9)) for n in names) / len(names))

    least = UNCERTAIN.whole_weight if len(cases) < MANY_USERS else 0.0
    usable = tuple(forming for forming in FORMINGS if forming.whole_weight >= least)
    ways = MIXED_FORMINGS if mixed else usable
    tried = track([None, *ways], "choosing how interests are formed", 1 + len(ways))
    plain, *measures = [measured(forming) for forming in tried]
    reports = list(zip(ways, measures, strict=True))
    level = [
        (forming, report)
        for forming, report in reports
        if all(compare(report, plain, name).verdict != "worse" for name in names)
    ]
    if not level:
        lowered = f"interests were not formed: each way lowers {metric} on validation"
        return recommender.with_forming(None), lowered, dict(reports)
    best = max(value(report) for _, report in level)
    forming, report = next(one for one in level if value(one[1]) >= (1 - TOLERANCE) * best)
    middle = middle_metric(metric, recommender)
    reached, alone = report.metrics[middle], plain.metrics[middle]
    reason = f"{_described(forming)}: {middle} on validation {reached:.4f}, with one interest "
    return recommender.with_forming(forming), f"{reason}{alone:.4f}", dict(reports)


def usual_forming(*, mixed: bool) -> Forming:
    """Return how interests are formed without a choice, after a training that read clusters or not.

    Args:
        mixed: The training reads clusters.
    """
    return MIXED if mixed else UNCERTAIN


def middle_metric(metric: str, recommender: Recommender) -> str:
    """Return the metric for the middle one of the lengths that are compared: ``recall@20``."""
    lengths = list_lengths(recommender.catalog.size - 1, *LENGTHS)
    return f"{metric}@{lengths[len(lengths) // 2]}"


def _described(forming: Forming) -> str:
    return (
        f"interests are the whole history (weight {forming.whole_weight:g}) and up to "
        f"{forming.clusters} clusters of it"
    )
