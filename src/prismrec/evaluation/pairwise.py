"""Several paired comparisons at once, corrected for their number.

    for sentence in compare_each_pair({"a": report, "b": other, "c": third}, "recall@50"):
        print(sentence)

Of twenty comparisons of equal recommenders one has a 95 % interval without zero. Holm's correction
keeps the probability of any such error at 5 %, whatever the number of comparisons.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from statistics import NormalDist

from prismrec.evaluation.compare import LEVEL, Difference, compare_if_possible
from prismrec.evaluation.metric_report import QUANTILE, Report


def p_value(difference: Difference) -> float:
    """Compute the two-sided p-value of a paired difference: 2 · (1 − Φ(|mean| / standard error)).

    Without any spread between users it is that of the sign test, ``Difference.sign_p``.
    """
    if not difference.varies:
        return difference.sign_p
    error = difference.interval / QUANTILE
    return math.erfc(abs(difference.mean) / error / math.sqrt(2))


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number.

    The i-th smallest of m is multiplied by m − i + 1. An adjusted value is at least as large as
    those before it, and at most 1.

    Args:
        p_values: From 0 to 1, in any order.

    Returns:
        Adjusted values in the same order.

    Source: Holm, A simple sequentially rejective multiple test procedure, 1979.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    for rank, place in enumerate(order):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = largest
    return adjusted


def widened(difference: Difference, comparisons: int) -> Difference:
    """Return a difference with a wider interval: 95 % for all comparisons together (Bonferroni).

    Args:
        difference: One of several differences.
        comparisons: Number of differences, at least 1; 1 changes nothing.
    """
    normal = NormalDist()
    factor = normal.inv_cdf(1 - LEVEL / 2 / comparisons) / normal.inv_cdf(1 - LEVEL / 2)
    return replace(difference, interval=difference.interval * factor)


def compare_each_pair(reports: Mapping[str, Report], metric: str) -> list[str]:
    """Compare every two of several reports user by user, with Holm's correction.

    Args:
        reports: Reports of the same users, by name.
        metric: Name of a metric, such as "recall@50", that each has for each user.

    Returns:
        One sentence per pair, in the order of the names; one that states why nothing can be
        compared if fewer than two users have the metric. None for fewer than two reports.

    Raises:
        DataError: The reports are of different users.
        UnknownName: A report does not have the metric per user.
    """
    pairs = list(combinations(reports, 2))
    differences = []
    for one, other in pairs:
        difference = compare_if_possible(reports[one], reports[other], metric)
        if isinstance(difference, str):
            return [f"{difference}."]
        differences.append(difference)
    adjusted = holm([p_value(difference) for difference in differences])
    number = "1 pair" if len(pairs) == 1 else f"{len(pairs)} pairs"
    return [
        f"{one} against {other}, {_described(difference, p)} (Holm, {number})."
        for (one, other), difference, p in zip(pairs, differences, adjusted, strict=True)
    ]


def _described(difference: Difference, p: float) -> str:
    """Describe a difference, which is level if its adjusted p-value is above ``LEVEL``."""
    verdict = difference.verdict if p <= LEVEL else "level"
    return (
        f"{difference.metric}: {verdict}, {difference.mean:+.4f} ± {difference.interval:.4f} over "
        f"{difference.users:,} users, p {_shown(p)}"
    )


def _shown(p: float) -> str:
    return "< 0.0001" if p < 1e-4 else f"= {p:.4f}"
