"""Content vectors: vectors of items from an encoder of text or images, read from a file.

    content = read_item_content("vectors.parquet")         # or .npz with ids and vectors
    content = ItemContent.of(["B00A", "B00B"], array)      # the same from memory
    rows = content.positions(catalog.items.ids)            # -1: an item without a vector

The vectors are data: training does not change them. Every row that cannot be used is counted.
"""

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import Float
from numpy.typing import NDArray

from prismrec.data.ids import positions_of
from prismrec.data.readers.columns import find_column, quote_names
from prismrec.data.readers.parquet import scan_part
from prismrec.data.readers.signatures import is_parquet
from prismrec.data.readers.time_zones import parquet_schema
from prismrec.errors import DataError, check_type, list_of_ids, reason_of

WIDEST_VECTOR = 8_192
"""Largest width of a vector: the projection needs the square of it, twice, in memory (1 GB)."""
NPZ_ARRAYS = ("ids", "vectors")
DAMAGED: tuple[type[Exception], ...] = (
    OSError, ValueError, EOFError, KeyError, RuntimeError, MemoryError,
    zipfile.BadZipFile, zlib.error, pl.exceptions.PolarsError,
)  # fmt: skip
"""What reading a damaged file raises."""


@dataclass(frozen=True, eq=False, repr=False)
class ItemContent:
    """One content vector per item, finite and not 0; make one with ``of``."""

    ids: pl.Series
    """External ids, distinct texts."""
    vectors: Float[np.ndarray, "N W"]
    """float32, read-only; row i belongs to ``ids[i]``."""
    rejected: Mapping[str, int] = field(default_factory=dict)
    """Number of rows that were dropped, by reason."""

    @classmethod
    def of(
        cls,
        ids: pl.Series | Sequence[str],
        vectors: Float[np.ndarray, "N W"],
        *,
        source: str = "The content vectors",
    ) -> "ItemContent":
        """Build from ids and vectors; drop and count the rows that cannot be used.

        Args:
            ids: External ids. Of a repeated id, the first row that can be used is kept.
            vectors: Real numbers: an array, or what ``numpy.asarray`` makes one of.
            source: The name of the source, for messages.

        Raises:
            ConfigError: ``ids`` is not a list of texts.
            DataError: The vectors are not a table of real numbers with one row per id, they are
                too wide, or no row can be used.

        Cost: O(N W).
        """
        names = ids if isinstance(ids, pl.Series) else list_of_ids(ids)
        texts = pl.Series("id", names, dtype=pl.String)
        try:
            vectors = np.asarray(vectors)
        except (TypeError, ValueError, RuntimeError) as error:  # also of lists of several lengths
            raise DataError(
                f"{source} are of type {type(vectors).__name__}, which NumPy cannot read "
                f"({reason_of(error)}); give an array, one row per item."
            ) from error
        if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
            raise DataError(
                f"{source} have {vectors.ndim} dimensions of {vectors.dtype}; give a table of real "
                "numbers with one row per item."
            )
        if len(texts) != len(vectors):
            raise DataError(
                f"{source} have {len(texts):,} ids but {len(vectors):,} rows; give one row per id."
            )
        if not 1 <= vectors.shape[1] <= WIDEST_VECTOR:
            raise DataError(
                f"{source} have width {vectors.shape[1]:,}; give vectors of 1 to {WIDEST_VECTOR:,} "
                "numbers."
            )
        return cls._usable(texts, vectors, source)

    @classmethod
    def _usable(cls, ids: pl.Series, vectors: NDArray[np.number], source: str) -> "ItemContent":
        with np.errstate(over="ignore"):  # too large for float32: infinite, and dropped
            rows = vectors.astype(np.float32)
        named = (ids.fill_null("") != "").to_numpy()
        finite = np.isfinite(rows).all(axis=1)
        directed = (rows != 0).any(axis=1)
        usable = named & finite & directed
        kept = np.flatnonzero(usable)
        first = ids.gather(kept).is_first_distinct().to_numpy()
        counts = {
            "without an id": (~named).sum(),
            "with a value that is missing or not finite": (named & ~finite).sum(),
            "of zeros only": (named & finite & ~directed).sum(),
            "of an id that occurred before": (~first).sum(),
        }
        rejected = {reason: int(count) for reason, count in counts.items() if count}
        kept = kept[first]
        if not len(kept):
            reasons = "; ".join(f"{count:,} {reason}" for reason, count in rejected.items())
            raise DataError(
                f"{source} have no row that can be used ({reasons or 'no rows at all'}); write "
                "the file again with one finite vector per item."
            )
        rows = rows[kept]
        rows.flags.writeable = False
        return cls(ids.gather(kept), rows, rejected)

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        rejected = sum(self.rejected.values())
        return f"ItemContent({len(self):,} items, width {self.width}, {rejected:,} rows rejected)"

    @property
    def width(self) -> int:
        """Width W of a vector."""
        return int(self.vectors.shape[1])

    def positions(self, ids: pl.Series) -> NDArray[np.int64]:
        """Return the row of each of these external ids; -1 for an id without a vector.

        Cost: O(ids + N).
        """
        return positions_of(ids, self.ids).fill_null(-1).to_numpy()


def read_item_content(path: str | Path) -> ItemContent:
    """Read content vectors from a file of Parquet or NumPy; its first bytes decide which it is.

    A Parquet file has a column of ids, with a common name or ``id``, and either one column of lists
    of numbers, or else columns of numbers, which are used in their order; columns of another kind
    are ignored. An ``.npz`` file has the arrays ``ids``, texts or whole numbers, and ``vectors``,
    ``[N, W]``. No pickle is read.

    Raises:
        ConfigError: ``path`` is no path.
        DataError: The file is missing, damaged or of another format; it has no ids; the vectors
            have different widths; or no row can be used.

    Cost: the file is in memory, up to three times.
    """
    needed = "a path; for vectors in memory write ItemContent.of(ids, vectors)"
    check_type("path", path, str | Path, needed)
    path = Path(path)
    try:
        if is_parquet(path):
            ids, vectors = _read_parquet(path)
        elif zipfile.is_zipfile(path):
            ids, vectors = _read_npz(path)
        else:
            with path.open("rb"):  # raises the reason if it cannot be read
                raise DataError(
                    f"{path.name} is neither Parquet nor a NumPy .npz; write one of the two."
                )
    except DataError:
        raise
    except DAMAGED as error:
        reason = getattr(error, "strerror", None) or str(error).partition("\n")[0] or "cut off"
        raise DataError(
            f"The content vectors in {path} cannot be read ({reason.rstrip('.')}); write the file "
            "again."
        ) from error
    return ItemContent.of(ids, vectors, source=f"The content vectors in {path.name}")


def _read_npz(path: Path) -> tuple[pl.Series, NDArray[np.number]]:
    with np.load(path, allow_pickle=False) as arrays:
        missing = [name for name in NPZ_ARRAYS if name not in arrays.files]
        if missing:
            raise DataError(
                f"{path.name} has no array {missing[0]!r}, but "
                f"{', '.join(map(repr, sorted(arrays.files)[:9])) or 'none'}; save it with "
                "numpy.savez(path, ids=..., vectors=...)."
            )
        ids, vectors = (arrays[name] for name in NPZ_ARRAYS)
    if not (isinstance(ids, np.ndarray) and isinstance(vectors, np.ndarray)):
        raise ValueError("its entries are not NumPy arrays")
    if ids.ndim != 1 or ids.dtype.kind not in "USiu":
        raise DataError(
            f"The ids in {path.name} have {ids.ndim} dimensions of {ids.dtype}; save one text or "
            "whole number per item."
        )
    if ids.dtype.kind == "S":
        ids = np.char.decode(ids, "utf-8")
    return pl.Series("id", ids.tolist()).cast(pl.String), vectors


def _read_parquet(path: Path) -> tuple[pl.Series, NDArray[np.number]]:
    schema = pl.Schema(parquet_schema(path))
    names = list(schema)
    own = find_column("item", names, "id" if "id" in names else None, table=path.name)
    if own is None or not (schema[own] == pl.String or schema[own].is_integer()):
        raise DataError(
            f"{path.name} has no column of ids as text or whole numbers, but "
            f"{quote_names(names)}; call it item or id."
        )
    lists = [name for name in names if name != own and _is_list_of_numbers(schema[name])]
    if len(lists) > 1:
        raise DataError(
            f"{path.name} has several columns of lists, {quote_names(lists)}; keep the one with "
            "the vectors."
        )
    numbers = lists or [name for name in names if name != own and schema[name].is_numeric()]
    if not numbers:
        raise DataError(
            f"{path.name} has no column of lists of numbers and no columns of numbers, but "
            f"{quote_names(names)}; write the vectors as one column of lists."
        )
    table = scan_part(path, schema).select(own, *numbers).collect()
    ids = table[own].cast(pl.String)
    if not lists:
        return ids, table.select(pl.col(numbers).cast(pl.Float32, strict=False)).to_numpy()
    return ids, _from_lists(table[lists[0]], path.name)


def _is_list_of_numbers(kind: pl.DataType) -> bool:
    inner = getattr(kind, "inner", None)
    return isinstance(kind, pl.List | pl.Array) and inner is not None and inner.is_numeric()


def _from_lists(column: pl.Series, name: str) -> NDArray[np.number]:
    """Return lists of one width as a table; a missing list becomes a row of NaN.

    Raises:
        DataError: The lists have different widths.
    """
    lists = column.cast(pl.List(pl.Float32))
    lengths = lists.list.len().drop_nulls().to_numpy()
    width, widest = int(lengths.min(initial=WIDEST_VECTOR + 1)), int(lengths.max(initial=0))
    if width < widest:
        raise DataError(
            f"The vectors in {name} have {width} to {widest} numbers; write vectors of one width."
        )
    rows = np.full((len(lists), widest), np.nan, dtype=np.float32)
    if rows.size:
        present = lists.is_not_null().to_numpy()
        values = lists.filter(lists.is_not_null()).explode().to_numpy()
        rows[present] = values.reshape(-1, widest)
    return rows
