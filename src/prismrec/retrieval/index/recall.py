"""The recall of an index: how many of the exact results it finds, and the budget that it needs."""

import numpy as np
from jaxtyping import Float

from prismrec.errors import DataError
from prismrec.retrieval.index.approximate import ApproximateIndex
from prismrec.retrieval.index.base import Index
from prismrec.types import Candidates


def check_recall(
    index: Index,
    name: str,
    real: Float[np.ndarray, "1 R D"],
    truth: Candidates,
    min_recall: float,
) -> float:
    """Measure the recall of an index, and check that it is high enough.

    Args:
        index: The index to measure.
        name: Its name, for the message.
        real: From ``real_queries``.
        truth: The k best items of each query, from an exact index.
        min_recall: Smallest recall@k, from 0 to 1.

    Returns:
        recall@k: the share of the exact result that the index finds.

    Raises:
        DataError: The recall is below ``min_recall``.
    """
    k = truth.items.shape[2]
    recall = recall_of(index.search(real, k), truth)
    if recall < min_recall:
        raise DataError(
            f"The index {name} finds {recall:.3f} of the {k} nearest items of "
            f"{real.shape[1]} interests, below the minimum recall of {min_recall}; choose the "
            "exact index, or train with item vectors of more equal norms."
        )
    return recall


def recall_of(found: Candidates, truth: Candidates) -> float:
    """Return the share of the true result that was found, averaged over queries.

    Every item that scores as high as the last item of the true result counts, so it does not matter
    which of several equal items was found.
    """
    length = (truth.items > 0).sum(axis=2)
    last = np.take_along_axis(truth.scores, np.maximum(length - 1, 0)[..., None], axis=2)
    # Two libraries add the terms of an inner product in different orders.
    near = found.scores >= last - 1e-5 * np.abs(last)
    hits = ((found.items > 0) & near).sum(axis=2)
    return float((np.minimum(hits, length) / np.maximum(length, 1)).mean())


def real_queries(queries: Float[np.ndarray, "B K D"]) -> Float[np.ndarray, "1 R D"]:
    """Return the queries that are not all 0, as those of one user.

    Raises:
        DataError: There is none.
    """
    kept = queries[np.any(queries != 0, axis=2)]
    if not len(kept):
        raise DataError(
            "The recall of an index was to be measured without a single interest vector; pass "
            "those of a few hundred real users, or choose the exact index."
        )
    return kept[None]


def with_measured_budget(
    index: ApproximateIndex,
    real: Float[np.ndarray, "1 R D"],
    truth: Candidates,
    *,
    min_recall: float = 0.95,
) -> ApproximateIndex:
    """Return the index with its smallest search budget that reaches ``min_recall``.

    If no search budget reaches it, the index has the largest one.

    Args:
        index: The index.
        real: From ``real_queries``.
        truth: The k best items of each query, from an exact index.
        min_recall: Smallest recall@k, from 0 to 1.

    Cost: one search of the queries per budget that is tried.
    """
    for search_budget in index.search_budgets:
        index = index.with_search_budget(search_budget)
        if recall_of(index.search(real, truth.items.shape[2]), truth) >= min_recall:
            break
    return index
