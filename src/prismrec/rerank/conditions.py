"""Conditions on the attributes of items, and boosts: what a list may hold, and what it prefers.

    cheap = Condition(attribute="price", max=50)
    near = Condition(attribute="region", any_of=["DE", "AT"])
    adult = Condition(attribute="age_limit", min=18)
    Filter(where=[cheap, near, replace(adult, negated=True, missing="include")])
    Boost(where=[cheap], factor=2)              # twice as probable

Types are checked where the attributes are known: see ``recommend.filters``.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from prismrec.errors import ConfigError, check_type, is_number, store_as_python, to_python

Value = bool | float | str
"""What an attribute is compared with."""
Missing = Literal["exclude", "include", "only"]
MOST_VALUES = 10_000
"""Largest number of values of ``any_of``."""
MOST_CONDITIONS = 50
"""Largest number of conditions of a filter or a boost."""
MOST_BOOSTS = 5
"""Largest number of boosts: with n of them, the catalog is searched in up to 2^n parts."""
MAX_FACTOR = 1000.0
"""Largest factor of a boost; its inverse is the smallest one."""
SHOWN = 60
"""Largest number of characters of a value in a message."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """A condition on one attribute: a range, a value, or one of several values.

    Without any of these it is only about missing values. A missing value passes no comparison, not
    even a negated one, unless ``missing`` allows it.

    docs/python.md describes the fields.

    Raises:
        ConfigError: More than one comparison, an impossible range or value, or too many values.
    """

    attribute: str
    """The name of the attribute."""
    min: float | None = None
    """Smallest number that passes; None for no limit."""
    max: float | None = None
    """Largest number that passes; None for no limit."""
    equals: Value | None = None
    """The value of the attribute; of a set, a text that it contains."""
    any_of: Sequence[Value] | None = None
    """At most 10,000 values, of which one is the value of the attribute; of a set, of which it
    contains one."""
    missing: Missing = "exclude"
    """Items without a value: exclude them, include them too, or only them. Without a comparison,
    "exclude" passes every item with a value."""
    negated: bool = False
    """Whether values pass for which the comparison is false: ``max=50`` negated is above 50."""

    def __post_init__(self) -> None:
        """Check the values, and store those of NumPy as those of Python; ``any_of`` as a tuple."""
        store_as_python(self, "min", "max", "equals", "any_of", "missing", "negated")
        if not isinstance(self.attribute, str) or not self.attribute:
            raise ConfigError(
                f"A condition has the attribute {_shown(self.attribute)}; give the name of one."
            )
        if self.missing not in get_args(Missing):
            raise ConfigError(
                f"{self.name} has missing = {_shown(self.missing)}; give 'exclude', 'include' or "
                "'only'."
            )
        name = f"negated of the condition on {self.attribute[:SHOWN]!r}"
        check_type(name, self.negated, bool, "True or False")
        if self.any_of is not None:
            object.__setattr__(self, "any_of", self._checked_values(self.any_of))
        if self.equals is not None:
            self._check_value(self.equals)
        for limit in (self.min, self.max):
            if limit is not None and not is_number(limit):
                raise ConfigError(f"{self.name} has the limit {_shown(limit)}; give a number.")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ConfigError(
                f"{self.name} is from {self.min:g} to {self.max:g}, where no number is; swap them."
            )
        self._check_comparison()

    @property
    def name(self) -> str:
        """The condition for messages."""
        return f"The condition on {self.attribute[:SHOWN]!r}"

    @property
    def is_range(self) -> bool:
        """Whether it compares with limits."""
        return self.min is not None or self.max is not None

    @property
    def values(self) -> Sequence[Value] | None:
        """The values that pass if it is not negated; None if it does not compare with values."""
        return self.any_of if self.equals is None else (self.equals,)

    def _check_comparison(self) -> None:
        given = (self.is_range, self.equals is not None, self.any_of is not None)
        if sum(given) > 1:
            raise ConfigError(
                f"{self.name} has several comparisons; give one of min and max, equals, any_of, "
                "and several conditions."
            )
        compares = any(given)
        if self.missing == "only" and compares:
            raise ConfigError(
                f"{self.name} has a comparison, but is only about missing values; leave one out."
            )
        if not compares and (self.missing == "include" or self.negated):
            raise ConfigError(
                f"{self.name} compares with nothing, so it cannot be negated or include missing "
                "values; give min, max, equals or any_of."
            )

    def _checked_values(self, values: Collection[Value]) -> tuple[Value, ...]:
        if isinstance(values, str | bytes | Mapping) or not isinstance(values, Collection):
            raise ConfigError(f"{self.name} has any_of = {_shown(values)}; give a list of values.")
        if len(values) > MOST_VALUES:
            raise ConfigError(
                f"{self.name} has {len(values):,} values in any_of; give at most {MOST_VALUES:,}."
            )
        checked = tuple(map(to_python, values))
        for value in checked:
            self._check_value(value)
        return checked

    def _check_value(self, value: object) -> None:
        if not _is_value(value):
            raise ConfigError(
                f"{self.name} compares with {_shown(value)}; give a text, a finite number, true or "
                "false."
            )


@dataclass(frozen=True, kw_only=True)
class Boost:
    """Items that pass all conditions are preferred: log(factor) is added to their scores.

    Where scores are log probabilities, as those of ``prism`` are, factor 2 makes an item twice as
    probable, as the weight 2 of its interest does. Several boosts of an item add up.

    Raises:
        ConfigError: No condition, too many, or a factor out of its range.
    """

    where: Sequence[Condition]
    """The conditions, from 1 to 50; an item must pass all of them."""
    factor: float
    """Above 1 to prefer the items, below 1 to prefer others; from 0.001 to 1,000."""

    def __post_init__(self) -> None:
        """Check the values."""
        store_as_python(self, "factor")
        check_conditions(self.where)
        object.__setattr__(self, "where", tuple(self.where))
        if not self.where:
            raise ConfigError("A boost has no condition; give at least one in where.")
        if not is_number(self.factor):
            raise ConfigError(f"The factor of a boost is {_shown(self.factor)}; give a number.")
        if not 1 / MAX_FACTOR <= self.factor <= MAX_FACTOR:
            raise ConfigError(
                f"The factor of a boost is {self.factor:g}; give a number from {1 / MAX_FACTOR:g} "
                f"to {MAX_FACTOR:,g}, or a filter to leave items out."
            )

    @property
    def added(self) -> float:
        """What it adds to the score of an item."""
        return math.log(self.factor)


def check_conditions(conditions: Sequence[Condition]) -> None:
    """Raise ConfigError for anything but a list of conditions, and for too many of them."""
    _check_list("where", conditions, Condition)
    if len(conditions) > MOST_CONDITIONS:
        raise ConfigError(
            f"where has {len(conditions):,} conditions; give at most {MOST_CONDITIONS}, and "
            "several values of one attribute as any_of."
        )


def check_boosts(boosts: Sequence[Boost]) -> None:
    """Raise ConfigError for anything but a list of boosts, and for too many of them."""
    _check_list("boosts", boosts, Boost)
    if len(boosts) > MOST_BOOSTS:
        raise ConfigError(f"There are {len(boosts):,} boosts; give at most {MOST_BOOSTS}.")


def _check_list(name: str, values: object, kind: type[Condition | Boost]) -> None:
    if not isinstance(values, Sequence):
        raise ConfigError(f"{name} is {_shown(values)}; give a list of {kind.__name__}(…).")
    for one in values:
        if not isinstance(one, kind):
            raise ConfigError(
                f"{name} has {_shown(one)}, which is no {kind.__name__}; give a list of "
                f"{kind.__name__}(…)."
            )


def _is_value(value: object) -> bool:
    """Return whether a value is a text, a boolean or a finite number."""
    return isinstance(value, bool | str) or is_number(value)


def _shown(value: object) -> str:
    return repr(value)[:SHOWN]
