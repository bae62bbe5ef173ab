"""precision@k: the share of the list that is wanted."""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def precision(answers: Answers, k: int) -> NDArray[np.float64]:
    """Divide the targets in the first k by k, also where the list is shorter."""
    share: NDArray[np.float64] = answers.hits[:, :k].sum(axis=1) / k
    return share
