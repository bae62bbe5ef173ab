"""Conditions on attributes and boosts, as requests have them."""

from functools import cached_property
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from prismrec.errors import is_utf8
from prismrec.rerank import (
    MAX_FACTOR,
    MOST_CONDITIONS,
    MOST_VALUES,
    Boost,
    Condition,
    Missing,
)
from prismrec.service.strict import TEXT, Strict

LONGEST_NAME = 200
"""Largest number of characters of the name of an attribute."""
LONGEST_TEXT = 1_000
"""Largest number of characters of a value of an attribute."""
EXACT = 2**53
"""Largest whole number up to which a column of numbers holds all whole numbers."""
MOST_TEXTS = 1_000
"""Largest number of texts of a set."""
AttributeName = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]


def _value(value: Any) -> Any:
    """Check a value before its type is chosen: the error is then one sentence."""
    short = isinstance(value, str) and len(value) <= LONGEST_TEXT
    finite = isinstance(value, int | float) and abs(value) <= 1e300  # False for NaN
    if not (short or finite):
        raise ValueError(
            "send a number from -1e300 to 1e300, true, false or a text of at most "
            f"{LONGEST_TEXT:,} characters"
        )
    if isinstance(value, str) and not is_utf8(value):
        raise ValueError("the text has half of a surrogate pair, so it is not UTF-8; send UTF-8")
    return value


def _cell(value: Any) -> Any:
    """Check a cell before its type is chosen: a value, null, or the texts of a set."""
    if isinstance(value, list):
        if len(value) > MOST_TEXTS or any(not isinstance(text, str) for text in value):
            raise ValueError(f"send a list of at most {MOST_TEXTS:,} texts")
        return [text for text in map(_cell, value) if text is not None] or None
    if isinstance(value, str):  # as ``prepare`` reads a cell
        return _value(value).strip() or None
    if isinstance(value, int) and abs(value) > EXACT:
        raise ValueError(f"send a whole number up to {EXACT:,}, which a float holds exactly")
    return None if value is None else _value(value)


ValueIn = Annotated[bool | float | str, BeforeValidator(_value)]
CellIn = Annotated[bool | float | str | list[str] | None, BeforeValidator(_cell)]
Limit = Annotated[float, Field(allow_inf_nan=False), TEXT]


class ConditionIn(Strict):
    """A condition on one attribute: the fields of ``Condition``."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"attribute": "price", "max": 50},
                {"attribute": "region", "any_of": ["DE", "AT"]},
                {"attribute": "age_limit", "min": 18, "negated": True, "missing": "include"},
            ]
        }
    )

    attribute: AttributeName
    min: Limit | None = None
    max: Limit | None = None
    equals: ValueIn | None = None
    any_of: Annotated[list[ValueIn], Field(max_length=MOST_VALUES, fail_fast=True)] | None = None
    missing: Missing = "exclude"
    negated: bool = False

    @model_validator(mode="after")
    def _possible(self) -> "ConditionIn":
        _ = self.condition  # built once; Condition raises ConfigError, which is a ValueError
        return self

    @cached_property
    def condition(self) -> Condition:
        """The same as a value of the library."""
        return Condition(**{name: getattr(self, name) for name in type(self).model_fields})


class BoostIn(Strict):
    """Items to prefer: the fields of ``Boost``."""

    where: Annotated[
        list[ConditionIn], Field(min_length=1, max_length=MOST_CONDITIONS, fail_fast=True)
    ]
    factor: Annotated[float, Field(ge=1 / MAX_FACTOR, le=MAX_FACTOR, allow_inf_nan=False), TEXT]

    @cached_property
    def boost(self) -> Boost:
        """The same as a value of the library."""
        return Boost(where=tuple(one.condition for one in self.where), factor=self.factor)
