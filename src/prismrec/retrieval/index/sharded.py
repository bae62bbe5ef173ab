"""Several indexes as one: all are searched, and the results are merged.

    index = ShardedIndex([books, films])        # no item may be in two of them

With exact shards, the result is that of one exact index of all items, ties included.
``choose_index(…, name="exact/8")`` builds the shards one after the other. One process searches all
of them, also one after the other.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError
from prismrec.retrieval.index.base import Index, check_contained, check_new, merge_results
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.types import Candidates


class ShardedIndex(Index):
    """Several indexes that have no item in common and vectors of the same width.

    Args:
        shards: At least one index.

    Raises:
        ConfigError: There is no shard, or the widths differ.
        DataError: An item is in two shards.
    """

    kind: ClassVar[str] = "sharded"

    def __init__(self, shards: Sequence[Index]) -> None:
        widths = {shard.dim for shard in shards}
        if len(widths) != 1:
            raise ConfigError(
                f"A sharded index was to be built of {len(shards)} shards with vectors of widths "
                f"{sorted(widths)}; pass at least one shard, all of the same width."
            )
        self.shards = tuple(shards)
        self._ids = np.sort(np.concatenate([shard.ids for shard in shards]))
        repeated = np.flatnonzero(np.diff(self._ids) == 0)
        if len(repeated):
            raise DataError(
                f"Item {self._ids[repeated[0]]} is in two shards of an index; keep it in one."
            )

    def __repr__(self) -> str:
        kinds = ", ".join(shard.kind for shard in self.shards)
        return f"{super().__repr__()[:-1]}, shards: {kinds})"

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """Build an index of one exact shard; see ``Index.build``."""
        return cls([ExactIndex.build(vectors, ids)])

    @property
    def exact(self) -> bool:
        """See ``Index.exact``."""
        return all(shard.exact for shard in self.shards)

    @property
    def ids(self) -> NDArray[np.int64]:
        """See ``Index.ids``."""
        return self._ids

    @property
    def dim(self) -> int:
        """See ``Index.dim``."""
        return self.shards[0].dim

    @cached_property
    def joined(self) -> ExactIndex | None:
        """All items in one exact index, if all shards are exact indexes; a copy of the vectors."""
        parts = [shard for shard in self.shards if type(shard) is ExactIndex]
        if len(parts) < len(self.shards):
            return None
        vectors = torch.cat([part.vectors for part in parts])
        order = np.argsort(np.concatenate([part.ids for part in parts]))
        return ExactIndex(vectors[torch.from_numpy(order)], self._ids)

    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.add``; the items are added to the last shard."""
        check_new(self, ids)
        *others, last = self.shards
        return type(self)([*others, last.add(vectors, ids)])

    def remove(self, ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.remove``."""
        check_contained(self, ids)
        removed = [np.intersect1d(ids, shard.ids) for shard in self.shards]
        pairs = zip(self.shards, removed, strict=True)
        return type(self)([s.remove(some) if len(some) else s for s, some in pairs])

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        return merge_results([shard.search(queries, m) for shard in self.shards], m)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:  # noqa: ARG003
        """See ``Index.read``."""
        return cls(parts)

    def _write(self, folder: Path) -> None:
        """Write nothing: the shards are parts and write themselves."""

    def _parts(self) -> Sequence[Index]:
        return self.shards
