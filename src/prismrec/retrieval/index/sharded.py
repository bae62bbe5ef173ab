"""Several indexes as one: each is searched, the best are kept.

    index = Sharded([books, films])        # no item in two of them

With exact parts it equals the exact index of the whole, ties included.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray

from prismrec.errors import ConfigError, DataError
from prismrec.retrieval.index.base import Index, check_held, check_new, joined
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.types import Candidates


class Sharded(Index):
    """Indexes with no item in common, of vectors of one width.

    Args:
        shards: At least one.

    Raises:
        ConfigError: No shard, or shards of different widths.
        DataError: An item is in two of them.
    """

    kind: ClassVar[str] = "sharded"

    def __init__(self, shards: Sequence[Index]) -> None:
        widths = {shard.dim for shard in shards}
        if len(widths) != 1:
            raise ConfigError(
                f"A sharded index was given {len(shards)} shards of widths {sorted(widths)}; "
                "give at least one, of one width."
            )
        self.shards = tuple(shards)
        self._ids = np.sort(np.concatenate([shard.ids for shard in shards]))
        twice = np.flatnonzero(np.diff(self._ids) == 0)
        if len(twice):
            raise DataError(
                f"Item {self._ids[twice[0]]} is in two shards of an index; give each item to one."
            )

    @classmethod
    def build(cls, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """Give one exact shard; see ``Index.build``."""
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

    def add(self, vectors: Float[np.ndarray, "N D"], ids: Int[np.ndarray, " N"]) -> Self:
        """Add to the last shard; see ``Index.add``."""
        check_new(self, ids)
        *others, last = self.shards
        return type(self)([*others, last.add(vectors, ids)])

    def remove(self, ids: Int[np.ndarray, " N"]) -> Self:
        """See ``Index.remove``."""
        check_held(self, ids)
        gone = [np.intersect1d(ids, shard.ids) for shard in self.shards]
        pairs = zip(self.shards, gone, strict=True)
        return type(self)([s.remove(some) if len(some) else s for s, some in pairs])

    def search(self, queries: Float[np.ndarray, "B K D"], m: int) -> Candidates:
        """See ``Index.search``."""
        return joined([shard.search(queries, m) for shard in self.shards], m)

    @classmethod
    def read(cls, folder: Path, settings: Mapping[str, Any], parts: Sequence[Index]) -> Self:  # noqa: ARG003
        """See ``Index.read``."""
        return cls(parts)

    def _write(self, folder: Path) -> None:
        """Nothing: all is in the shards."""

    def _parts(self) -> Sequence[Index]:
        return self.shards
