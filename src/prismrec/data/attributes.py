"""Attributes of items: price, stock, region, … in columns that a filter reads at once.

    attributes = Attributes.of({"price": pl.Series([9.9, None]), "region": pl.Series([["DE"], []])})
    attributes.column("price").between(None, 50)     # bool [V], computed for all items

A column has one of four types: number, boolean, text, or set of texts. An item may have no value.
Columns are immutable: a change returns other ones, and a column that did not change is shared with
what was computed from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from prismrec.data.attribute_columns import DTYPES, Cell, Column, check_cells, column_of, fits
from prismrec.errors import DataError, UnknownName
from prismrec.io import check_regular

ATTRIBUTES_FILE = "attributes.parquet"


@dataclass(frozen=True, eq=False, repr=False)
class Attributes:
    """The attributes of the items of a catalog."""

    columns: Mapping[str, Column]
    """By the name of the attribute."""
    size: int
    """V: the number of items plus one for padding, which has no value."""

    @classmethod
    def of(cls, columns: Mapping[str, pl.Series]) -> Self:
        """Build attributes from one series per name, with one row per item.

        Args:
            columns: Of one of the types ``DTYPES``; null for no value.

        Cost: O(V) per column.
        """
        size = max((len(series) for series in columns.values()), default=0) + 1
        return cls({name: column_of(series, size) for name, series in columns.items()}, size)

    def __repr__(self) -> str:
        return f"Attributes({self.size - 1:,} items: {self.names})"

    def column(self, name: str) -> Column:
        """Return the column of an attribute.

        Raises:
            UnknownName: There is no such attribute; the message has the known names.
        """
        if name not in self.columns:
            raise UnknownName(
                f"No attribute has the name {name[:60]!r}; the attributes are {self.names}."
            )
        return self.columns[name]

    @property
    def names(self) -> str:
        """The names and types of the attributes, for messages, at most 30 of them."""
        names = [f"{name} ({column.kind})" for name, column in self.columns.items()]
        return ", ".join(names[:30]) + (f" and {len(names) - 30} more" if len(names) > 30 else "")

    def changed(self, cells: Mapping[str, Mapping[int, Cell]]) -> Self:
        """Return attributes in which some items have other values.

        Args:
            cells: By attribute and item number; None for no value.

        Raises:
            UnknownName: There is no such attribute.
            ConfigError: A value has another type than the column.

        Cost: a copy of each column that changes.
        """
        for name, own in cells.items():
            check_cells(name, self.column(name).kind, own)
        new = {name: self.column(name).changed(own) for name, own in cells.items()}
        return type(self)({**self.columns, **new}, self.size)

    def accepts(self, name: str, cell: Cell) -> bool:
        """Return whether there is an attribute of this name whose type a value has."""
        return name in self.columns and fits(self.columns[name].kind, cell)

    def extended(self, size: int) -> Self:
        """Return attributes for a larger catalog, V = ``size``; the new items have no value."""
        if size == self.size:
            return self
        columns = {name: column.extended(size) for name, column in self.columns.items()}
        return type(self)(columns, size)

    def of_item(self, item: int) -> dict[str, Cell]:
        """Return the values of one item, by attribute; None for no value."""
        return {name: column.cell(item) for name, column in self.columns.items()}

    def frame(self) -> pl.DataFrame:
        """Return one row per item and one column per attribute, as a file has them."""
        return pl.DataFrame({name: column.series() for name, column in self.columns.items()})


def write_attributes(attributes: Attributes, folder: Path) -> None:
    """Write attributes to a folder: one row per item, one column per attribute."""
    attributes.frame().write_parquet(folder / ATTRIBUTES_FILE)


def read_attributes(folder: Path, items: int) -> Attributes | None:
    """Read what ``write_attributes`` wrote for a number of items; None if there is no such file.

    Raises:
        DataError: The file is damaged, or has other rows or types.
    """
    path = folder / ATTRIBUTES_FILE
    if not path.exists():
        return None
    try:
        check_regular(path)
        table = pl.read_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise _damaged(path, str(error).partition("\n")[0]) from error
    for series in table:
        if series.dtype not in DTYPES.values():
            raise _damaged(path, f"its column {series.name} is {series.dtype}")
        if series.dtype == DTYPES["number"] and not series.drop_nulls().is_finite().all():
            raise _damaged(path, f"its column {series.name} has a number that is not finite")
    if not table.width or table.height != items:
        raise _damaged(path, f"{table.height} rows of {table.width} columns for {items} items")
    return Attributes.of({series.name: series for series in table})


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(f"{path} is damaged ({reason}); prepare the data set again, or train again.")
