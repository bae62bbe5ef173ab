"""precision@k: the share of the list that are targets."""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def precision(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the number of targets in the first k divided by k, also for a shorter list."""
    share: NDArray[np.float64] = answers.hits[:, :k].sum(axis=1) / k
    return share
