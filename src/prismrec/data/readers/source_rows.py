"""The rows that a log keeps, with their places in the source: for examples in messages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import polars as pl

from prismrec.data.readers.cell_types import is_text
from prismrec.data.readers.columns import VALUES, normalize_name
from prismrec.data.readers.rejected import FILE
from prismrec.data.readers.table import LINE, Table, has_several_files, place_of_row

LONGEST = 80  # characters of an example
VALUE = "(value) "  # begins the name of a column with ratings, quantities or weights


@dataclass(frozen=True)
class SourceRows:
    """Kept rows in the order of the log: ``FILE``, ``LINE``, user, item, time as written, values.

    The values are columns such as ratings, as float64; their names begin with ``VALUE``.
    """

    frame: pl.LazyFrame
    tables: Sequence[Table]

    def find(self, positions: Sequence[int]) -> list[tuple[int, str]]:
        """Return the line (in a frame the row) and the content of rows, given by position from 0.

        Cost: one streaming pass up to the last position; one more per row if the text has quotes.
        """
        if not positions:
            return []
        shown = [pl.col(name).cast(pl.String).fill_null("") for name in ("user", "item", "time")]
        rows = self.frame.head(max(positions) + 1).with_row_index("(position)")
        rows = rows.filter(pl.col("(position)").is_in(list(positions))).select(
            "(position)", FILE, LINE, pl.concat_str(shown, separator=",").alias("text")
        )
        found = {}
        for position, file, line, text in rows.collect(engine="streaming").iter_rows():
            name, place = place_of_row(self.tables, file, line)
            begin = f"{name}: " if has_several_files(self.tables) else ""
            found[position] = (place, begin + text[:LONGEST])
        return [found[position] for position in positions]

    @property
    def value_columns(self) -> list[str]:
        """The names of the columns of values in ``frame``."""
        return [name for name in self.frame.collect_schema() if name.startswith(VALUE)]


def value_columns(table: Table, used: Collection[str | None] = ()) -> list[pl.Expr]:
    """Return the columns of a table that look like ratings, quantities, weights or returns.

    Columns that are used as weights or for dislikes are left out.
    """
    known = {name for names in VALUES.values() for name in names}
    columns = []
    for name, dtype in table.frame.collect_schema().items():
        if name in used or normalize_name(name) not in known:
            continue
        if not is_text(dtype) or dtype.is_temporal():
            continue
        value = pl.col(name)
        if dtype == pl.String:
            value = value.str.strip_chars().str.to_lowercase()
            value = value.replace({"true": "1", "yes": "1", "false": "0", "no": "0"})
            value = value.str.replace(r"^([+-]?[0-9]+),([0-9]+)$", "$1.$2")  # a decimal comma
        columns.append(value.cast(pl.Float64, strict=False).alias(VALUE + name))
    return columns
