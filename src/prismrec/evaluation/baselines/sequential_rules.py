"""Sequential rules: what came soon after each item of the history, counted.

The floor that a sequential model has to beat: METHODS §10. No vectors, no training, one table
of counts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prismrec.data import Histories
from prismrec.errors import ConfigError
from prismrec.evaluation.baselines.score import Score
from prismrec.retrieval import count_rules, recency_weights


def sequential_rules(
    train: Histories, size: int, *, window: int = 10, decay: float = 0.8, backward: float = 0.5,
    alpha: float = 0.0, beta: float = 0.3, recency: float = 0.8,
) -> Score:  # fmt: skip
    """Score item j by how often it soon followed the items of the history.

        sum over the history of recency**age * pairs(i, j) / (count(i)**alpha * count(j)**beta)

    where ``pairs(i, j)`` sums decay**(distance - 1) over the times that j followed i at a
    distance up to ``window``, plus ``backward`` times the same with i and j exchanged.

    Args:
        train: Histories to count.
        size: V.
        window: Farthest distance, in events of one user.
        decay: Share of its weight that a pair keeps with each step of distance.
        backward: Weight of "i followed j" beside "j followed i"; 0 counts forward only.
        alpha: Power by which a frequent item of the history counts less.
        beta: Power by which a frequent answer counts less; 0 leaves the popular ones on top.
        recency: Share of its weight that an item of the history keeps with each newer one.

    Raises:
        ConfigError: ``window`` below 1, or ``recency`` or ``decay`` not in (0, 1].

    Cost: O(window * E) time; memory of the table of pairs that occur, at most window * E.
    """
    if not 0 < recency <= 1:
        raise ConfigError(
            f"sequential_rules was given recency {recency}; it must be above 0 and at most 1."
        )
    rules = count_rules(
        train, size, window=window, decay=decay, backward=backward, alpha=alpha, beta=beta
    )

    def score(histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        found: NDArray[np.floating] = (
            recency_weights(histories, size, recency=recency) @ rules
        ).toarray()
        return found

    return score
