"""Comparisons of a column with a value, such as ``rating<=2``: parsed, never evaluated as code.

comparison = Comparison.parse("rating<=2")
matches, fault = comparison.read(pl.col("rating"))      # two expressions
"""

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from prismrec.data.readers.numbers import number_fault, numbers_in, parse_number
from prismrec.errors import ConfigError, check_type

OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "!=": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
}
"""Operators, the longer ones first."""
_COMPARISON = re.compile(
    r"\s*([^<>=!]*[^<>=!\s])\s*(<=|>=|!=|<|>|=)\s*([^<>=!\s](?:.*\S)?)\s*", re.S
)


@dataclass(frozen=True)
class Comparison:
    """A column, an operator, and a number or text, such as ``rating<=2`` or ``event=return``.

    Raises:
        ConfigError: Another operator, text with an operator that compares numbers, or a value that
            is no text.
    """

    column: str
    """Name of a column, or a role such as ``event``."""
    operator: str
    """``<``, ``<=``, ``>`` or ``>=``, which need a number, or ``=`` or ``!=``."""
    value: str
    """What is compared with, as it is written."""

    def __post_init__(self) -> None:
        """Check that the value can be compared."""
        check_type("column", self.column, str, "the name of a column; write it in quotes")
        needed = f"a text; write {str(self.value)[:40]!r}"
        check_type("The value of a comparison", self.value, str, needed)
        if self.operator not in OPERATORS:
            raise ConfigError(
                f"The operator {self.operator!r} does not exist; use one of {' '.join(OPERATORS)}."
            )
        if self.is_ordering and self.number is None:
            raise ConfigError(
                f"The comparison {str(self)!r} needs a number after {self.operator}, but has "
                f"{self.value!r}; write a number, or compare text with = or !=."
            )

    def __str__(self) -> str:
        return f"{self.column}{self.operator}{self.value}"

    @classmethod
    def parse(cls, text: str) -> "Comparison":
        """Parse a comparison: a column, an operator, and a number or text.

        Spaces around the three parts have no meaning.

        Raises:
            ConfigError: The text has another form.
        """
        match = _COMPARISON.fullmatch(text)
        if match is None:
            raise ConfigError(
                f"{text!r} is no comparison; write a column, one of {' '.join(OPERATORS)} and a "
                "value, such as rating<=2 or event=return."
            )
        return cls(*match.groups())

    @property
    def is_ordering(self) -> bool:
        """Whether values are compared by size."""
        return self.operator not in ("=", "!=")

    @property
    def number(self) -> float | None:
        """The value as a number; None if it is text."""
        return parse_number(self.value)

    def matches(self, value: str | float) -> bool:
        """Return whether one value matches, as ``read`` does for a cell with it.

        A text that is a number is compared as this number; sizes need numbers.
        """
        compare, number = OPERATORS[self.operator], self.number
        as_number = parse_number(value.strip()) if isinstance(value, str) else value
        if self.is_ordering:
            return as_number is not None and bool(compare(as_number, number))
        equal = isinstance(value, str) and value.strip() == self.value
        if number is not None and as_number is not None:
            equal |= as_number == number
        return equal == (self.operator == "=")

    def absent_from(self, values: Iterable[str]) -> list[str]:
        """Return the value if it is compared with = or != and none of these values equals it."""
        equal = (self.matches(value) == (self.operator == "=") for value in values)
        return [] if self.is_ordering or any(equal) else [self.value]

    def read(self, cell: pl.Expr, dtype: pl.DataType) -> tuple[pl.Expr, pl.Expr]:
        """Return whether each cell matches, and why a cell cannot be compared, or null.

        Sizes need numbers: other cells do not match and have a reason. With = and !=, two numbers
        are compared as numbers, so 2 equals 2.0, and everything else as text.
        """
        compare, number = OPERATORS[self.operator], self.number
        as_number = numbers_in(cell, dtype)
        if self.is_ordering:
            fault = number_fault(cell, dtype, f"{self.column} of a dislike")
            return fault.is_null() & compare(as_number, number), fault
        equal = cell.cast(pl.String).fill_null("").str.strip_chars() == self.value
        if number is not None:
            equal |= (as_number == number).fill_null(value=False)
        return equal if self.operator == "=" else ~equal, pl.lit(None, dtype=pl.String)
