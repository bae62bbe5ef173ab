"""Approximate indexes: a dial for effort, honest scores, and items added and removed.

A backend names places that are likely near; everything else is here, the same for all: scores
are computed anew from the vectors themselves, a query that came back short is asked again with
more effort, and in the end exactly.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import DataError
from prismrec.io import is_whole_number
from prismrec.retrieval.index.base import (
    Index,
    check_held,
    check_new,
    checked_items,
    checked_queries,
    in_order,
    joined,
)
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.types import Candidates

ROWS = 64
"""Queries scored together: the vectors of their candidates are held, ROWS · M · D numbers."""


class ApproximateIndex(Index):
    """An index that looks at part of the catalog."""

    exact = False
    search_budget: int
    """How much of it: the larger, the slower and the nearer to exact."""

    @property
    @abstractmethod
    def search_budgets(self) -> Sequence[int]:
        """The efforts worth trying, ascending."""

    @abstractmethod
    def with_search_budget(self, search_budget: int) -> Self:
        """Give the same index at another effort; they share their memory."""

    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> "UpdatedIndex":
        """See ``Index.add``. What is added is searched exactly: build anew when it is much."""
        return UpdatedIndex.of(self).add(vectors, ids)

    def remove(self, ids: Int[np.ndarray, " N"]) -> "UpdatedIndex":
        """See ``Index.remove``. Each search asks for as many more: build anew when it is many."""
        return UpdatedIndex.of(self).remove(ids)


def saved_budget(settings: Mapping[str, Any]) -> Any:
    """Return the search budget of a saved index; earlier versions called it effort."""
    return settings["effort" if "effort" in settings else "search_budget"]


def ladder(top: int) -> list[int]:
    """Give the efforts 1, 2, 3, 4, 6, 8, 12, … and ``top``, its last."""
    steps = (step << n for n in range(top.bit_length()) for step in (2, 3))
    return sorted({1, top, *(step for step in steps if step < top)})


class QuantizedIndex(ApproximateIndex):
    """An index whose backend finds places in the matrix of vectors that is kept beside it.

    Args:
        whole: All vectors and ids; where it is memory-mapped only what is looked at is read.
        backend: What the library made of the vectors, by their place.
        effort: See ``ApproximateIndex``.
    """

    depth: ClassVar[int] = 1
    """Places asked for, for each item wanted; more where the backend's own scores are coarse."""

    def __init__(self, whole: ExactIndex, backend: Any, search_budget: int) -> None:
        self.whole, self.backend, self.search_budget = whole, backend, search_budget

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.build``; its effort is half way up until ``tuned`` sets it.

        Raises:
            DataError: There is no item to learn from, too.
            MissingExtra: The library is not installed.
        """
        matrix, numbers = checked_items(vectors, ids)
        if not len(numbers):
            raise DataError(
                f"An index {cls.kind} was to be built of no items; give some, or take the exact "
                "index."
            )
        index = cls(ExactIndex(torch.from_numpy(matrix), numbers), cls._train(matrix), 1)
        return index.with_search_budget(index.search_budgets[len(index.search_budgets) // 2])

    @property
    def ids(self) -> NDArray[np.int64]:
        """See ``Index.ids``."""
        return self.whole.ids

    @property
    def dim(self) -> int:
        """See ``Index.dim``."""
        return self.whole.dim

    def with_search_budget(self, search_budget: int) -> Self:
        """See ``ApproximateIndex.with_search_budget``."""
        return type(self)(self.whole, self.backend, search_budget)

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        flat = checked_queries(queries, m, self.dim)
        items = np.zeros((len(flat), m), dtype=np.int64)
        scores = np.zeros((len(flat), m), dtype=np.float32)
        wanted = min(m, len(self))
        short = np.arange(len(flat) if wanted else 0)  # rows of fewer items than wanted
        for search_budget in self._widening():
            for start in range(0, len(short), ROWS):
                rows = short[start : start + ROWS]
                items[rows], scores[rows] = self._scored(flat[rows], m, search_budget)
            short = short[items[short, wanted - 1] == 0]
            if not len(short):
                break
        else:
            found = self.whole.search(flat[None, short], m)
            items[short], scores[short] = found.items[0], found.scores[0]
        shape = (*queries.shape[:2], m)
        return Candidates(items.reshape(shape), scores.reshape(shape))

    def _widening(self) -> Iterator[int]:
        """Give its effort, and then the larger ones."""
        yield self.search_budget
        yield from (
            search_budget
            for search_budget in self.search_budgets
            if search_budget > self.search_budget
        )

    def _scored(
        self, flat: Float[np.ndarray, "R D"], m: int, search_budget: int
    ) -> tuple[Int[np.ndarray, "R M"], Float[np.ndarray, "R M"]]:
        """Give what the backend finds, with the scores of the vectors themselves."""
        places = self._nearest(flat, min(self.depth * m, len(self)), search_budget)
        there = np.where(places < 0, 0, places)
        vectors = self.whole.vectors[torch.from_numpy(there)]  # [R, M, D]
        scores = torch.bmm(vectors, torch.from_numpy(flat)[:, :, None])[:, :, 0].numpy()
        return in_order(np.where(places < 0, 0, self.ids[there]), scores, m)

    @staticmethod
    @abstractmethod
    def _train(matrix: NDArray[np.float32]) -> Any:
        """Make the backend's structure of the rows of a matrix, by their places from 0."""

    @abstractmethod
    def _nearest(
        self, flat: Float[np.ndarray, "R D"], m: int, search_budget: int
    ) -> Int[np.ndarray, "R M"]:
        """Give the places of about the m nearest rows of each query, each once; -1 for none."""

    @staticmethod
    def _read_saved(settings: Mapping[str, Any], parts: Sequence[Index]) -> tuple[ExactIndex, int]:
        """Give the vectors and the effort of a saved one.

        Raises:
            ValueError: They are something else.
        """
        (whole,) = parts
        budget = saved_budget(settings)
        if not isinstance(whole, ExactIndex) or not is_whole_number(budget, 1):
            raise ValueError(f"its part is {whole.kind}, its search budget {budget!r}")
        return whole, budget

    def _settings(self) -> dict[str, Any]:
        return {"search_budget": self.search_budget}

    def _parts(self) -> Sequence[Index]:
        return (self.whole,)


class UpdatedIndex(Index):
    """An index without some of its items and with others beside it.

    Args:
        base: The index as it was built.
        gone: Items of ``base`` that are never returned, ascending.
        added: An exact index of the items that came later.

    Cost: a search of ``base`` for m + gone items, and an exact one of what was added.
    """

    kind: ClassVar[str] = "changed"

    def __init__(self, base: Index, gone: NDArray[np.int64], added: Index) -> None:
        self.base, self.gone, self.added = base, gone, added

    @classmethod
    def of(cls, base: Index) -> Self:
        """Give an index with nothing gone and nothing added yet."""
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
        return np.union1d(np.setdiff1d(self.base.ids, self.gone), self.added.ids)

    @property
    def dim(self) -> int:
        """See ``Index.dim``."""
        return self.base.dim

    def __len__(self) -> int:
        return len(self.base) - len(self.gone) + len(self.added)

    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.add``."""
        check_new(self, ids)
        return type(self)(self.base, self.gone, self.added.add(vectors, ids))

    def remove(self, ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.remove``."""
        check_held(self, ids)
        gone = np.union1d(self.gone, np.setdiff1d(ids, self.added.ids))
        return type(self)(self.base, gone, self.added.remove(np.intersect1d(ids, self.added.ids)))

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        checked_queries(queries, m, self.dim)
        old = self.base.search(queries, m + len(self.gone))
        new = self.added.search(queries, m)
        items = np.where(np.isin(old.items, self.gone), 0, old.items)
        return joined([Candidates(items, old.scores), new], m)

    def _write(self, folder: Path) -> None:
        np.save(folder / "gone.npy", self.gone, allow_pickle=False)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:  # noqa: ARG003
        """See ``Index.read``."""
        base, added = parts
        gone = np.load(folder / "gone.npy", allow_pickle=False)
        if gone.dtype != np.int64 or gone.ndim != 1 or not np.isin(gone, base.ids).all():
            raise ValueError("gone.npy names items that it does not hold")
        if base.dim != added.dim:
            raise ValueError(f"parts of widths {base.dim} and {added.dim}")
        return cls(base, gone, added)

    def _parts(self) -> Sequence[Index]:
        return self.base, self.added
