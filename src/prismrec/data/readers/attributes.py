"""Read columns of attributes: find them, and decide the type of each over all of its cells.

A column is boolean or number if at least ``MIN_SHARE`` of its cells are; the other cells are bad:
they are counted, reported and become missing. Otherwise it is a set of texts if a cell has a
separator or is a list, else text. The caller may state the type: ``price:number``. A column of
floats is number; NaN in it is a missing value.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import polars as pl

from prismrec.data.attribute_columns import DTYPES, AttributeType
from prismrec.data.readers.categories import category_lists
from prismrec.data.readers.cell_types import innermost, is_text
from prismrec.data.readers.columns import find_column
from prismrec.data.readers.numbers import NUMBER
from prismrec.data.readers.rejected import DECIMALS, FILE, SHOWN, RejectedRows
from prismrec.data.readers.table import LINE, Table, has_several_files, place_of_row
from prismrec.errors import ConfigError, DataError

ALL = "all"
"""Instead of names: every column that can be read and is not the item, title, categories or
picture."""
MIN_SHARE = 0.95
"""Smallest share of the cells with a value that are numbers, or booleans, for that type."""
MAX_ATTRIBUTES = 100
"""Largest number of attributes of an item."""
TRUE, FALSE = ("true", "yes"), ("false", "no")
RECBOLE: dict[str, AttributeType] = {"float": "number", "token": "text", "token_seq": "set"}
"""Types that RecBole writes after the name of a column."""
_CODE = r"^[+-]?0\d"
"""Digits that are no quantity, such as the postal code 01067."""
_EXACT = 2.0**53
"""Whole numbers above it lose digits as floats; they are rather ids."""


@dataclass(frozen=True)
class AttributeColumn:
    """A column to read as an attribute."""

    name: str
    """Without RecBole's type: ``price`` for the column ``price:float``."""
    columns: tuple[str | None, ...]
    """Its column in each table; None if a table lacks it."""
    kind: AttributeType | None = None
    """As the caller stated it; None to decide."""

    @property
    def cells(self) -> str:
        """The name of its column in the frame of all tables."""
        return f"(attribute) {self.name}"


@dataclass(frozen=True)
class AttributeReport:
    """How one attribute was read."""

    name: str
    kind: AttributeType
    bad: RejectedRows | None = None
    """The cells of another type, which became missing."""
    has_decimal_commas: bool = False
    """Whether it is text whose cells are numbers with a comma for a point."""

    @property
    def note(self) -> str:
        """Why the attribute may have another type than expected; empty if it has not."""
        if not self.has_decimal_commas:
            return ""
        return (
            f"attribute {self.name}: numbers with a decimal comma are text; to compare their "
            f"sizes, {DECIMALS}"
        )


def find_attributes(
    tables: Sequence[Table], wanted: Sequence[str], read: Sequence[Collection[str | None]]
) -> list[AttributeColumn]:
    """Find the columns of attributes.

    Args:
        tables: The tables of the source.
        wanted: Names, each perhaps with ``:`` and a type; or only ``ALL``.
        read: Per table, the columns that are read as something else.

    Raises:
        ConfigError: A name twice, or too many.
        DataError: A table lacks a column, or has objects, binary data or durations in it.
    """
    if list(wanted) == [ALL]:
        found = _every_column(tables, read)
    else:
        found = [_named(text, tables) for text in wanted]
    names = [one.name for one in found]
    repeated = next((name for name in names if names.count(name) > 1), None)
    if repeated is not None:
        raise _repeated(repeated)
    if len(found) > MAX_ATTRIBUTES:
        raise ConfigError(
            f"There are {len(found)} columns of attributes, but an item has at most "
            f"{MAX_ATTRIBUTES}; name those that filters need."
        )
    return found


def attribute_cells(
    attribute: AttributeColumn, tables: Sequence[Table], number: int, separator: str
) -> pl.Expr:
    """Return the cells of an attribute in one table: texts, or lists if any table has lists."""
    dtypes = [
        None if column is None else table.frame.collect_schema()[column]
        for column, table in zip(attribute.columns, tables, strict=True)
    ]
    lists = any(isinstance(dtype, pl.List | pl.Array) for dtype in dtypes)
    column, dtype = attribute.columns[number], dtypes[number]
    if column is None or dtype is None:
        cells = pl.lit(None, dtype=pl.List(pl.String) if lists else pl.String)
    elif lists:
        name = tables[number].description
        cells = category_lists(column, dtype, separator=separator, table=name)
    else:
        filled = pl.col(column).fill_nan(None) if dtype.is_float() else pl.col(column)
        cells = filled.cast(pl.String).str.strip_chars()
        cells = pl.when(cells != "").then(cells)
    return cells.alias(attribute.cells)


def typed_cells(
    attribute: AttributeColumn, rows: pl.DataFrame, tables: Sequence[Table], separator: str
) -> tuple[pl.Series, AttributeReport]:
    """Return the cells of an attribute with their type, and how they were read."""
    cells = rows[attribute.cells]
    texts, kind = cells, attribute.kind
    if cells.dtype != pl.String:
        texts, kind = cells.list.join(separator), kind or "set"
        texts = texts.set(texts == "", None)
    kind = kind or _type_of(texts, separator)
    if kind == "set":
        column = next(name for name in attribute.columns if name is not None)
        lists = category_lists(column, cells.dtype, separator=separator, table=tables[0].name)
        filled = pl.when(lists.list.len() > 0).then(lists)
        values = cells.alias(column).to_frame().select(filled).to_series()
    else:
        values = {"number": _numbers, "boolean": _booleans}.get(kind, lambda one: one)(texts)
    bad = rows.select(FILE, LINE, texts.alias("text")).filter(
        values.is_null() & texts.is_not_null() & (kind != "set")
    )
    commas = attribute.kind is None and kind == "text" and _type_of(_with_points(texts)) == "number"
    found = _bad_cells(attribute.name, kind, bad, tables)
    report = AttributeReport(attribute.name, kind, found, has_decimal_commas=commas)
    return values.cast(DTYPES[kind]).alias(attribute.cells), report


def _every_column(
    tables: Sequence[Table], read: Sequence[Collection[str | None]]
) -> list[AttributeColumn]:
    """Return every other column that has a name and cells that can be read."""
    found: dict[str, list[str | None]] = {}
    for number, (table, others) in enumerate(zip(tables, read, strict=True)):
        schema = table.frame.collect_schema()
        for column in table.columns:
            name = column.partition(":")[0]
            if name and column not in others and _is_readable(schema[column]):
                own = found.setdefault(name, [None] * len(tables))
                if own[number] is not None:
                    raise _repeated(name)
                own[number] = column
    return [_attribute(name, tuple(columns), None, tables) for name, columns in found.items()]


def unreadable_columns(
    tables: Sequence[Table], wanted: Sequence[str], read: Sequence[Collection[str | None]]
) -> Iterator[str]:
    """Yield a note per column that ``ALL`` leaves out, because its cells cannot be read."""
    if list(wanted) != [ALL]:
        return
    for table, others in zip(tables, read, strict=True):
        schema = table.frame.collect_schema()
        for column in table.columns:
            if column not in others and not _is_readable(schema[column]):
                yield f"attribute {column}: left out, {schema[column]}"


def _is_readable(dtype: pl.DataType) -> bool:
    """Return whether cells, or those of lists, can be read as text."""
    return is_text(innermost(dtype)[1])


def _repeated(name: str) -> ConfigError:
    return ConfigError(
        f"The attribute {name!r} was given twice, or two columns have this name; give it once, or "
        "rename a column."
    )


def _named(text: str, tables: Sequence[Table]) -> AttributeColumn:
    """Return the attribute of a name, perhaps with a type."""
    name, _, end = text.rpartition(":")
    stated = name and end in DTYPES and not any(text in table.columns for table in tables)
    wanted = name if stated else text
    columns = tuple(_readable_column(wanted, table) for table in tables)
    kind = cast(AttributeType, end) if stated else None
    return _attribute(wanted.partition(":")[0] or wanted, columns, kind, tables)


def _readable_column(name: str, table: Table) -> str:
    """Find a column of an attribute.

    Raises:
        DataError: There is no such column, or its type cannot be read.
    """
    column = str(find_column("attribute", table.columns, name, table=table.description))
    dtype = table.frame.collect_schema()[column]
    if not _is_readable(dtype):
        raise DataError(
            f"The attribute column {column!r} of {table.description} is {dtype}; choose a column "
            "of texts, numbers, booleans or dates, or of lists of them."
        )
    return column


def _attribute(
    name: str,
    columns: tuple[str | None, ...],
    kind: AttributeType | None,
    tables: Sequence[Table],
) -> AttributeColumn:
    """Return an attribute with its stated type, that of RecBole after its name, or of its column.

    Only floats are numbers without a look at the cells: whole numbers may be ids.
    """
    endings = {column.partition(":")[2] for column in columns if column is not None}
    written = RECBOLE.get(endings.pop()) if len(endings) == 1 else None
    pairs = zip(columns, tables, strict=True)
    dtypes = [table.frame.collect_schema()[one] for one, table in pairs if one is not None]
    stored: AttributeType | None = "number" if all(each.is_float() for each in dtypes) else None
    return AttributeColumn(name, columns, kind or written or stored)


def _with_points(texts: pl.Series) -> pl.Series:
    """Return texts with a point for one comma between digits."""
    return texts.str.replace(r"^([+-]?\d+),(\d+)$", "$1.$2")


def _type_of(cells: pl.Series, separator: str = "|") -> AttributeType:
    """Return the type of most cells."""
    filled = cells.drop_nulls()
    if not len(filled):
        return "text"
    words = filled.str.to_lowercase()
    if words.is_in([*TRUE, *FALSE]).sum() >= MIN_SHARE * len(filled):
        return "boolean"
    numbers = _numbers(filled)
    whole = filled.str.contains(r"^[+-]?\d+$")
    codes = filled.str.contains(_CODE) | (whole & (numbers.abs() > _EXACT).fill_null(value=False))
    if not codes.any() and numbers.count() >= MIN_SHARE * len(filled):
        return "number"
    lists = filled.str.starts_with("[") & filled.str.ends_with("]")
    if (lists | filled.str.contains(separator, literal=True)).any():
        return "set"
    return "text"


def _numbers(texts: pl.Series) -> pl.Series:
    """Return texts as finite numbers; null for others."""
    written = texts.set(~texts.str.contains(f"^{NUMBER}$"), None)
    numbers = written.cast(pl.Float64, strict=False)
    return numbers.set(~numbers.is_finite(), None)


def _booleans(texts: pl.Series) -> pl.Series:
    """Return texts as booleans; null for others. 1 and 0 are booleans if the type was stated."""
    words = texts.str.to_lowercase()
    values: Mapping[str, bool] = {
        **dict.fromkeys((*TRUE, "1", "1.0"), True),
        **dict.fromkeys((*FALSE, "0", "0.0"), False),
    }
    return words.replace_strict(values, default=None, return_dtype=pl.Boolean)


def _bad_cells(
    name: str, kind: AttributeType, bad: pl.DataFrame, tables: Sequence[Table]
) -> RejectedRows | None:
    """Return the number, lines and texts of the cells of another type; None if there are none."""
    if not bad.height:
        return None
    lines, examples = [], []
    for number, row, text in bad.head(SHOWN).iter_rows():
        file, line = place_of_row(tables, number, row)
        lines.append(line)
        examples.append(f"{file}: {text}" if has_several_files(tables) else text)
    reason = f"{name} is no {kind}, so the item has no {name}"
    if kind == "number" and (_with_points(bad["text"]) != bad["text"]).any():
        reason += f"; {DECIMALS}"
    return RejectedRows(reason, bad.height, tuple(lines), tuple(examples))
