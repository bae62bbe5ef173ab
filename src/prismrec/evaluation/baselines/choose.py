"""Choose the settings of a baseline on validation: the same rule for all data sets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Case
from prismrec.errors import ConfigError
from prismrec.evaluation.baselines.score import Score, by_score
from prismrec.evaluation.metrics import Answers
from prismrec.evaluation.metrics.recall import recall
from prismrec.io import part_of_stage, track

FITTING = 0.4
"""Share of a candidate's time that it takes to fit it, about; the rest is to measure it."""


@dataclass(frozen=True)
class Fitted:
    """A ``Score`` with a description of its settings."""

    score: Score
    how: str

    def __call__(self, histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        """Return the scores of the baseline, ``[B, V]``."""
        return self.score(histories)


def choose(
    candidates: Mapping[str, Callable[[], Score]], valid: Sequence[Case], *, k: int = 50
) -> Fitted:
    """Return the candidate with the highest recall@k on validation, seen items left out.

    Ties go to the earlier candidate. Without validation cases the first candidate is used.

    Args:
        candidates: Maps a description of the settings to a function that fits them.
        valid: The validation cases, never the test cases.
        k: Length of the list.

    Raises:
        ConfigError: There is no candidate.
    """
    if not candidates:
        raise ConfigError("choose got no candidates, so it cannot choose; pass at least one.")
    histories = [case.history for case in valid]
    targets = [case.targets for case in valid]

    def recall_of(score: Score) -> float:
        items = by_score(score, exclude_seen=True)(histories, k).items
        return float(recall(Answers(items, targets), k).mean())

    if not valid:
        how, fit = next(iter(candidates.items()))
        return Fitted(fit(), f"{how}; there was no validation data to choose by")
    best, highest = None, -1.0
    for how, fit in track(candidates.items(), "choosing", len(candidates)):
        with part_of_stage(0, FITTING):
            score = fit()
        with part_of_stage(FITTING, 1):
            value = recall_of(score)
        if value > highest:
            best, highest = Fitted(score, how), value
    return best  # type: ignore[return-value]
