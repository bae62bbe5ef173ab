"""Approximate indexes: a search budget, exact scores, and items that are added or removed.

The library of an approximate index names rows that are probably near the query. Everything else is
the same for all libraries and is in this file: scores are computed again from the original vectors,
and a query with too few results is repeated with a larger search budget and finally exactly.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError, is_whole
from prismrec.io import INTEGERS, read_array
from prismrec.retrieval.index.base import (
    BUILD_AGAIN,
    Index,
    check_contained,
    check_items,
    check_new,
    check_queries,
    merge_results,
    sort_and_pad,
)
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.types import Candidates

ROWS = 64
"""Queries that are scored together, in ROWS · M · D numbers of memory."""
EXCLUDED_FILE = "gone.npy"
LARGEST_BUDGET = 2**31 - 1
"""The largest whole number that every library accepts as a search budget."""


class ApproximateIndex(Index):
    """An index that searches a part of the catalog."""

    exact = False
    search_budget: int
    """How much is searched; a larger budget is slower and closer to exact."""

    def __repr__(self) -> str:
        return f"{super().__repr__()[:-1]}, search budget {self.search_budget})"

    @property
    @abstractmethod
    def search_budgets(self) -> Sequence[int]:
        """Search budgets to choose from, ascending."""

    @abstractmethod
    def with_search_budget(self, search_budget: int) -> Self:
        """Return the same index with another search budget; both share their memory."""

    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> "UpdatedIndex":
        """See ``Index.add``. Added items are searched exactly; after many, build a new index."""
        return UpdatedIndex.of(self).add(vectors, ids)

    def remove(self, ids: Int[np.ndarray, " N"]) -> "UpdatedIndex":
        """See ``Index.remove``. Each removed item deepens every search; see ``UpdatedIndex``."""
        return UpdatedIndex.of(self).remove(ids)


def saved_budget(settings: Mapping[str, Any]) -> int:
    """Return the search budget of a saved index; earlier versions saved it as "effort".

    Raises:
        ValueError: It is not a whole number from 1 to ``LARGEST_BUDGET``.
    """
    budget = settings["effort" if "effort" in settings else "search_budget"]
    if not is_whole(budget, 1, LARGEST_BUDGET):
        raise ValueError(f"its search budget is {str(budget)[:60]}")
    return int(budget)


def budget_steps(largest: int) -> list[int]:
    """Return the search budgets 1, 2, 3, 4, 6, 8, 12, … up to ``largest``, which is the last."""
    steps = (step << n for n in range(largest.bit_length()) for step in (2, 3))
    return sorted({1, largest, *(step for step in steps if step < largest)})


class QuantizedIndex(ApproximateIndex):
    """An index whose library finds row numbers in a matrix of vectors; the matrix is kept too.

    Args:
        exact_index: All vectors and ids. If it is memory-mapped, only the rows that are scored
            are read.
        backend: The library's structure, built from the rows of the matrix.
        search_budget: See ``ApproximateIndex``.
    """

    oversampling: ClassVar[int] = 1
    """Row numbers to get from the library per item; above 1 where its scores are coarse."""

    def __init__(self, exact_index: ExactIndex, backend: Any, search_budget: int) -> None:
        self.exact_index, self.backend = exact_index, backend
        self.search_budget = search_budget

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.build``; the search budget is the middle one of ``search_budgets``.

        Raises:
            DataError: There is no item to learn from; or see ``Index.build``.
            MissingExtra: The library is not installed.
        """
        matrix, numbers = check_items(vectors, ids)
        if not len(numbers):
            raise DataError(
                f"An index of the kind {cls.kind} was to be built of no items; pass at least one "
                "item, or use the exact index."
            )
        index = cls(ExactIndex(torch.from_numpy(matrix), numbers), cls._train(matrix), 1)
        return index.with_search_budget(index.search_budgets[len(index.search_budgets) // 2])

    @property
    def ids(self) -> NDArray[np.int64]:
        """See ``Index.ids``."""
        return self.exact_index.ids

    @property
    def dim(self) -> int:
        """See ``Index.dim``."""
        return self.exact_index.dim

    def with_search_budget(self, search_budget: int) -> Self:
        """See ``ApproximateIndex.with_search_budget``."""
        return type(self)(self.exact_index, self.backend, search_budget)

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        flat = check_queries(queries, m, self.dim)
        items = np.zeros((len(flat), m), dtype=np.int64)
        scores = np.zeros((len(flat), m), dtype=np.float32)
        wanted = min(m, len(self))
        short = np.arange(len(flat) if wanted else 0)  # queries with fewer items than wanted
        for search_budget in self._growing_budgets():
            for start in range(0, len(short), ROWS):
                rows = short[start : start + ROWS]
                items[rows], scores[rows] = self._search_with(search_budget, flat[rows], m)
            short = short[items[short, wanted - 1] == 0]
            if not len(short):
                break
        else:
            exact = self.exact_index.search(flat[None, short], m)
            items[short], scores[short] = exact.items[0], exact.scores[0]
        shape = (*queries.shape[:2], m)
        return Candidates(items.reshape(shape), scores.reshape(shape))

    def _growing_budgets(self) -> Iterator[int]:
        """Yield the index's search budget, and then the larger ones."""
        yield self.search_budget
        yield from (budget for budget in self.search_budgets if budget > self.search_budget)

    def _search_with(
        self, search_budget: int, flat: Float[np.ndarray, "R D"], m: int
    ) -> tuple[Int[np.ndarray, "R M"], Float[np.ndarray, "R M"]]:
        """Return the items that the library finds, with scores from the original vectors."""
        nearest = self._nearest(flat, min(self.oversampling * m, len(self)), search_budget)
        rows = np.where(nearest < 0, 0, nearest)
        vectors = self.exact_index.vectors[torch.from_numpy(rows)]  # [R, M, D]
        scores = torch.bmm(vectors, torch.from_numpy(flat)[:, :, None])[:, :, 0].numpy()
        return sort_and_pad(np.where(nearest < 0, 0, self.ids[rows]), scores, m)

    @staticmethod
    @abstractmethod
    def _train(matrix: NDArray[np.float32]) -> Any:
        """Build the library's structure from the rows of a matrix."""

    @abstractmethod
    def _nearest(
        self, flat: Float[np.ndarray, "R D"], m: int, search_budget: int
    ) -> Int[np.ndarray, "R M"]:
        """Return the numbers of about the m nearest rows per query, each once; -1 for none."""

    @staticmethod
    def _read_saved(settings: Mapping[str, Any], parts: Sequence[Index]) -> tuple[ExactIndex, int]:
        """Read the exact index and the search budget of a saved index.

        Raises:
            ValueError: They are something else.
        """
        (exact_index,) = parts
        if not isinstance(exact_index, ExactIndex):
            raise ValueError(f"its part is {exact_index.kind}")
        return exact_index, saved_budget(settings)

    def _settings(self) -> dict[str, Any]:
        return {"search_budget": self.search_budget}

    def _parts(self) -> Sequence[Index]:
        return (self.exact_index,)


class UpdatedIndex(Index):
    """An index from which items were removed and to which items were added.

    Args:
        base: The index as it was built.
        excluded: Items of ``base`` that are never returned, ascending.
        added: An exact index of the items that were added later.

    Cost: a search of ``base`` for m + excluded items, and an exact search of the added items. Build
        a new index when either number is large.
    """

    kind: ClassVar[str] = "updated"

    def __init__(self, base: Index, excluded: NDArray[np.int64], added: Index) -> None:
        self.base, self.excluded, self.added = base, excluded, added

    @classmethod
    def of(cls, base: Index) -> Self:
        """Return an updated index with nothing excluded and nothing added."""
        nothing = np.empty(0, dtype=np.int64)
        empty = np.empty((0, base.dim), dtype=np.float32)
        return cls(base, nothing, ExactIndex.build(empty, nothing))

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.build``."""
        return cls.of(ExactIndex.build(vectors, ids))

    @property
    def exact(self) -> bool:
        """See ``Index.exact``."""
        return self.base.exact

    @property
    def ids(self) -> NDArray[np.int64]:
        """See ``Index.ids``."""
        return np.union1d(np.setdiff1d(self.base.ids, self.excluded), self.added.ids)

    @property
    def dim(self) -> int:
        """See ``Index.dim``."""
        return self.base.dim

    def __len__(self) -> int:
        return len(self.base) - len(self.excluded) + len(self.added)

    def __repr__(self) -> str:
        changes = f"{len(self.added):,} added, {len(self.excluded):,} removed"
        return f"{type(self).__name__}({self.base!r}, {changes})"

    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.add``."""
        check_new(self, ids)
        return type(self)(self.base, self.excluded, self.added.add(vectors, ids))

    def remove(self, ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.remove``."""
        check_contained(self, ids)
        excluded = np.union1d(self.excluded, np.setdiff1d(ids, self.added.ids))
        added = self.added.remove(np.intersect1d(ids, self.added.ids))
        return type(self)(self.base, excluded, added)

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        check_queries(queries, m, self.dim)
        old = self.base.search(queries, m + len(self.excluded))
        new = self.added.search(queries, m)
        items = np.where(np.isin(old.items, self.excluded), 0, old.items)
        return merge_results([Candidates(items, old.scores), new], m)

    def _write(self, folder: Path) -> None:
        np.save(folder / EXCLUDED_FILE, self.excluded, allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:  # noqa: ARG003
        """See ``Index.read``."""
        base, added = parts
        excluded = read_array(folder / EXCLUDED_FILE, INTEGERS, 1, repair=BUILD_AGAIN)
        if (excluded[1:] <= excluded[:-1]).any():
            raise ValueError(f"the items of {EXCLUDED_FILE} do not ascend")
        if not np.isin(excluded, base.ids).all():
            raise ValueError(f"{EXCLUDED_FILE} names items that are not in the index")
        if base.dim != added.dim:
            raise ValueError(f"its parts have vectors of widths {base.dim} and {added.dim}")
        return cls(base, excluded, added)

    def _parts(self) -> Sequence[Index]:
        return self.base, self.added
