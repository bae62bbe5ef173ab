"""What a list looks like: the options that Python, the command line and HTTP share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import UnionType
from typing import Literal, TypedDict

from prismrec.errors import (
    ConfigError,
    check_type,
    check_whole_number,
    described,
    is_number,
    is_whole,
    list_of_ids,
    store_as_python,
    to_python,
)
from prismrec.rerank.conditions import Boost, Condition, check_boosts, check_conditions

MAX_STRENGTH = 1e300
"""Largest strength: beyond it, strength times a rank would overflow to infinity."""
MAX_INTEREST_WEIGHT = 1000.0
"""Largest weight of an interest."""


@dataclass(frozen=True, kw_only=True)
class Diversity:
    """How diverse a list is, in one of three units; without any, the list is ranked by score alone.

    If no list of 4,096 candidates reaches the target, the list is the most diverse one of these.

    docs/python.md describes the fields.

    Raises:
        ConfigError: More than one unit was given, or a value is out of its range.
    """

    strength: float | None = None
    """λ of controllable aggregation, on scores scaled to 0…1 per user. 0 ranks by score alone; 0.05
    to 0.5 makes the categories differ more and more. 0 if no unit is given."""
    target: float | None = None
    """Smallest share of the list's pairs that differ in category, from 0 to 1."""
    max_relevance_loss: float | None = None
    """Largest share of the list's relevance to give up, 0 to 1, compared with the list without
    diversity; 1 is no limit. Relevance is the sum of the scores, with the weights of interests,
    above that of the lowest candidate; with the mix "shares" places are used instead of scores."""

    def __post_init__(self) -> None:
        """Check the unit and its range."""
        names = ("strength", "target", "max_relevance_loss")
        store_as_python(self, *names)
        values = {n: getattr(self, n) for n in names if getattr(self, n) is not None}
        if len(values) > 1:
            raise ConfigError(f"Diversity was given {' and '.join(values)}; give one of them.")
        if not values:
            object.__setattr__(self, "strength", 0.0)
        if self.strength is not None:
            check_strength(self.strength)
        for name in names[1:]:
            share = values.get(name, 0)
            if not is_number(share) or not 0 <= share <= 1:
                raise ConfigError(f"The diversity {name} is {share!r}; give a share from 0 to 1.")

    @classmethod
    def of(cls, value: float | Diversity) -> Diversity:
        """Return ``value`` as a Diversity; a number is a strength."""
        return value if isinstance(value, Diversity) else cls(strength=value)

    @property
    def off(self) -> bool:
        """Whether every list is the ranking by score."""
        return not (self.strength or self.target or self.max_relevance_loss)

    @property
    def has_target(self) -> bool:
        """Whether the strength follows from a target or a relevance budget."""
        return self.target is not None or self.max_relevance_loss is not None

    def at_least(self, strength: float) -> Diversity:
        """Return the same diversity with at least this strength; other units stay as they are."""
        if self.has_target:
            return self
        return replace(self, strength=max(self.strength or 0.0, strength))


@dataclass(frozen=True, kw_only=True)
class Filter:
    """Which items a request may get. Ids that the catalog does not hold have no effect.

    docs/python.md describes the fields.

    Raises:
        ConfigError: ``where`` is not a list of conditions, or has too many; or ids are not a list.
    """

    blocked: Sequence[str] = ()
    """Ids never to recommend."""
    allowed: Sequence[str] | None = None
    """The only ids to recommend; None for all."""
    categories: Sequence[str] | None = None
    """Recommend only items with at least one of these categories; None for all."""
    where: Sequence[Condition] = ()
    """Recommend only items whose attributes pass all of these conditions; at most 50."""

    def __post_init__(self) -> None:
        """Check the values, and make them tuples: arrays of NumPy cannot be compared as a whole."""
        check_conditions(self.where)
        object.__setattr__(self, "where", tuple(self.where))
        for name, kind in (("blocked", "item"), ("allowed", "item"), ("categories", "category")):
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(list_of_ids(getattr(self, name), kind)))


@dataclass(frozen=True, kw_only=True)
class AddedInterest:
    """An interest that the caller adds: a category, or an item and those similar to it.

    Raises:
        ConfigError: Neither or both of category and item, a name that is no text, or a weight out
            of its range.
    """

    category: str | None = None
    """Name of a category of the catalog."""
    item: str | None = None
    """External id of an item of the catalog."""
    weight: float = 1.0
    """From 0 to 1,000. Below 1: factor on its prior; 0 leaves it out. Above 1: as in
    ``InterestOptions.weights``."""

    def __post_init__(self) -> None:
        """Check that there is one source, and the weight."""
        store_as_python(self, "weight")
        if (self.category is None) == (self.item is None):
            raise ConfigError("An added interest needs a category or an item; give one of them.")
        for name in ("category", "item"):
            needed = "a text; write its name or id in quotes"
            check_type(f"The {name} of an added interest", getattr(self, name), str | None, needed)
        check_interest_weight("the added interest", self.weight)


@dataclass(frozen=True, kw_only=True)
class InterestOptions:
    """How the interests of a history share its list.

    docs/python.md describes the fields.

    Raises:
        ConfigError: Another mix, a key that is no number of an interest, a weight out of its range,
            a minimum that is no whole number of 0 or more, or values of other types.
    """

    mix: Literal["mixture", "shares"] = "mixture"
    """"mixture" ranks all items by score, so an interest gets as many places as its items earn.
    "shares" gives each interest places in proportion to its part of the history, times its weight,
    and each place to the best item left of its interest."""
    weights: Mapping[int, float] = field(default_factory=dict, hash=False)
    """By number of interest, from 0 to 1,000: 0 mutes the interest, 1 is neutral, 2 doubles the
    probability of its items (mixture) or its share of the places (shares); 1 if not given. A number
    that the history does not have has no effect; the answer names it."""
    minimum: Mapping[int, int] = field(default_factory=dict, hash=False)
    """By number of interest: smallest number of items in the list, as far as there are so many. If
    the minima exceed the list, smaller numbers come first. A muted interest has no items, so its
    minimum has no effect."""
    added: Sequence[AddedInterest] = ()
    """Interests that the history does not show."""

    def __post_init__(self) -> None:
        """Check the values."""
        store_as_python(self, "weights", "minimum")
        if self.mix not in ("mixture", "shares"):
            raise ConfigError(f"mix is {self.mix!r}; give 'mixture' or 'shares'.")
        check_type("weights", self.weights, Mapping, "by number of interest; write {1: 2.0}")
        check_type("minimum", self.minimum, Mapping, "by number of interest; write {1: 2}")
        for number in (*self.weights, *self.minimum):
            if not is_whole(number) or number < 0:
                raise ConfigError(
                    f"The interest {number!r} is not the number of one; give a whole number of 0 "
                    "or more, such as 1."
                )
        for number, weight in self.weights.items():
            check_interest_weight(f"interest {number}", weight)
        for number, least in self.minimum.items():
            if not is_whole(least) or least < 0:
                raise ConfigError(
                    f"The minimum of interest {number} is {described(least)}; give a whole number "
                    "of items, 0 or more."
                )
        needed = "a list of AddedInterest(…); write [AddedInterest(category='name')]"
        check_type("added", self.added, list | tuple, needed)
        object.__setattr__(self, "added", tuple(self.added))
        for one in self.added:
            check_type("An interest in added", one, AddedInterest, needed)

    @property
    def neutral(self) -> bool:
        """Whether these options change no list."""
        steered = any(weight != 1 for weight in self.weights.values())
        return self.mix == "mixture" and not (steered or any(self.minimum.values()) or self.added)


@dataclass(frozen=True, kw_only=True)
class ListOptions:
    """What a list looks like: the same options in Python, on the command line and over HTTP.

    docs/python.md describes the fields.

    Raises:
        ConfigError: ``k`` is no whole number of at least 1, ``diversity`` is impossible, or it has
            a target with another re-ranker than ``category``, which alone has an exact frontier;
            ``boosts`` is not a list of boosts, or has too many; or a field has another type.
    """

    k: int = 20
    """Length of the list, at least 1; the list is shorter where fewer items are eligible."""
    diversity: float | Diversity = 0.0
    """How diverse the list is; a number is the strength λ. A list of popular items has at least
    λ 0.1: a user without interests is shown several categories."""
    exclude_seen: bool = True
    """Leave out the items of the history."""
    filter: Filter = Filter()
    """Which items may be recommended."""
    rerank: str = "category"
    """The re-ranker: a name of ``RERANKERS``, or ``module:function``."""
    interests: InterestOptions = InterestOptions()
    """How the interests share the list."""
    boosts: Sequence[Boost] = ()
    """Items to prefer, by their attributes; at most 5."""
    dislikes: Sequence[str] = ()
    """Ids of items that the user dislikes: they are not recommended, and items with a cosine of at
    least 0.9 to one of them lose 2 of their score. Unknown ids have no effect."""

    def __post_init__(self) -> None:
        """Check the values here, once for all callers."""
        check_length(self.k)
        store_as_python(self, "k", "exclude_seen")
        for name, (kind, needed) in _TYPES.items():
            check_type(name, getattr(self, name), kind, needed)
        check_boosts(self.boosts)
        object.__setattr__(self, "boosts", tuple(self.boosts))
        object.__setattr__(self, "dislikes", tuple(list_of_ids(self.dislikes)))
        diversity = Diversity.of(self.diversity)
        object.__setattr__(self, "diversity", diversity)
        if self.rerank != "category" and diversity.has_target:
            unit = "diversity target" if diversity.target is not None else "largest relevance loss"
            raise ConfigError(
                f"A {unit} was given with the re-ranker {self.rerank!r}, but only 'category' can "
                "reach one exactly; give a strength, or the re-ranker 'category'."
            )


_TYPES: dict[str, tuple[type | UnionType, str]] = {
    "exclude_seen": (bool, "True or False; write exclude_seen=False to keep seen items"),
    "filter": (Filter, "a Filter; write Filter(blocked=['a']), or leave it out for all items"),
    "rerank": (str, "a text; write the name of a re-ranker, such as 'category'"),
    "interests": (InterestOptions, "an InterestOptions; write InterestOptions(mix='shares')"),
}
"""Fields of ``ListOptions`` of one type: it, and what to write."""


class ListKeywords(TypedDict, total=False):
    """The fields of ``ListOptions`` but ``k``, as keywords of ``Recommender.recommend``."""

    diversity: float | Diversity
    exclude_seen: bool
    filter: Filter
    rerank: str
    interests: InterestOptions
    boosts: Sequence[Boost]
    dislikes: Sequence[str]


def check_length(k: int) -> None:
    """Raise ConfigError for a list without items, or a length that is no whole number."""
    check_whole_number("k", k, "the length of a list; give a whole number of at least 1")
    if k < 1:
        raise ConfigError(f"k is {k}; a list has at least 1 item.")


def check_interest_weight(name: str, weight: object) -> None:
    """Raise ConfigError for the weight of an interest that cannot work."""
    if not (is_number(weight) and 0 <= weight <= MAX_INTEREST_WEIGHT):
        raise ConfigError(
            f"The weight of {name} is {weight!r}; give 0 (mute), 1 (neutral) or another number up "
            f"to {MAX_INTEREST_WEIGHT:g}."
        )


def check_strength(strength: object) -> None:
    """Raise ConfigError for a strength, λ, that cannot work."""
    strength = to_python(strength)
    if not (is_number(strength) and 0 <= strength <= MAX_STRENGTH):
        raise ConfigError(
            f"The diversity strength, λ, is {strength!r}; give a number of 0 (by score alone) or "
            "more."
        )
