"""Weights of events and dislikes: what a caller asks for, and how it is read from the columns.

weighting = Weighting(kinds={"view": 1, "purchase": 5}, dislikes=Comparison.parse("rating<=2"))
log = read_events("events.csv", columns=Columns(weighting=weighting))
log.frame        # also has the columns weight and disliked
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from prismrec.data.readers.comparison import Comparison
from prismrec.data.readers.numbers import parse_number
from prismrec.errors import ConfigError, check_type, described, is_number
from prismrec.registry import check_fields

MAX_WEIGHT = 1e6
"""Largest weight of an event."""


@dataclass(frozen=True, kw_only=True)
class Weighting:
    """Which events count more than others, and which are dislikes. By default none.

    The weight of an event is its value in ``column`` times the weight of its kind, from 0 to
    1,000,000; only ratios matter, see ``Histories.relative_weights``.

    Raises:
        ConfigError: The weight of a kind is out of range, or a value has another type.
    """

    column: str | None = None
    """Name of a column of numbers from 0 to 1,000,000."""
    kinds: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Weight per kind of event, in the column of kinds; a kind without one has weight 1."""
    dislikes: Comparison | None = None
    """Rows that match are dislikes: no part of a history, and never a target."""
    whole_log: bool = True
    """Whether a kind of ``dislikes`` that no event has is an error; one day may have no returns."""

    def __post_init__(self) -> None:
        """Check the types, and the weights of kinds."""
        needed = "a Comparison; write Comparison.parse('rating<=2')"
        check_type("dislikes", self.dislikes, Comparison | None, needed)
        needed = "weights by kind of event; write {'view': 1, 'purchase': 5}"
        check_type("kinds", self.kinds, Mapping, needed)
        check_fields(self)
        for kind, weight in self.kinds.items():
            check_type("A kind of event in kinds", kind, str, f"a text; write {str(kind)[:40]!r}")
            if not is_number(weight) or not 0 <= weight <= MAX_WEIGHT:
                raise ConfigError(
                    f"The weight of the events {kind!r} is {described(weight)}; use a number "
                    f"from 0 to {MAX_WEIGHT:,.0f}."
                )

    @property
    def has_weights(self) -> bool:
        """Whether events have weights."""
        return self.column is not None or bool(self.kinds)

    @property
    def compared(self) -> list[str]:
        """The name of the column that ``dislikes`` compares, if there is one."""
        return [] if self.dislikes is None else [self.dislikes.column]

    @property
    def is_empty(self) -> bool:
        """Whether all events count alike."""
        return not self.has_weights and self.dislikes is None

    @property
    def facts(self) -> dict[str, object]:
        """What was asked for, as JSON values."""
        asked = {"column": self.column, "kinds": dict(self.kinds), "dislikes": self.dislikes}
        return {name: str(v) if name == "dislikes" else v for name, v in asked.items() if v}


NO_WEIGHTING = Weighting()
"""All events count alike, and none is a dislike."""


def parse_kinds(text: str) -> dict[str, float]:
    """Parse the weights of kinds, such as ``view=1,purchase=5``; an empty text has none.

    Raises:
        ConfigError: A part has another form, or a kind occurs twice.
    """
    kinds: dict[str, float] = {}
    for part in text.split(",") if text else ():
        kind, _, value = (each.strip() for each in part.rpartition("="))
        number = parse_number(value)
        if not kind or number is None:
            raise ConfigError(
                f"{part!r} is no weight of a kind of event; write kind=number, such as "
                "view=1,purchase=5."
            )
        if kind in kinds:
            raise ConfigError(f"The kind of event {kind!r} has two weights; give it one.")
        kinds[kind] = number
    return kinds
