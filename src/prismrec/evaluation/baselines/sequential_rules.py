"""Sequential rules: count which items followed each item of the history soon after.

A strong baseline for sequential models: no vectors and no training, only one table of counts.
"""

from prismrec.data import Histories
from prismrec.errors import ConfigError
from prismrec.evaluation.baselines.score import Score, score_by_items
from prismrec.retrieval import count_rules


def sequential_rules(
    train: Histories, size: int, *, window: int = 10, decay: float = 0.8, backward: float = 0.5,
    alpha: float = 0.0, beta: float = 0.3, recency: float = 0.8,
) -> Score:  # fmt: skip
    """Score item j by how often it followed the items of the history soon after.

        sum over the history of recency**age * pairs(i, j) / (count(i)**alpha * count(j)**beta)

    where ``pairs(i, j)`` is the sum of decay**(distance - 1) over all places where j followed i
    at a distance of at most ``window``, plus ``backward`` times the same with i and j exchanged.

    Args:
        train: Histories to count.
        size: V.
        window: Largest distance of a pair, in events of one user.
        decay: Factor, in (0, 1], by which the weight of a pair falls per step of distance.
        backward: Weight of the pairs in the opposite order; 0 counts forward pairs only.
        alpha: Exponent that lowers the weight of frequent items of the history.
        beta: Exponent that lowers the scores of frequent items; with 0 popular items come first.
        recency: Factor, in (0, 1], by which the weight of an item of the history falls per newer
            item.

    Raises:
        ConfigError: ``window`` below 1, or ``recency`` or ``decay`` not in (0, 1].

    Cost: O(window * E) time; memory for the pairs that occur, at most window * E.
    """
    if not 0 < recency <= 1:
        raise ConfigError(
            f"sequential_rules got recency {recency}, which is out of range; use 0 < recency <= 1."
        )
    rules = count_rules(
        train, size, window=window, decay=decay, backward=backward, alpha=alpha, beta=beta
    )
    return score_by_items(rules, train, size, recency=recency)
