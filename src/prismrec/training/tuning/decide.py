"""Is any finalist better than the default? A pure function of what repeated runs measured.

decision = decide(default, finalists, "recall@50")
print(decision.sentence)
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from prismrec.evaluation import Difference, paired_difference, widened


@dataclass(frozen=True, eq=False)
class Tried:
    """Settings that were trained with several seeds."""

    number: int
    """Number of the trial; the default is 0."""
    values: Float[np.ndarray, "R U"]
    """The metric of each seed and user; NaN where it is undefined."""

    @property
    def means(self) -> list[float]:
        """The mean over users per seed."""
        return [float(mean) for mean in np.nanmean(self.values, axis=1)]

    @property
    def mean(self) -> float:
        """The mean over users and seeds."""
        return sum(self.means) / len(self.means)


@dataclass(frozen=True)
class Decision:
    """Which settings to use."""

    chosen: int
    """Number of the trial; 0 is the default."""
    differences: dict[int, Difference]
    """Of each finalist to the default, by number; the intervals are 95 % for all together."""
    sentence: str


def decide(default: Tried, finalists: Sequence[Tried], metric: str) -> Decision:
    """Choose the best finalist whose interval to the default excludes zero, or the default.

    The values of the seeds are averaged per user, and compared with those of the default user by
    user. The intervals are wider for more finalists (Bonferroni).

    Args:
        default: The default settings.
        finalists: At least one; other settings, measured on the same users with as many seeds.
        metric: Name of the metric, of which more is better.

    Raises:
        DataError: Fewer than two users have the metric.
    """
    base = default.values.mean(axis=0)
    differences = {
        each.number: widened(
            paired_difference(each.values.mean(axis=0), base, metric), len(finalists)
        )
        for each in finalists
    }
    better = [number for number, each in differences.items() if each.verdict == "better"]
    best = max(better or differences, key=lambda number: differences[number].mean)
    difference = differences[best]
    seeds = len(default.values)
    measured = (
        f"{difference.mean:+.4f} ± {difference.interval:.4f} over {difference.users:,} validation "
        f"users and {seeds} seed{'s' * (seeds != 1)}, 95 % for {len(finalists)} together"
    )
    if not better:
        return Decision(
            0,
            differences,
            f"The default settings are kept: no finalist is better in {metric}; the best one, "
            f"trial {best}, differs by {measured}.",
        )
    return Decision(
        best,
        differences,
        f"The settings of trial {best} are chosen: {metric} differs from the default by "
        f"{measured}.",
    )


NOTHING_BETTER = Decision(0, {}, "The default settings are kept: no trial was better.")
"""The decision without finalists."""
