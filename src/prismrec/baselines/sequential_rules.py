"""Sequential rules: what came soon after each item of the history, counted.

The floor that a sequential model has to beat: METHODS §10. No vectors, no training, one table
of counts.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.baselines.score import Score, weigh
from prismrec.data.histories import Histories
from prismrec.errors import ConfigError


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
    rules = rules_table(
        train, size, window=window, decay=decay, backward=backward, alpha=alpha, beta=beta
    )

    def score(histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        found: NDArray[np.floating] = (weigh(histories, size, recency=recency) @ rules).toarray()
        return found

    return score


def rules_table(
    train: Histories, size: int, *, window: int = 10, decay: float = 0.8, backward: float = 0.5,
    alpha: float = 0.0, beta: float = 0.3,
) -> sparse.csr_array:  # fmt: skip
    """Give the strength of each rule "j soon after i", ``[V, V]``: see ``sequential_rules``.

    Raises:
        ConfigError: ``window`` below 1, or ``decay`` not in (0, 1].
    """
    if window < 1 or not 0 < decay <= 1:
        raise ConfigError(
            f"Rules were to be counted with window {window} and decay {decay}; window must be at "
            "least 1, decay above 0 and at most 1."
        )
    rules = count_pairs(train, size, window=window, decay=decay)
    if backward:
        rules = rules + backward * rules.T
    counts = np.maximum(train.counts(size), 1).astype(np.float64)
    rules = sparse.csr_array(rules * (counts**-alpha)[:, None] * (counts**-beta)[None, :])
    return rules.astype(np.float32)


def count_pairs(train: Histories, size: int, *, window: int, decay: float) -> sparse.csr_array:
    """Sum decay**(distance - 1) over the pairs (i, then j) of each user, ``[V, V]``."""
    table = sparse.csr_array((size, size), dtype=np.float64)
    left = np.repeat(train.indptr[1:], train.lengths) - np.arange(len(train.items))  # to the end
    for distance in range(1, window + 1):
        first = (left > distance).nonzero()[0]  # the pair stays inside one user
        pairs = (train.items[first], train.items[first + distance])
        weight = np.full(len(first), decay ** (distance - 1))
        table = table + sparse.csr_array((weight, pairs), shape=(size, size))
    return table
