"""recall@k: the share of the targets that are in the list."""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers


def recall(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute the number of targets in the first k divided by the number of *all* targets.

    A user with more than k targets cannot reach 1 (LensKit divides by min(targets, k)). A
    repeated target counts once (the published ComiRec code counts it twice).
    """
    share: NDArray[np.float64] = answers.hits[:, :k].sum(axis=1) / answers.relevant
    return share
