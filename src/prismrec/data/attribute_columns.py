"""The columns of attributes: numbers, or names (booleans, texts, sets of texts), for all items.

    column = column_of(pl.Series([["DE", "AT"], None]), size=3)
    column.any_of(["DE"])          # bool [V]: which items have one of the names

Columns are immutable: a change returns another one.
"""

import math
import threading
from collections.abc import Callable, Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Any, ClassVar, Literal, cast

import numpy as np
import polars as pl
from jaxtyping import Bool
from numpy.typing import NDArray

from prismrec.errors import ConfigError, is_number

AttributeType = Literal["number", "boolean", "text", "set"]
Value = bool | float | str
"""One value of a cell; a set has several texts."""
Cell = Value | Sequence[str] | None
"""The content of a cell; None if the item has no value."""
DTYPES: dict[AttributeType, pl.DataType] = {
    "number": pl.Float64(),
    "boolean": pl.Boolean(),
    "text": pl.String(),
    "set": pl.List(pl.String),
}
"""The type of each column in a file."""
REMEMBERED = 1 << 24
"""Bytes of results that a column remembers, but at least one result and at most 64."""


class Remembered:
    """The newest results of a column, by their keys; safe for several threads."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.most = min(max(REMEMBERED // max(size, 1), 1), 64)
        self.found: dict[Hashable, Bool[np.ndarray, " V"]] = {}
        self.lock = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how a copy is made: without results, and with its own lock."""
        return type(self), (self.size,)

    def get(
        self, key: Hashable, compute: Callable[[], Bool[np.ndarray, " V"]]
    ) -> Bool[np.ndarray, " V"]:
        """Return the result of a key, computed if it is new; it must not be written to."""
        with self.lock:
            if key in self.found:
                self.found[key] = self.found.pop(key)  # now the newest
                return self.found[key]
        result = compute()
        result.setflags(write=False)
        with self.lock:
            self.found[key] = result
            while len(self.found) > self.most:
                del self.found[next(iter(self.found))]
        return result


@dataclass(frozen=True, eq=False, repr=False)
class Numbers:
    """A column of numbers."""

    values: NDArray[np.float64]
    """``[V]``: by item number; NaN for no value."""

    kind: ClassVar[AttributeType] = "number"

    @cached_property
    def present(self) -> Bool[np.ndarray, " V"]:
        """Whether an item has a value."""
        return ~np.isnan(self.values)

    @cached_property
    def remembered(self) -> Remembered:
        """What was computed before."""
        return Remembered(len(self.values))

    def between(self, low: float | None, high: float | None) -> Bool[np.ndarray, " V"]:
        """Return which values are from ``low`` to ``high``; None is no limit."""
        inside = self.present.copy()
        if low is not None:
            inside &= self.values >= low
        if high is not None:
            inside &= self.values <= high
        return inside

    def any_of(self, values: Collection[Value]) -> Bool[np.ndarray, " V"]:
        """Return which values are among some numbers."""
        return np.isin(self.values, np.array([float(value) for value in values]))

    def cell(self, item: int) -> float | None:
        """Return the value of an item."""
        value = float(self.values[item])
        return None if math.isnan(value) else value

    def changed(self, cells: Mapping[int, Cell]) -> "Numbers":
        """Return a column in which some items have other values."""
        values = self.values.copy()
        values[list(cells)] = [math.nan if c is None else cast(float, c) for c in cells.values()]
        return Numbers(values)

    def extended(self, size: int) -> "Numbers":
        """Return a column for a larger catalog, V = ``size``; the new items have no value."""
        more = np.full(size - len(self.values), np.nan)
        return Numbers(np.concatenate([self.values, more]))

    def series(self) -> pl.Series:
        """Return the values of the items, without padding, as a file has them."""
        return pl.Series(self.values[1:]).fill_nan(None)


@dataclass(frozen=True, eq=False, repr=False)
class Names:
    """A column of booleans, texts or sets of texts: pairs of an item and one of C names."""

    kind: AttributeType
    size: int
    """V."""
    owners: NDArray[np.int32]
    """``[P]``: the item of each pair, ascending."""
    codes: NDArray[np.int32]
    """``[P]``: the number of its name, ascending within an item of a set."""
    names: tuple[Value, ...]
    """The C names: texts, or booleans."""

    @cached_property
    def code_of(self) -> dict[Value, int]:
        """The number of each name."""
        return {name: code for code, name in enumerate(self.names)}

    @cached_property
    def present(self) -> Bool[np.ndarray, " V"]:
        """Whether an item has a value."""
        return self._mask(self.owners)

    @cached_property
    def remembered(self) -> Remembered:
        """What was computed before."""
        return Remembered(self.size)

    def any_of(self, values: Collection[Value]) -> Bool[np.ndarray, " V"]:
        """Return which items have at least one of some names."""
        wanted = np.zeros(len(self.names), dtype=bool)
        wanted[[self.code_of[value] for value in values if value in self.code_of]] = True
        return self._mask(self.owners[wanted[self.codes]])

    def cell(self, item: int) -> Cell:
        """Return the value of an item."""
        begin, end = np.searchsorted(self.owners, [item, item + 1])
        names = [self.names[code] for code in self.codes[begin:end].tolist()]
        if self.kind == "set":
            return [str(name) for name in names] or None
        return names[0] if names else None

    def changed(self, cells: Mapping[int, Cell]) -> "Names":
        """Return a column in which some items have other values; its names are those in use."""
        code_of = dict(self.code_of)
        pairs: list[tuple[int, int]] = []
        for item, cell in cells.items():
            own = {code_of.setdefault(name, len(code_of)) for name in _values(cell)}
            pairs += [(item, code) for code in sorted(own)]
        new_owners, new_codes = np.array(pairs, dtype=np.int32).reshape(-1, 2).T
        kept = np.ones(self.size, dtype=bool)
        kept[list(cells)] = False
        stays = kept[self.owners]
        owners = np.concatenate([self.owners[stays], new_owners])
        codes = np.concatenate([self.codes[stays], new_codes])
        order = np.argsort(owners, kind="stable")
        used = np.bincount(codes, minlength=len(code_of)) > 0
        numbers = (np.cumsum(used) - 1).astype(np.int32)
        names = tuple(compress(code_of, used))
        return Names(self.kind, self.size, owners[order], numbers[codes[order]], names)

    def extended(self, size: int) -> "Names":
        """Return a column for a larger catalog, V = ``size``; the new items have no value."""
        return Names(self.kind, size, self.owners, self.codes, self.names)

    def series(self) -> pl.Series:
        """Return the values of the items, without padding, as a file has them."""
        of_name = DTYPES["boolean" if self.kind == "boolean" else "text"]
        names = pl.Series("name", list(self.names), dtype=of_name)
        pairs = pl.DataFrame({"item": self.owners, "name": names.gather(self.codes)})
        value = pl.col("name") if self.kind == "set" else pl.col("name").first()
        rows = pairs.group_by("item", maintain_order=True).agg(value)
        every = pl.DataFrame({"item": np.arange(1, self.size, dtype=np.int32)})
        return every.join(rows, on="item", how="left", maintain_order="left")["name"]

    def _mask(self, items: NDArray[np.int32]) -> Bool[np.ndarray, " V"]:
        mask = np.zeros(self.size, dtype=bool)
        mask[items] = True
        return mask


Column = Numbers | Names


def column_of(series: pl.Series, size: int) -> Column:
    """Build a column from the rows of the items."""
    if series.dtype == DTYPES["number"]:
        values = series.fill_null(math.nan).to_numpy().astype(np.float64)
        return Numbers(np.concatenate([[math.nan], values]))
    kind: AttributeType = next(name for name, dtype in DTYPES.items() if dtype == series.dtype)
    rows = pl.DataFrame({"name": series}).with_row_index("item", offset=1)
    pairs = (rows.explode("name") if kind == "set" else rows).drop_nulls("name")
    names = pairs["name"].unique().sort()
    codes = pl.DataFrame({"name": names}).with_row_index("code")
    pairs = pairs.join(codes, on="name").unique().sort("item", "code")
    owners, numbers = (pairs[part].to_numpy().astype(np.int32) for part in ("item", "code"))
    return Names(kind, size, owners, numbers, tuple(names.to_list()))


def _values(cell: Cell) -> Sequence[Value]:
    """Return the values of a cell: several of a set, none if it is empty."""
    if cell is None:
        return []
    return [cell] if isinstance(cell, bool | int | float | str) else list(cell)


def check_cells(
    name: str, kind: AttributeType, cells: Mapping[str, Cell] | Mapping[int, Cell]
) -> None:
    """Raise ConfigError for the first cell that does not fit the type of its column.

    Cells are by the id or the number of their item. A number must be finite; None, no value,
    fits every type.
    """
    for item, cell in cells.items():
        if not fits(kind, cell):
            owner = f"item {item!r}" if isinstance(item, str) else "an item"
            expected = {"set": "a list of texts", "number": "a finite number"}.get(
                kind, f"a {kind}"
            )
            raise ConfigError(
                f"The attribute {name!r} of {owner} is {str(cell)[:60]!r}, but it must be "
                f"{expected}; send one, or null for no value."
            )


def fits(kind: AttributeType, cell: Cell) -> bool:
    """Return whether a value has the type of a column; None, no value, fits every type."""
    if cell is None:
        return True
    if kind == "set":
        return isinstance(cell, list | tuple) and all(isinstance(name, str) for name in cell)
    if kind == "number":
        return is_number(cell)
    return isinstance(cell, bool if kind == "boolean" else str)
