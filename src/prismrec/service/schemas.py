"""What requests hold. An unknown field, or a value of another type, is an error."""

import contextlib
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from prismrec.rerank import RERANKERS
from prismrec.service.stores import LONGEST
from prismrec.types import Diversity, Filter, ListOptions


def _short_enough(name: str) -> str:
    """Refuse here what no store keeps: there it would be a group of requests that fails."""
    size = len(name.encode())
    if size > LONGEST:
        raise ValueError(f"an id has {size:,} bytes; give at most {LONGEST:,}")
    return name


Id = Annotated[
    str,
    StringConstraints(min_length=1, max_length=LONGEST, pattern=r"^[^\x00]+$"),
    AfterValidator(_short_enough),
]
Ids = Annotated[list[Id], Field(max_length=10_000)]


def _from_text(value: Any) -> Any:
    """Read a number that stands as text, as forms and shells send it; else leave it to its type."""
    if isinstance(value, str):
        for read in (int, float):
            with contextlib.suppress(ValueError):
                return read(value)
    return value


OPERATORS_RERANKER: list[str] = []
"""``module:function`` of ``prismrec serve --reranker``, if one was named."""
TEXT = BeforeValidator(_from_text)
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), TEXT]
OTHER_UNITS = (
    ("seconds", 10**8, 10**11),
    ("milliseconds", 10**11, 10**14),
    ("nanoseconds", 10**17, 2**63 + 1),
)
"""Sizes of times that are not microseconds, as ``data.times`` tells them; below are counts."""


def _known_reranker(name: str) -> str:
    """Accept the registered re-rankers and the one that the operator named at the start.

    A request must not name code to import: ``module:function`` is the operator's alone.
    """
    allowed = (*RERANKERS, *OPERATORS_RERANKER)
    if name not in allowed:
        raise ValueError(f"there is no re-ranker {name!r}; give one of {', '.join(allowed)}")
    return name


class Strict(BaseModel):
    """A body that is taken as it stands or not at all."""

    model_config = ConfigDict(strict=True, extra="forbid")


class RecommendRequest(Strict):
    """Whose list, and what it looks like; the options are those of ``ListOptions``."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"history": ["A", "B"], "k": 10, "diversity": 0.1}]}
    )

    user: Id | None = None
    history: Annotated[list[Id], Field(max_length=10_000)] | None = None
    k: Annotated[int, Field(ge=1, le=500), TEXT] = 20
    offset: Annotated[int, Field(ge=0, le=1_000), TEXT] = 0
    diversity: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False), TEXT] | None = None
    diversity_target: Share | None = None
    max_relevance_loss: Share | None = None
    rerank: Annotated[str, Field(max_length=200), AfterValidator(_known_reranker)] = "category"
    exclude_seen: bool = True
    blocked: Ids = []
    allowed: Ids | None = None
    categories: Ids | None = None
    explain: bool = False
    frontier: bool = False
    comparison: bool = False

    @model_validator(mode="after")
    def _one_of_each(self) -> "RecommendRequest":
        if self.user is None and self.history is None:
            raise ValueError("give user, or history, or both")
        units = (self.diversity, self.diversity_target, self.max_relevance_loss)
        if sum(unit is not None for unit in units) > 1:
            raise ValueError("give one of diversity, diversity_target and max_relevance_loss")
        if self.rerank != "category" and units[1:] != (None, None):
            raise ValueError("a target needs the re-ranker category; give diversity instead")
        return self

    @property
    def options(self) -> ListOptions:
        """The options of the list, up to the end of the page asked for."""
        return ListOptions(
            k=self.k + self.offset,
            diversity=Diversity(
                strength=self.diversity,
                target=self.diversity_target,
                max_relevance_loss=self.max_relevance_loss,
            ),
            exclude_seen=self.exclude_seen,
            filter=Filter(blocked=self.blocked, allowed=self.allowed, categories=self.categories),
            rerank=self.rerank,
        )


class BatchRequest(Strict):
    """Several at once."""

    requests: Annotated[list[RecommendRequest], Field(min_length=1, max_length=100)]


def _microseconds(time: int) -> int:
    """Refuse a time whose size says that it is of another unit: it would be in 1970, or never."""
    for unit, low, past in OTHER_UNITS:
        if low <= abs(time) < past:
            raise ValueError(f"the time is in {unit} by its size; give microseconds since 1970")
    return time


class EventIn(Strict):
    """One thing that a user did."""

    id: Id | None = None
    user: Id
    item: Id
    time: (
        Annotated[int, Field(ge=-(2**63), lt=2**63), TEXT, AfterValidator(_microseconds)] | None
    ) = None


class EventsRequest(Strict):
    """Events to keep."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"events": [{"id": "e1", "user": "ann", "item": "A"}]}]}
    )

    events: Annotated[list[EventIn], Field(min_length=1, max_length=1_000)]


class ItemIn(Strict):
    """A new item, or new title and categories of a known one: what is not given stays."""

    id: Id
    title: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    categories: Annotated[list[Id], Field(max_length=100)] | None = None
    related_to: Annotated[list[Id], Field(max_length=1_000)] = []


class ItemsRequest(Strict):
    """Items to add or to describe anew."""

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=1_000)]


class NamesRequest(Strict):
    """Items to hide or unhide."""

    items: Annotated[list[Id], Field(min_length=1, max_length=10_000)]
