"""Item-kNN: what is bought by the same users as what you bought, the newest counting most.

Source: Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms", WWW 2001,
cosine similarity; the weight by recency is METHODS §10.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Histories
from prismrec.errors import ConfigError
from prismrec.evaluation.baselines.score import Score
from prismrec.retrieval import keep_strongest, recency_weights

BLOCK = 4096
"""Items whose similarities are made at a time, before the farther ones are dropped."""


def item_knn(
    train: Histories, size: int, *, neighbours: int | None = None, recency: float = 0.8,
    shrink: float = 0.0,
) -> Score:  # fmt: skip
    """Score an item by its similarity to the items of the history.

    With x_i ``[U]`` 1 at the users who have item i, the score of item j is

        sum over the history of recency**age * x_i·x_j / (‖x_i‖ ‖x_j‖ + shrink), i ≠ j.

    Args:
        train: Histories to count.
        size: V.
        neighbours: Most similar items kept of each item. All of them if not given: on a dense
            data set memory of the order of V².
        recency: Share of its weight that an item keeps with each newer one; 1: all weigh alike.
        shrink: How little to trust few users in common; 0 is the plain cosine, 20 helps where
            most items have few events.

    Raises:
        ConfigError: ``recency`` is not in (0, 1], ``neighbours`` below 1, ``shrink`` below 0.

    Cost: O(sum of squared history lengths) time.
    """
    if not 0 < recency <= 1 or (neighbours is not None and neighbours < 1) or shrink < 0:
        raise ConfigError(
            f"item_knn was given recency {recency}, neighbours {neighbours} and shrink {shrink}; "
            "recency must be above 0 and at most 1, neighbours at least 1, shrink at least 0."
        )
    similarity = cosine(incidence(train, size), neighbours, shrink)

    def score(histories: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
        found: NDArray[np.floating] = (
            recency_weights(histories, size, recency=recency) @ similarity
        ).toarray()
        return found

    return score


def incidence(train: Histories, size: int) -> sparse.csr_array:
    """Give X ``[U, V]``: 1 where the user has the item, however often."""
    ones = np.ones(len(train.items), dtype=np.float32)
    # A copy: the next line sorts a row's items, and the training histories are in time order.
    parts = (ones, train.items, train.indptr)
    events = sparse.csr_array(parts, shape=(len(train), size), copy=True)
    events.sum_duplicates()
    events.data[:] = 1
    return events


def cosine(events: sparse.csr_array, neighbours: int | None, shrink: float) -> sparse.csr_array:
    """Give the shrunk cosine of every two columns ``[V, V]``, 0 on the diagonal."""
    norms = np.sqrt(events.sum(axis=0))
    columns = events.T.tocsr()
    blocks = []
    for start in range(0, columns.shape[0], BLOCK):
        common = (columns[start : start + BLOCK] @ events).tocoo()
        row, column = common.coords
        other = row + start != column  # an item is not its own neighbour
        row, column, together = row[other], column[other], common.data[other]
        alike = together / (norms[row + start] * norms[column] + shrink)
        block = sparse.csr_array((alike, (row, column)), shape=common.shape)
        blocks.append(block if neighbours is None else keep_strongest(block, neighbours))
    return sparse.vstack(blocks, format="csr")
