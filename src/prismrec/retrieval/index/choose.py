"""Which index serves a catalog: measured, never assumed.

choice = choose_index(vectors, ids, interests)       # interests [B, K, D] of real histories
choice.index, choice.recall, choice.reason
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from prismrec.errors import DataError, MissingExtra
from prismrec.registry import resolve
from prismrec.retrieval.index.approximate import ApproximateIndex, QuantizedIndex
from prismrec.retrieval.index.base import Index
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.index.table import INDEXES
from prismrec.types import Candidates

SMALL = 200_000
"""Items up to which exact search takes about 10 ms a user of four interests on one core."""
AUTOMATIC = "ivf-sq8"


@dataclass(frozen=True)
class Choice:
    """An index, and why it is this one."""

    index: Index
    recall: float
    """Share of the exact answer that it finds."""
    reason: str
    """A sentence for people."""


def choose_index(
    vectors: Float[np.ndarray, "N D"],
    ids: Int[np.ndarray, " N"],
    queries: Float[np.ndarray, "B K D"] | None = None,
    *,
    name: str = "auto",
    k: int = 50,
    floor: float = 0.95,
) -> Choice:
    """Build an index whose recall has been measured.

    Args:
        vectors: One row an item.
        ids: Their item numbers.
        queries: Interest vectors of real histories, to measure recall on: some hundred users.
        name: One of ``INDEXES`` or ``module:Class``. "auto" takes exact up to ``SMALL`` items or
            where there are no queries, else inverted lists; and exact again where these are not
            installed or stay below ``floor``, as ``reason`` then says.
        k: Length of the lists that recall is measured on.
        floor: Least recall@k.

    Raises:
        UnknownName: No index of that name.
        MissingExtra: The index named needs a library that is not installed.
        DataError: The index named is not exact and stays below ``floor``, or there are no
            queries to measure it on; see ``Index.build`` too.

    Cost: the build, and an exact search of ``queries``.
    """
    if name != "auto":
        return _measured(resolve("index", name, INDEXES), vectors, ids, queries, k, floor)
    reason = f"{len(ids):,} items are few enough for exact search"
    if len(ids) > SMALL:
        try:
            return choose_index(vectors, ids, queries, name=AUTOMATIC, k=k, floor=floor)
        except (MissingExtra, DataError) as error:
            reason = f"exact search was taken instead of {AUTOMATIC}: {error}"
    return Choice(ExactIndex.build(vectors, ids), 1.0, reason)


def recall_check(
    index: Index,
    exact: Index,
    queries: Float[np.ndarray, "B K D"],
    *,
    k: int = 50,
    floor: float = 0.95,
) -> float:
    """Give the share of the exact answer that an index finds, and refuse too little.

    Args:
        index: The one to judge.
        exact: An exact one of the same items.
        queries: Interest vectors of real histories. Those that are all 0 are left out: an empty
            interest has no nearest items.
        k: Length of the lists; fewer where there are fewer items.
        floor: Least recall@k, from 0 to 1.

    Raises:
        DataError: Less than ``floor``, or no query to measure with.
    """
    asked = real_queries(queries)
    recall = recall_of(index.search(asked, k), exact.search(asked, k))
    if recall < floor:
        raise DataError(
            f"The index {index.kind} finds {recall:.3f} of the {k} nearest items of "
            f"{asked.shape[1]} interests, below the floor of {floor}; take the exact index, or "
            "train with item vectors of more equal norms."
        )
    return recall


def recall_of(found: Candidates, truth: Candidates) -> float:
    """Give the share of the true answer that was found, over queries.

    What scores as high as the last of the truth counts, whichever of equal items it is.
    """
    length = (truth.items > 0).sum(axis=2)
    last = np.take_along_axis(truth.scores, np.maximum(length - 1, 0)[..., None], axis=2)
    # Two libraries add up one inner product in different orders.
    near = found.scores >= last - 1e-5 * np.abs(last)
    hits = ((found.items > 0) & near).sum(axis=2)
    return float((np.minimum(hits, length) / np.maximum(length, 1)).mean())


def real_queries(queries: Float[np.ndarray, "B K D"]) -> Float[np.ndarray, "1 R D"]:
    """Give the queries that are not all 0, as one user's.

    Raises:
        DataError: There is none.
    """
    kept = queries[np.any(queries != 0, axis=2)]
    if not len(kept):
        raise DataError(
            "An index was to be measured without a single interest vector; give those of some "
            "hundred real histories, or take the exact index."
        )
    return kept[None]


def tuned(
    index: ApproximateIndex,
    exact: Index,
    queries: Float[np.ndarray, "B K D"],
    *,
    k: int = 50,
    floor: float = 0.95,
) -> ApproximateIndex:
    """Give the index at the least of its efforts that reaches ``floor``, at its most if none does.

    Cost: an exact search of ``queries``, and one at each effort tried, which doubles.
    """
    asked = real_queries(queries)
    truth = exact.search(asked, k)
    for search_budget in index.search_budgets:
        index = index.with_search_budget(search_budget)
        if recall_of(index.search(asked, k), truth) >= floor:
            break
    return index


def _measured(
    kind: type[Index],
    vectors: Float[np.ndarray, "N D"],
    ids: Int[np.ndarray, " N"],
    queries: Float[np.ndarray, "B K D"] | None,
    k: int,
    floor: float,
) -> Choice:
    """Build an index of a kind, and if it is approximate set its effort and measure it."""
    if not issubclass(kind, ApproximateIndex):
        return Choice(kind.build(vectors, ids), 1.0, f"{kind.kind} search was asked for")
    asked = real_queries(np.empty((0, 1, vectors.shape[1])) if queries is None else queries)
    built = kind.build(vectors, ids)
    whole = built.whole if isinstance(built, QuantizedIndex) else ExactIndex.build(vectors, ids)
    index = tuned(built, whole, asked, k=k, floor=floor)
    recall = recall_check(index, whole, asked, k=k, floor=floor)
    reason = (
        f"{kind.kind} finds {recall:.3f} of the exact {k} nearest at effort {index.search_budget}"
    )
    return Choice(index, recall, reason)
