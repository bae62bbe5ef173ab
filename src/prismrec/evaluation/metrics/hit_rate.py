"""hit_rate@k: the share of users whose list contains a target."""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def hit_rate(answers: Answers, k: int) -> NDArray[np.float64]:
    """Return 1 if the first k items contain a target, else 0."""
    hit: NDArray[np.float64] = np.minimum(answers.hits[:, :k].sum(axis=1), 1.0)
    return hit
