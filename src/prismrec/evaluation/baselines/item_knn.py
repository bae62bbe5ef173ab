"""Item-kNN: items with the same users as the items of the history, newer items weighted more.

Source: Sarwar et al., "Item-based Collaborative Filtering Recommendation Algorithms", WWW 2001,
cosine similarity; the weight by recency is added here.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.data import Histories
from prismrec.errors import ConfigError
from prismrec.evaluation.baselines.score import Score, score_by_items
from prismrec.io import track
from prismrec.retrieval import keep_strongest

SIMILAR_ITEMS = 4096
"""Most items whose similarities are computed at a time, before small ones are dropped."""
SIMILAR_PAIRS = 1 << 24
"""Most similarities that are computed at a time, about 1 GB; at least those of one item."""


def item_knn(
    train: Histories, size: int, *, neighbours: int | None = None, recency: float = 0.8,
    shrink: float = 0.0,
) -> Score:  # fmt: skip
    """Score an item by its similarity to the items of the history.

    With x_i ``[U]`` equal to 1 for the users of item i (with weights of events: the largest
    relative weight of the user's events of the item), the score of item j is

        sum over the history of recency**age * x_i·x_j / (‖x_i‖ ‖x_j‖ + shrink), i ≠ j.

    Args:
        train: Histories to count.
        size: V.
        neighbours: Number of most similar items that are kept per item; None keeps all, which
            takes memory of the order of V² on dense data.
        recency: Factor, in (0, 1], by which the weight of an item falls per newer item; with 1
            all items have the same weight.
        shrink: Reduces similarities that come from few common users; 0 is the plain cosine, 20
            helps if most items have few events.

    Raises:
        ConfigError: ``recency`` not in (0, 1], ``neighbours`` below 1, or ``shrink`` below 0.

    Cost: O(sum of squared history lengths) time.
    """
    if not 0 < recency <= 1 or (neighbours is not None and neighbours < 1) or shrink < 0:
        raise ConfigError(
            f"item_knn got recency {recency}, neighbours {neighbours} and shrink {shrink}, and one "
            "is out of range; use 0 < recency <= 1, neighbours >= 1 and shrink >= 0."
        )
    similarity = cosine_similarities(train, size, neighbours=neighbours, shrink=shrink)
    return score_by_items(similarity, train, size, recency=recency)


def cosine_similarities(
    train: Histories, size: int, *, neighbours: int | None, shrink: float
) -> sparse.csr_array:
    """Compute the shrunk cosine of the users of every two items, ``[V, V]``: see ``item_knn``."""
    return cosine(incidence(train, size), neighbours, shrink)


def incidence(train: Histories, size: int) -> sparse.csr_array:
    """Build X ``[U, V]``: 1 if the user has the item, once or more.

    If events have weights, it is the largest relative weight of the user's events of the item.
    """
    if train.relative_weights is not None:
        user = np.repeat(np.arange(len(train)), train.lengths)
        pairs, place = np.unique(user * size + train.items, return_inverse=True)
        largest = np.zeros(len(pairs), dtype=np.float32)
        np.maximum.at(largest, place, train.relative_weights.astype(np.float32))
        shape = len(train), size
        weighted = sparse.csr_array((largest, np.divmod(pairs, size)), shape=shape)
        weighted.eliminate_zeros()
        return weighted
    ones = np.ones(len(train.items), dtype=np.float32)
    # Copy, because sum_duplicates sorts each row and the training histories are in time order.
    parts = (ones, train.items, train.indptr)
    events = sparse.csr_array(parts, shape=(len(train), size), copy=True)
    events.sum_duplicates()
    events.data[:] = 1
    return events


def cosine(events: sparse.csr_array, neighbours: int | None, shrink: float) -> sparse.csr_array:
    """Compute the shrunk cosine of every two columns, ``[V, V]``, 0 on the diagonal."""
    norms = np.sqrt(events.power(2).sum(axis=0))
    columns = events.T.tocsr()
    blocks = []
    bounds = _bounds(columns, np.diff(events.indptr))
    for start, end in track(pairwise(bounds), "counting common users", len(bounds) - 1):
        common = (columns[start:end] @ events).tocoo()
        row, column = common.coords
        other = row + start != column  # an item is not its own neighbour
        row, column, users = row[other], column[other], common.data[other]
        similarity = users / (norms[row + start] * norms[column] + shrink)
        block = sparse.csr_array((similarity, (row, column)), shape=common.shape)
        blocks.append(block if neighbours is None else keep_strongest(block, neighbours))
    return sparse.vstack(blocks, format="csr")


def _bounds(columns: sparse.csr_array, lengths: NDArray[np.integer]) -> list[int]:
    """Return where blocks of items begin, and the end, by the largest number of similar items.

    A user with many items, such as a program, is similar to almost all of them.

    Args:
        columns: ``[V, U]``: the users of each item.
        lengths: ``[U]``: the number of items of each user.
    """
    size = columns.shape[0]
    ends = np.append(0, np.cumsum(lengths[columns.indices], dtype=np.int64))
    similar = np.minimum(np.diff(ends[columns.indptr]), size)
    before = np.append(0, np.cumsum(similar))
    bounds = [0]
    while bounds[-1] < size:
        start = bounds[-1]
        end = int(np.searchsorted(before, before[start] + SIMILAR_PAIRS, side="right")) - 1
        bounds.append(min(max(end, start + 1), start + SIMILAR_ITEMS, size))
    return bounds
