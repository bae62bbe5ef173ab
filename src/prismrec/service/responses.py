"""What the service answers: dataclasses that are sent as they are.

A list is ``recommend.results.Answer`` with the artifact's name. The OpenAPI document and the page's
types are made from these classes.
"""

from dataclasses import dataclass, field
from typing import Any

from prismrec.recommend import Answer, Interest, SimilarItem


@dataclass(frozen=True, kw_only=True)
class ServedAnswer(Answer):
    """A list of recommended items, how it was made, and by which artifact."""

    artifact: str


@dataclass(frozen=True)
class Answers:
    """One answer per request, in order."""

    answers: list[ServedAnswer]


@dataclass(frozen=True)
class StoredEvents:
    """How many events were stored, and how many were there already."""

    stored: int
    duplicates: int


@dataclass(frozen=True)
class StoredEvent:
    """An event as it is stored."""

    id: str
    item: str
    title: str
    time: int
    """Microseconds since 1970 UTC."""
    known: bool
    """Whether the catalog holds the item."""


@dataclass(frozen=True)
class History:
    """A user's newest events, newest last."""

    user: str
    events: list[StoredEvent]


@dataclass(frozen=True)
class UserInterests:
    """A user's interests."""

    user: str
    artifact: str
    interests: list[Interest]


@dataclass(frozen=True)
class ErasedUser:
    """How many events were erased."""

    forgotten: int


@dataclass(frozen=True)
class Example:
    """A user of the data set."""

    user: str
    events: int
    spread: float
    """1 - the mean cosine of the user's interests: large where they differ."""
    history: list[str]


@dataclass(frozen=True)
class Examples:
    """Users of the data set."""

    users: list[Example]


@dataclass(frozen=True)
class CatalogItem:
    """An item of the catalog."""

    id: str
    title: str
    categories: tuple[str, ...]
    count: int
    """Events of the item in the training data set."""
    hidden: bool
    provisional: bool


@dataclass(frozen=True)
class CatalogItems:
    """Items of the catalog."""

    items: list[CatalogItem]


@dataclass(frozen=True)
class SimilarItems:
    """Items near another one."""

    item: str
    artifact: str
    items: list[SimilarItem]


@dataclass(frozen=True)
class AddedItems:
    """How many items were added or described anew."""

    items: int


@dataclass(frozen=True)
class HiddenItems:
    """How many items are hidden now."""

    hidden: int


@dataclass(frozen=True)
class CatalogMap:
    """The most popular items on a plane; ``category`` is a place in ``categories``, -1 for none."""

    ids: list[str]
    titles: list[str]
    x: list[float]
    y: list[float]
    category: list[int]
    categories: list[str]


@dataclass(frozen=True)
class IndexInfo:
    """The index of an artifact."""

    kind: str
    exact: bool
    reason: str | None = None
    """Why this index was chosen."""


@dataclass(frozen=True, kw_only=True)
class ArtifactInfo:
    """An artifact that answers."""

    artifact: str
    extractor: str
    interests: int
    dim: int
    items: int
    categories: list[str]
    index: IndexInfo
    about: dict[str, Any]
    """What the artifact's manifest says of its training."""


@dataclass(frozen=True, kw_only=True)
class ServedArtifacts(ArtifactInfo):
    """The artifact that answers, and the one it is compared with, if there is one."""

    compare_with: ArtifactInfo | None = None


@dataclass(frozen=True)
class Latency:
    """Times of the newest recommendations, in milliseconds."""

    p50: float | None
    p99: float | None
    requests: int


@dataclass(frozen=True)
class HealthReport:
    """How the model and the service are doing."""

    diagnostics: dict[str, Any] | None
    report: dict[str, Any] | None
    latency: Latency
    notes: list[str]


@dataclass(frozen=True)
class ReloadedArtifact:
    """Which artifact answers now, and which did before."""

    artifact: str
    was: str


@dataclass(frozen=True)
class Status:
    """Whether the process is alive, or ready."""

    status: str
    artifact: str | None = None


@dataclass(frozen=True)
class ErrorDetail:
    """What went wrong, in one sentence."""

    kind: str
    message: str
    status: int
    request_id: str


@dataclass(frozen=True)
class ErrorResponse:
    """The one shape of every error."""

    error: ErrorDetail = field()
