"""The indexes by name, and loading a saved index."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from prismrec.errors import ConfigError, DataError
from prismrec.io import read_manifest
from prismrec.registry import resolve
from prismrec.retrieval.index.approximate import UpdatedIndex
from prismrec.retrieval.index.base import BUILD_AGAIN, FORM, HEADER, Index
from prismrec.retrieval.index.exact import ExactIndex
from prismrec.retrieval.index.sharded import ShardedIndex

INDEXES: dict[str, type[Index] | str] = {
    "exact": ExactIndex,
    "ivf-flat": "prismrec.retrieval.index.faiss:IvfFlat",
    "ivf-sq8": "prismrec.retrieval.index.faiss:IvfSq8",
    "pgvector": "prismrec.retrieval.index.pgvector:Pgvector",
}

COMPOSED: dict[str, type[Index] | str] = {"updated": UpdatedIndex, "sharded": ShardedIndex}
"""Indexes that consist of other indexes. Users do not choose them; they are saved and loaded."""

EARLIER_KINDS: Mapping[str, str] = {"changed": "updated"}
"""Kinds as earlier versions saved them, and their names today."""


@dataclass(frozen=True)
class IndexName:
    """The name of an index, and the number of shards if it is divided: "exact", "exact/8"."""

    kind: str
    """A key of ``INDEXES``, ``module:Class``, or "auto"."""
    shards: int | None = None
    """None for an index that is not divided."""

    @classmethod
    def parse(cls, text: str) -> "IndexName":
        """Read a name, with or without a slash and a number of shards.

        Raises:
            ConfigError: The number is not a whole number of 2 or more.
        """
        kind, slash, number = text.partition("/")
        if not slash:
            return cls(kind)
        if not (number.isascii() and number.isdigit() and int(number) >= 2):
            raise ConfigError(
                f"The index {text!r} has {number!r} as its number of shards; write 2 or more after "
                "the slash, as in exact/8."
            )
        return cls(kind, int(number))

    def __str__(self) -> str:
        return self.kind if self.shards is None else f"{self.kind}/{self.shards}"


def load_index(folder: str | Path, *, index: type[Index] | None = None) -> Index:
    """Load a saved index; its arrays stay on disk where the library supports it.

    Args:
        folder: The folder that ``Index.save`` wrote.
        index: The class of the index, or of a part of it, if the class is not in this package. It
            is used for the kind ``index.kind``. A file never triggers an import.

    Raises:
        DataError: There is no index; it has another format, an unknown kind, or a damaged file;
            its vectors are not finite, or its ids do not ascend from 1.
        MissingExtra: The library of the index is not installed.

    Cost: all vectors are read once, block by block, to check that they are finite: O(N D) time,
        0.3 s for a million vectors of width 64, and O(1) memory. The ids stay in memory, O(N).
    """
    folder = Path(folder)
    header = read_manifest(folder / HEADER, FORM)
    kind = _class_of(header["kind"], folder, index)
    count = header["parts"]
    parts = [load_index(folder / f"part-{number}", index=index) for number in range(count)]
    try:
        return kind.read(folder, header["settings"], parts)
    except (OSError, ValueError, EOFError, LookupError, TypeError) as error:
        if isinstance(error, DataError):
            raise
        reason = f"no {error}" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise DataError(f"The index {folder} is damaged ({reason}); {BUILD_AGAIN}.") from error


def _class_of(saved: str, folder: Path, index: type[Index] | None) -> type[Index]:
    """Return the class that reads the kind of a saved index.

    Raises:
        DataError: Neither this package nor ``index`` has that kind.
    """
    kind = EARLIER_KINDS.get(saved, saved)
    if index is not None and index.kind == kind:
        return index
    table = {**INDEXES, **COMPOSED}
    if kind in table:
        return resolve("index", kind, table)
    passed = "" if index is None else f" (index={index.__name__} has the kind {index.kind!r})"
    raise DataError(
        f"The index {folder} has the kind {saved!r}, but this package has only "
        f"{', '.join(table)}{passed}; pass the class of that kind as load(..., index=...), or "
        f"{BUILD_AGAIN}."
    )
