"""Choosing an index for a catalog by measuring its recall.

choice = choose_index(vectors, ids, interests)       # interests [B, K, D] of real histories
choice.index, choice.recall, choice.reason
choice = choose_index(vectors, ids, interests, name="exact/8")     # in eight shards

Shards are built and measured one after the other, so building takes the memory of one shard in
addition to the finished index.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError, MissingExtra
from prismrec.io import track
from prismrec.registry import resolve
from prismrec.retrieval.index.approximate import ApproximateIndex, QuantizedIndex
from prismrec.retrieval.index.base import Index, merge_results
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.index.recall import check_recall, real_queries, with_measured_budget
from prismrec.retrieval.index.sharded import ShardedIndex
from prismrec.retrieval.index.table import COMPOSED, INDEXES, IndexName
from prismrec.types import Candidates

EXACT_UP_TO = 200_000
"""Largest catalog that "auto" searches exactly: about 10 ms per user (4 interests, one core)."""
AUTOMATIC_INDEX = "ivf-sq8"
"""The index that "auto" tries for larger catalogs."""


@dataclass(frozen=True)
class IndexChoice:
    """An index and why it was chosen."""

    index: Index
    recall: float
    """Share of the exact result that the index finds, 0 to 1."""
    reason: str
    """Why this index was chosen, in words."""


VectorsOfItems = Callable[[NDArray[np.int64]], Float[np.ndarray, "N D"]]
"""Returns the vectors of some item numbers."""


def choose_index(
    vectors: Float[np.ndarray, "N D"] | VectorsOfItems,
    ids: Int[np.ndarray, " N"],
    queries: Float[np.ndarray, "B K D"] | None = None,
    *,
    name: str = "auto",
    k: int = 50,
    min_recall: float = 0.95,
) -> IndexChoice:
    """Build an index and measure its recall, unless it is exact.

    Args:
        vectors: One row per item, or a function that returns them: of a divided index, only the
            vectors of one shard are asked for at a time.
        ids: The item numbers.
        queries: Interest vectors of a few hundred real users, on which recall is measured.
        name: A key of ``INDEXES``, ``module:Class``, or "auto"; each also as "NAME/8": eight shards
            of consecutive items. "auto" builds an exact index for up to ``EXACT_UP_TO`` items, and
            inverted lists for more. It also builds an exact index, and reports why, if there are no
            queries, if faiss is not installed, or if the inverted lists do not reach
            ``min_recall``.
        k: Recall is measured on the k best items.
        min_recall: Smallest recall@k of an index that is not exact.

    Raises:
        UnknownName: There is no index of that name.
        ConfigError: A class of that name is no index, or has the ``kind`` of another class; or the
            number of shards is not from 2 to the number of items.
        MissingExtra: The index needs a library that is not installed.
        DataError: The index does not reach ``min_recall``, or there are no queries to measure it;
            see also ``Index.build``.

    Cost: building the index, and an exact search of ``queries``.
    """
    asked = IndexName.parse(name)
    if asked.kind != "auto":
        return _measured(asked, vectors, ids, queries, k, min_recall)
    reason = f"{len(ids):,} items are few enough for exact search"
    if len(ids) > EXACT_UP_TO:
        automatic = str(IndexName(AUTOMATIC_INDEX, asked.shards))
        try:
            return choose_index(vectors, ids, queries, name=automatic, k=k, min_recall=min_recall)
        except (MissingExtra, DataError) as error:
            reason = f"exact search was chosen instead of {automatic}: {error}"
    exact = IndexName("exact", asked.shards)
    return IndexChoice(_measured(exact, vectors, ids, None, k, min_recall).index, 1.0, reason)


def check_index(name: str, items: int, width: int) -> None:
    """Check, before a training, that ``choose_index`` can build the index of this name.

    Args:
        name: See ``choose_index``.
        items: Number of items.
        width: Width of their vectors.

    Raises:
        UnknownName, ConfigError, MissingExtra, DataError: See ``choose_index``, and
            ``Index.check_possible``.
    """
    asked = IndexName.parse(name)
    _divide(asked, items)
    if asked.kind != "auto":
        _class_named(asked.kind).check_possible(width)


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
    name: IndexName,
    vectors: Float[np.ndarray, "N D"] | VectorsOfItems,
    ids: Int[np.ndarray, " N"],
    queries: Float[np.ndarray, "B K D"] | None,
    k: int,
    min_recall: float,
) -> IndexChoice:
    """Build an index of a class; if it is not exact, set its search budget and measure it."""
    kind = _class_named(name.kind)
    measured_on = cache(lambda: real_queries(np.empty((0, 1, 1)) if queries is None else queries))
    if issubclass(kind, ApproximateIndex):
        measured_on()  # fail before the index is built
    built, truths = [], []
    slices = _divide(name, len(ids))
    for rows in track(slices, "building the index", len(slices)):
        own = vectors(ids[rows]) if callable(vectors) else vectors[rows]
        part, truth = _build_part(kind, own, ids[rows], measured_on, k, min_recall)
        built.append(part)
        truths.append(truth)
    index = built[0] if name.shards is None else ShardedIndex(built)
    label = str(IndexName(kind.kind, name.shards))
    if index.exact:
        return IndexChoice(index, 1.0, f"the index {label} was chosen by name and is exact")
    exact = [
        part.search(measured_on(), k) if truth is None else truth
        for part, truth in zip(built, truths, strict=True)
    ]
    recall = check_recall(index, label, measured_on(), merge_results(exact, k), min_recall)
    budgets = [one.search_budget for one in built if isinstance(one, ApproximateIndex)]
    budget = f" with the search budget {min(budgets)}" if budgets else ""
    if len(set(budgets)) > 1:
        budget += f" to {max(budgets)}"
    reason = f"{label} finds {recall:.3f} of the exact {k} nearest items{budget}"
    return IndexChoice(index, recall, reason)


def _divide(name: IndexName, items: int) -> list[slice]:
    """Return the rows of each shard: consecutive, of almost equal numbers.

    Raises:
        ConfigError: There are fewer items than shards.
    """
    shards = name.shards or 1
    if shards > max(items, 1):
        raise ConfigError(
            f"The index {name} has more shards than the catalog has items ({items:,}); divide it "
            "into fewer."
        )
    bounds = [shard * items // shards for shard in range(shards + 1)]
    return [slice(*pair) for pair in pairwise(bounds)]


def _build_part(
    kind: type[Index],
    vectors: Float[np.ndarray, "N D"],
    ids: Int[np.ndarray, " N"],
    queries: Callable[[], Float[np.ndarray, "1 R D"]],
    k: int,
    min_recall: float,
) -> tuple[Index, Candidates | None]:
    """Build an index or a shard with its search budget; also return what exact search finds in it.

    A shard that is exact is not measured.
    """
    index = kind.build(vectors, ids)
    if index.exact:
        return index, None
    exact: Index
    if isinstance(index, QuantizedIndex):
        exact = index.exact_index
    else:
        exact = ExactIndex.build(vectors, ids)
    truth = exact.search(queries(), k)
    if isinstance(index, ApproximateIndex):
        index = with_measured_budget(index, queries(), truth, min_recall=min_recall)
    return index, truth
