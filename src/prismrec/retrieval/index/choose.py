"""Choosing an index for a catalog by measuring its recall.

choice = choose_index(vectors, ids, interests)       # interests [B, K, D] of real histories
choice.index, choice.recall, choice.reason
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from prismrec.errors import ConfigError, DataError, MissingExtra
from prismrec.registry import resolve
from prismrec.retrieval.index.approximate import ApproximateIndex, QuantizedIndex
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.index.table import COMPOSED, INDEXES
from prismrec.types import Candidates

SMALL = 200_000
"""Largest catalog that "auto" searches exactly: about 10 ms per user (4 interests, one core)."""
AUTOMATIC = "ivf-sq8"
"""The index that "auto" tries for larger catalogs."""


@dataclass(frozen=True)
class Choice:
    """An index and why it was chosen."""

    index: Index
    recall: float
    """Share of the exact result that the index finds, 0 to 1."""
    reason: str
    """Why this index was chosen, in words."""


def choose_index(
    vectors: Float[np.ndarray, "N D"],
    ids: Int[np.ndarray, " N"],
    queries: Float[np.ndarray, "B K D"] | None = None,
    *,
    name: str = "auto",
    k: int = 50,
    min_recall: float = 0.95,
) -> Choice:
    """Build an index and measure its recall, unless it is exact.

    Args:
        vectors: One row per item.
        ids: The item numbers.
        queries: Interest vectors of a few hundred real users, on which recall is measured.
        name: A key of ``INDEXES``, ``module:Class``, or "auto". "auto" builds an exact index for
            up to ``SMALL`` items, and inverted lists for more. It also builds an exact index, and
            reports why, if there are no queries, if faiss is not installed, or if the inverted
            lists do not reach ``min_recall``.
        k: Recall is measured on the k best items.
        min_recall: Smallest recall@k of an index that is not exact.

    Raises:
        UnknownName: There is no index of that name.
        ConfigError: A class of that name is no index, or has the ``kind`` of another class.
        MissingExtra: The index needs a library that is not installed.
        DataError: The index does not reach ``min_recall``, or there are no queries to measure it;
            see also ``Index.build``.

    Cost: building the index, and an exact search of ``queries``.
    """
    if name != "auto":
        return _measured(_class_named(name), vectors, ids, queries, k, min_recall)
    reason = f"{len(ids):,} items are few enough for exact search"
    if len(ids) > SMALL:
        try:
            return choose_index(vectors, ids, queries, name=AUTOMATIC, k=k, min_recall=min_recall)
        except (MissingExtra, DataError) as error:
            reason = f"exact search was chosen instead of {AUTOMATIC}: {error}"
    return Choice(ExactIndex.build(vectors, ids), 1.0, reason)


def check_recall(
    index: Index,
    exact: Index,
    queries: Float[np.ndarray, "B K D"],
    *,
    k: int = 50,
    min_recall: float = 0.95,
) -> float:
    """Measure the recall of an index, and check that it is high enough.

    Args:
        index: The index to measure.
        exact: An exact index of the same items.
        queries: Interest vectors of real users. Vectors of zeros are left out: an empty interest
            has no nearest items.
        k: Number of items per query; fewer if the index has fewer.
        min_recall: Smallest recall@k, from 0 to 1.

    Returns:
        recall@k: the share of the exact result that the index finds.

    Raises:
        DataError: The recall is below ``min_recall``, or there is no query.
    """
    real = real_queries(queries)
    recall = recall_of(index.search(real, k), exact.search(real, k))
    if recall < min_recall:
        raise DataError(
            f"The index {index.kind} finds {recall:.3f} of the {k} nearest items of "
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
    exact: Index,
    queries: Float[np.ndarray, "B K D"],
    *,
    k: int = 50,
    min_recall: float = 0.95,
) -> ApproximateIndex:
    """Return the index with its smallest search budget that reaches ``min_recall``.

    If no search budget reaches it, the index has the largest one.

    Cost: an exact search of ``queries``, and one search per budget that is tried.
    """
    real = real_queries(queries)
    truth = exact.search(real, k)
    for search_budget in index.search_budgets:
        index = index.with_search_budget(search_budget)
        if recall_of(index.search(real, k), truth) >= min_recall:
            break
    return index


def _class_named(name: str) -> type[Index]:
    """Return the class of an index, and check that its ``kind`` is not that of another class.

    A saved index is loaded by its kind, so two classes of one kind would be confused.
    """
    chosen = resolve("index", name, INDEXES, subclass_of=Index)
    kind, tables = getattr(chosen, "kind", None), {**INDEXES, **COMPOSED}
    if not isinstance(kind, str) or (kind in tables and resolve("index", kind, tables) != chosen):
        raise ConfigError(
            f"The index {name} has the kind {kind!r}, but a saved index is loaded by its kind; set "
            f"the class attribute kind to a name other than {', '.join(tables)}."
        )
    return chosen


def _measured(
    kind: type[Index],
    vectors: Float[np.ndarray, "N D"],
    ids: Int[np.ndarray, " N"],
    queries: Float[np.ndarray, "B K D"] | None,
    k: int,
    min_recall: float,
) -> Choice:
    """Build an index of a class; if it is not exact, set its search budget and measure it."""
    measured_on = np.empty((0, 1, vectors.shape[1])) if queries is None else queries
    if issubclass(kind, ApproximateIndex):
        real_queries(measured_on)  # fail before the index is built
    index = kind.build(vectors, ids)
    if index.exact:
        return Choice(index, 1.0, f"the index {kind.kind} was chosen by name and is exact")
    exact: Index
    if isinstance(index, QuantizedIndex):
        exact = index.exact_index
    else:
        exact = ExactIndex.build(vectors, ids)
    budget = ""
    if isinstance(index, ApproximateIndex):
        index = with_measured_budget(index, exact, measured_on, k=k, min_recall=min_recall)
        budget = f" with the search budget {index.search_budget}"
    recall = check_recall(index, exact, measured_on, k=k, min_recall=min_recall)
    reason = f"{kind.kind} finds {recall:.3f} of the exact {k} nearest items{budget}"
    return Choice(index, recall, reason)
