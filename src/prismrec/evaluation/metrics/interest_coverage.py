"""interest_coverage@k: the share of the targets' categories that the list covers."""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers
from prismrec.evaluation.metrics.coverage import shares


def interest_coverage(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute |C(targets) ∩ C(first k)| / |C(targets)|; NaN if no target has a category."""
    wanted = shares(answers.targets, answers.categories)
    both = wanted * shares(answers.lists[:, :k], answers.categories)
    count, common = np.diff(wanted.indptr), (both > 0).sum(axis=1)
    return np.where(count > 0, common / np.maximum(count, 1), np.nan)
