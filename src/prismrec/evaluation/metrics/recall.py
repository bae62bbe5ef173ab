"""recall@k: the share of the targets that the list holds."""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def recall(answers: Answers, k: int) -> NDArray[np.float64]:
    """Divide the targets in the first k by *all* targets, as a set.

    A user with more than k targets cannot reach 1 (LensKit divides by min(targets, k)); a
    target that is named twice counts once (the published ComiRec code counts it twice).
    """
    found: NDArray[np.float64] = answers.hits[:, :k].sum(axis=1) / answers.relevant
    return found
