"""Settings of a baseline, chosen on validation: one rule for all data sets, and it is told."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Case
from prismrec.errors import ConfigError
from prismrec.evaluation.baselines.score import Score, by_score
from prismrec.evaluation.metrics import Answers
from prismrec.evaluation.metrics.recall import recall


@dataclass(frozen=True)
class Fitted:
    """A ``Score`` that says how it was set."""

    score: Score
    how: str

    def __call__(self, histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        """Score as the baseline does."""
        return self.score(histories)


def choose(
    candidates: Mapping[str, Callable[[], Score]], valid: Sequence[Case], *, k: int = 50
) -> Fitted:
    """Give the candidate of highest recall@k on validation, seen items filtered.

    Ties go to the earlier candidate, and so does a validation without cases.

    Args:
        candidates: From what its settings are to a function that fits it.
        valid: The cases of validation, never those of the test.
        k: Length of the list.

    Raises:
        ConfigError: There is no candidate.
    """
    if not candidates:
        raise ConfigError("choose was given no candidates; give at least one.")
    histories = [case.history for case in valid]
    targets = [case.targets for case in valid]

    def value(score: Score) -> float:
        items = by_score(score, exclude_seen=True)(histories, k).items
        return float(recall(Answers(items, targets), k).mean())

    if not valid:
        how, fit = next(iter(candidates.items()))
        return Fitted(fit(), f"{how}; there was no validation to choose by")
    best, highest = None, -1.0
    for how, fit in candidates.items():
        score = fit()
        found = value(score)
        if found > highest:
            best, highest = Fitted(score, how), found
    return best  # type: ignore[return-value]
