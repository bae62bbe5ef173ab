"""mrr@k: the reciprocal rank of the first hit."""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def mrr(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute 1 / rank of the first hit, ranks from 1; 0 without a hit in the first k."""
    hits = answers.hits[:, :k]
    return np.where(hits.any(axis=1), 1 / (hits.argmax(axis=1) + 1), 0.0)
