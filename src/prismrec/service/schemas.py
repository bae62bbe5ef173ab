"""What goes in and out over HTTP. An unknown field or a value of another type is refused."""

import contextlib
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from prismrec.service.stores import LONGEST


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


TEXT = BeforeValidator(_from_text)
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False), TEXT]
OTHER_UNITS = (
    ("seconds", 10**8, 10**11),
    ("milliseconds", 10**11, 10**14),
    ("nanoseconds", 10**17, 2**63 + 1),
)
"""Sizes of times that are not microseconds, as ``data.times`` tells them; below are counts."""
Reranker = Literal["category", "overlap", "mmr", "dpp", "calibrated", "xquad"]


class Strict(BaseModel):
    """A body that is taken as it stands or not at all."""

    model_config = ConfigDict(strict=True, extra="forbid")


class RecommendRequest(Strict):
    """Whose list, and what it is to be like."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"history": ["A", "B"], "k": 10, "diversity": 0.1}]}
    )

    user: Id | None = None
    history: Annotated[list[Id], Field(max_length=10_000)] | None = None
    k: Annotated[int, Field(ge=1, le=500), TEXT] = 20
    offset: Annotated[int, Field(ge=0, le=1_000), TEXT] = 0
    diversity: Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False), TEXT] | None = None
    diversity_target: Share | None = None
    relevance_lost: Share | None = None
    rerank: Reranker = "category"
    keep_seen: bool = False
    blocked: Ids = []
    allowed: Ids | None = None
    categories: Ids | None = None
    explain: bool = False
    frontier: bool = False
    beside: bool = False

    @model_validator(mode="after")
    def _one_of_each(self) -> "RecommendRequest":
        if self.user is None and self.history is None:
            raise ValueError("give user, or history, or both")
        dials = (self.diversity, self.diversity_target, self.relevance_lost)
        if sum(dial is not None for dial in dials) > 1:
            raise ValueError("give one of diversity, diversity_target and relevance_lost")
        if self.rerank != "category" and dials[1:] != (None, None):
            raise ValueError("a target needs the re-ranker category; give diversity instead")
        return self


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
    taken_with: Annotated[list[Id], Field(max_length=1_000)] = []


class ItemsRequest(Strict):
    """Items to add or to describe anew."""

    items: Annotated[list[ItemIn], Field(min_length=1, max_length=1_000)]


class NamesRequest(Strict):
    """Items to hide or unhide."""

    items: Annotated[list[Id], Field(min_length=1, max_length=10_000)]


class ReasonOut(BaseModel):
    """An item of the history, and how much an interest draws on it."""

    id: str
    title: str
    weight: float


class TopOut(BaseModel):
    """An item that one interest alone would recommend."""

    id: str
    title: str
    score: float


class InterestOut(BaseModel):
    """One interest, in words and on the map."""

    number: int
    name: str
    share: float
    x: float
    y: float
    items: list[ReasonOut]
    top: list[TopOut] = []


class ItemOut(BaseModel):
    """One recommended item."""

    id: str
    title: str
    score: float
    interest: int
    rank_by_score: int
    provisional: bool
    categories: list[str]
    because: list[ReasonOut] = []
    taken_after: list[ReasonOut] = []


class FrontierOut(BaseModel):
    """Every list that some strength makes of the candidates."""

    strength: list[float]
    relevance: list[float]
    diversity: list[float | None]


class AnswerOut(BaseModel):
    """A list, and where it came from."""

    artifact: str
    source: Literal["interests", "popular"]
    unknown: list[str]
    unknown_filter: list[str] = []
    reason: Literal["exhausted"] | None
    strength: float
    optimal: bool
    diversity: float | None
    items: list[ItemOut]
    displaced: list[str]
    interests: list[InterestOut] = []
    frontier: FrontierOut | None = None


class AnswersOut(BaseModel):
    """One answer a request, in order."""

    answers: list[AnswerOut]


class StoredOut(BaseModel):
    """What became of events."""

    stored: int
    duplicates: int


class EventOut(BaseModel):
    """An event as it is kept."""

    id: str
    item: str
    title: str
    time: int
    known: bool


class HistoryOut(BaseModel):
    """A user's newest events, newest last."""

    user: str
    events: list[EventOut]


class InterestsOut(BaseModel):
    """A user's interests."""

    user: str
    artifact: str
    interests: list[InterestOut]


class ForgottenOut(BaseModel):
    """How many events were erased."""

    forgotten: int


class ExampleOut(BaseModel):
    """A user of the data set."""

    user: str
    events: int
    spread: float
    history: list[str]


class ExamplesOut(BaseModel):
    """Users of the data set."""

    users: list[ExampleOut]


class DescribedOut(BaseModel):
    """An item of the catalog."""

    id: str
    title: str
    categories: list[str]
    count: int
    hidden: bool
    provisional: bool


class DescribedItemsOut(BaseModel):
    """Items of the catalog."""

    items: list[DescribedOut]


class SimilarItemOut(BaseModel):
    """An item near another one."""

    id: str
    title: str
    similarity: float


class SimilarOut(BaseModel):
    """Items near another one."""

    item: str
    artifact: str
    items: list[SimilarItemOut]


class AddedOut(BaseModel):
    """How many items were added or described anew."""

    items: int


class HiddenOut(BaseModel):
    """How many items are hidden now."""

    hidden: int


class MapOut(BaseModel):
    """The most popular items on a plane; ``category`` is a place in ``categories``, -1 for none."""

    ids: list[str]
    titles: list[str]
    x: list[float]
    y: list[float]
    category: list[int]
    categories: list[str]


class ArtifactOut(BaseModel):
    """What answers."""

    artifact: str
    extractor: str
    interests: int
    dim: int
    items: int
    categories: list[str]
    index: dict[str, Any]
    about: dict[str, Any]
    beside: "ArtifactOut | None" = None


class LatencyOut(BaseModel):
    """Times of the newest recommendations, milliseconds."""

    p50: float | None
    p99: float | None
    requests: int


class HealthReportOut(BaseModel):
    """How the model and the service do."""

    diagnostics: dict[str, Any] | None
    report: dict[str, Any] | None
    latency: LatencyOut
    notes: list[str]


class ReloadedOut(BaseModel):
    """Which artifact answers now, and which did."""

    artifact: str
    was: str


class StatusOut(BaseModel):
    """Alive, or ready."""

    status: str
    artifact: str | None = None


class ErrorBody(BaseModel):
    """What went wrong, in one sentence."""

    kind: str
    message: str
    status: int
    request_id: str


class ErrorOut(BaseModel):
    """The one shape of every error."""

    error: ErrorBody
