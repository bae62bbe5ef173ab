"""Bodies of requests for lists and with events."""

import re
from datetime import UTC, datetime, timedelta
from functools import cached_property
from time import time_ns
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from prismrec.data import LONGEST_ID, MOST_DISLIKES
from prismrec.rerank import (
    MAX_INTEREST_WEIGHT,
    MOST_BOOSTS,
    MOST_CONDITIONS,
    AddedInterest,
    Diversity,
    Filter,
    InterestOptions,
    ListOptions,
)
from prismrec.service.conditions import BoostIn, ConditionIn
from prismrec.service.strict import TEXT, Strict, default_from, from_text


def _short_enough(name: str) -> str:
    """Check the length that every store accepts: in the store, one long id fails a whole group."""
    size = len(name.encode())
    if size > LONGEST_ID:
        raise ValueError(f"an id has {size:,} bytes; send at most {LONGEST_ID:,}")
    return name


Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST_ID, pattern=r"^[^\x00]+$"),
    AfterValidator(_short_enough),
]
MOST_IDS = 10_000
"""Largest number of ids in a list of a request."""
# Lists stop at their first wrong element: a report of 300,000 errors would take a second.
Ids = Annotated[list[Id], Field(max_length=MOST_IDS, fail_fast=True)]


Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), TEXT]
OTHER_UNITS = (
    ("seconds", 10**8, 10**11),
    ("milliseconds", 10**11, 10**14),
    ("nanoseconds", 10**17, 2**63 + 1),
)
"""Sizes of times that are not in microseconds, as in ``data.times``; smaller times are counts."""


PAGED = 500
"""Length of the list that pages are cut from, unless the request has another one."""
FUTURE = 86_400
"""Seconds by which the time of an event may be ahead of this machine's clock."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LIKE_ISO = re.compile(r"\d{4}-\S|\d{4}W\d|\d{6,8}T")
"""Beginnings of dates and times in ISO 8601; a number has no such beginning."""
Weight = Annotated[float, Field(ge=0, le=MAX_INTEREST_WEIGHT, allow_inf_nan=False), TEXT]
Number = Annotated[int, Field(ge=0, le=10_000), TEXT]


class AddedInterestIn(Strict):
    """An interest to add: a category or an item."""

    category: Annotated[str, Field(max_length=1_000)] | None = None
    item: Id | None = None
    weight: Weight = 1.0


class InterestOptionsIn(Strict):
    """How the interests share the list: the fields of ``InterestOptions``."""

    mix: Literal["mixture", "shares"] = "mixture"
    weights: Annotated[dict[Number, Weight], Field(max_length=100)] = default_from(dict)
    minimum: Annotated[dict[Number, Annotated[int, Field(ge=0, le=500), TEXT]],
                       Field(max_length=100)] = default_from(dict)  # fmt: skip
    added: Annotated[list[AddedInterestIn], Field(max_length=10, fail_fast=True)] = default_from(
        list
    )

    @cached_property
    def options(self) -> InterestOptions:
        """The same as a value of the library."""
        added = [AddedInterest(**vars(one)) for one in self.added]
        return InterestOptions(
            mix=self.mix, weights=self.weights, minimum=self.minimum, added=added
        )


NEUTRAL = InterestOptionsIn()
"""The options of a request without any: one object for all requests, so that nothing is copied."""


class RecommendRequest(Strict):
    """A user or a history, and what the list looks like: the options of ``ListOptions``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"history": ["A", "B"], "k": 10, "diversity": 0.1}]}
    )

    user: Id | None = None
    history: Ids | None = None
    k: Annotated[int, Field(ge=1, le=500), TEXT] = 20
    offset: Annotated[int, Field(ge=0, le=1_499), TEXT] | None = None
    length: Annotated[int, Field(ge=1, le=1_500), TEXT] | None = None
    diversity: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False), TEXT] | None = None
    diversity_target: Share | None = None
    max_relevance_loss: Share | None = None
    rerank: Annotated[str, Field(max_length=200)] = "category"  # ``ListMaker`` checks the name
    interests: InterestOptionsIn = default_from(lambda: NEUTRAL)
    exclude_seen: bool = True
    blocked: Ids = default_from(list)
    allowed: Ids | None = None
    categories: Ids | None = None
    where: Annotated[list[ConditionIn], Field(max_length=MOST_CONDITIONS, fail_fast=True)] = (
        default_from(list)
    )
    boosts: Annotated[list[BoostIn], Field(max_length=MOST_BOOSTS, fail_fast=True)] = default_from(
        list
    )
    dislikes: Annotated[list[Id], Field(max_length=MOST_DISLIKES, fail_fast=True)] = default_from(
        list
    )
    explain: bool = False
    frontier: bool = False
    mix_frontier: bool = False
    comparison: bool = False

    @model_validator(mode="after")
    def _one_of_each(self) -> "RecommendRequest":
        if self.user is None and self.history is None:
            raise ValueError("the request has no user and no history; send one of them, or both")
        units = (self.diversity, self.diversity_target, self.max_relevance_loss)
        if sum(unit is not None for unit in units) > 1:
            raise ValueError(
                "the request has two units of diversity; send one of diversity, diversity_target "
                "and max_relevance_loss"
            )
        if (self.offset or 0) >= self.whole:
            raise ValueError(
                f"offset is {self.offset}, but the list has {self.whole} items; "
                "send a larger length"
            )
        _ = self.options  # built once; ListOptions raises ConfigError, which is a ValueError
        return self

    @property
    def whole(self) -> int:
        """The length of the list: that of the answer, or of the list that a page is cut from.

        It does not depend on the page: then all pages are parts of one list.
        """
        if self.offset is None and self.length is None:
            return self.k
        return self.length or PAGED

    @property
    def page(self) -> slice:
        """The part of the list that is returned."""
        start = self.offset or 0
        return slice(start, start + self.k)

    @cached_property
    def options(self) -> ListOptions:
        """The options of the whole list."""
        return ListOptions(
            k=self.whole,
            diversity=Diversity(
                strength=self.diversity,
                target=self.diversity_target,
                max_relevance_loss=self.max_relevance_loss,
            ),
            exclude_seen=self.exclude_seen,
            filter=Filter(
                blocked=self.blocked,
                allowed=self.allowed,
                categories=self.categories,
                where=[one.condition for one in self.where],
            ),
            rerank=self.rerank,
            interests=self.interests.options,
            boosts=[one.boost for one in self.boosts],
            dislikes=self.dislikes,
        )


class BatchRequest(Strict):
    """Several requests for lists."""

    requests: Annotated[list[RecommendRequest], Field(min_length=1, max_length=100, fail_fast=True)]


def _microseconds(value: Any) -> Any:
    """Convert a time in ISO 8601 to microseconds, and a number sent as text to a number.

    Raises:
        ValueError: There is no such date or time, it has no offset from UTC, or a number is in
            another unit, judged by its size.
    """
    if isinstance(value, str) and not value.isdigit() and LIKE_ISO.match(value):
        return _from_iso(value)
    time = from_text(value)
    for unit, low, past in OTHER_UNITS if isinstance(time, int) else ():
        if low <= abs(time) < past:
            raise ValueError(f"the time is in {unit} by its size; send microseconds since 1970")
    return time


def _from_iso(text: str) -> int:
    """Return the microseconds of a time in ISO 8601.

    Raises:
        ValueError: There is no such date or time, or it has no offset from UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            "the time is not a date and time of ISO 8601 that exists; send for example "
            "2026-01-31T12:00:00Z"
        ) from None
    if moment.tzinfo is None:
        raise ValueError("the time has no offset from UTC; send for example 2026-01-31T12:00:00Z")
    return (moment - EPOCH) // timedelta(microseconds=1)


def _not_in_the_future(time: int) -> int:
    """Check that a time is not in the future."""
    if time > time_ns() // 1_000 + 1_000_000 * FUTURE:
        raise ValueError(
            f"the time is more than {FUTURE // 3_600} hours in the future; send the time at which "
            "the event happened"
        )
    return time


class EventIn(Strict):
    """One event: a user and an item; and how the user chose it, if that is known."""

    id: Id | None = None
    user: Id
    item: Id
    time: (
        Annotated[
            int,
            Field(ge=-(2**63), lt=2**63),
            BeforeValidator(_microseconds, json_schema_input_type=int | str),
            AfterValidator(_not_in_the_future),
        ]
        | None
    ) = None
    kind: Id | None = None
    value: Annotated[float, Field(allow_inf_nan=False), TEXT] | None = None


class MergeRequest(Strict):
    """The user whose events another user gets."""

    anonymous: Id


class EventsRequest(Strict):
    """Events to store."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"events": [{"id": "e1", "user": "ann", "item": "A"}]}]}
    )

    events: Annotated[list[EventIn], Field(min_length=1, max_length=1_000, fail_fast=True)]
