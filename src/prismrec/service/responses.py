"""Responses: dataclasses that are sent as they are.

A list is ``recommend.Answer`` with the name of the artifact. The OpenAPI document and the types of
the page are generated from these classes.
"""

from dataclasses import dataclass
from typing import Any, Literal

from prismrec.recommend import Answer, Interest, SimilarItem


@dataclass(frozen=True, kw_only=True)
class ServedAnswer(Answer):
    """A list of recommended items, how it was made, and the artifact that made it."""

    artifact: str


@dataclass(frozen=True)
class Answers:
    """One answer per request, in the same order."""

    answers: list[ServedAnswer]


@dataclass(frozen=True)
class StoredEvents:
    """Number of new events, and of events that were stored before."""

    stored: int
    duplicates: int


@dataclass(frozen=True)
class StoredEvent:
    """A stored event."""

    id: str
    item: str
    title: str
    time: int
    """Microseconds since 1970 UTC."""
    known: bool
    """Whether the item is in the catalog."""


@dataclass(frozen=True)
class History:
    """The newest events of a user, newest last."""

    user: str
    events: list[StoredEvent]


@dataclass(frozen=True)
class UserInterests:
    """The interests of a user."""

    user: str
    artifact: str
    interests: list[Interest]


@dataclass(frozen=True)
class ErasedUser:
    """Number of erased events."""

    forgotten: int


@dataclass(frozen=True)
class Example:
    """A user of the data set."""

    user: str
    events: int
    spread: float | None
    """1 - the largest share of one interest in the user's list of 20 items with neutral options:
    0.5 or more if the interests mix, 0 with a single interest; null if it was not measured."""
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
    """Number of events of the item in the training data set."""
    hidden: bool
    provisional: bool
    image: str | None = None
    """Address of a picture, from the items file; null unless the operator allows its host."""


@dataclass(frozen=True)
class CatalogItems:
    """Items of the catalog."""

    items: list[CatalogItem]


@dataclass(frozen=True)
class SimilarItems:
    """The items nearest to an item."""

    item: str
    artifact: str
    items: list[SimilarItem]


@dataclass(frozen=True)
class AddedItems:
    """Number of items that were added or changed."""

    items: int


@dataclass(frozen=True)
class HiddenItems:
    """Number of items that are hidden now."""

    hidden: int


@dataclass(frozen=True)
class MapLabel:
    """A region of the map, named by the category that its items have most more often."""

    category: str
    x: float
    y: float
    items: int
    """Number of items of this category in the region, of those that the labels are made from."""


@dataclass(frozen=True)
class CatalogMap:
    """Items on the map; ``category`` is a position in ``categories``, or -1."""

    ids: list[str]
    titles: list[str]
    x: list[float]
    y: list[float]
    category: list[int]
    categories: list[str]
    total: int
    """Number of items that are not hidden."""
    sampled: int
    """Number of these on the map by their popularity; the items after them were asked for."""
    labels: list[MapLabel]
    """At most one per region, the most certain first."""


@dataclass(frozen=True)
class IndexInfo:
    """The index of an artifact."""

    kind: str
    exact: bool
    reason: str | None = None
    """Why this kind was chosen."""


@dataclass(frozen=True, kw_only=True)
class ArtifactInfo:
    """A served artifact."""

    artifact: str
    extractor: str
    interests: int
    """Largest number of interests of a history."""
    dim: int
    items: int
    categories: list[str]
    index: IndexInfo
    about: dict[str, Any]
    """The part ``about`` of the manifest: run, result and data set of the training."""


@dataclass(frozen=True, kw_only=True)
class ServedArtifacts(ArtifactInfo):
    """The artifact that answers, and the artifact to compare with, if there is one."""

    compare_with: ArtifactInfo | None = None


StartSource = Literal["example", "stored", "history", "none"]


@dataclass(frozen=True)
class HistoryItem:
    """An item of a history; its title is its id if it is not in the catalog."""

    id: str
    title: str
    known: bool
    """Whether the item is in the catalog."""
    time: int | None = None
    """Microseconds since 1970 UTC; null unless the event is stored."""


@dataclass(frozen=True, kw_only=True)
class Start:
    """What the page needs before its first list, and the list."""

    artifact: ServedArtifacts
    examples: list[Example]
    """Users of the data set, those whose interests mix most in their list first."""
    user: str | None
    """The user whose history it is; null for a history of the request, or without examples."""
    source: StartSource
    """Where ``base`` comes from: the data set, the store, the request, or nowhere."""
    base: list[HistoryItem]
    """The history before ``removed`` and ``appended`` of the request."""
    history: list[HistoryItem]
    """The history that the list belongs to, oldest first."""
    answer: ServedAnswer


@dataclass(frozen=True)
class Latency:
    """Times of the newest recommendations, in milliseconds."""

    p50: float | None
    p99: float | None
    requests: int


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The first lines of the health report; a part is null if nothing measured it."""

    interests_used_median: float | None = None
    """Number of interests that items of the list belong to: the median user."""
    largest_share_median: float | None = None
    """Share of the list that belongs to its largest interest: the median user."""
    metric: str | None = None
    """The metric of the next fields, for example recall@50."""
    recall: float | None = None
    """Recall of the model on test users, items of the history left out."""
    recall_single: float | None = None
    """Recall of the same model with one interest."""
    difference: float | None = None
    """``recall`` - ``recall_single``, user by user."""
    interval: float | None = None
    """Half the width of the 95 % interval of ``difference``."""
    level: bool | None = None
    """Whether ``difference`` is within its interval of 0."""


@dataclass(frozen=True)
class HealthReport:
    """Verdict, diagnostics of the model, evaluation report, latency and warnings."""

    verdict: Verdict | None
    """Null without diagnostics and report."""

    diagnostics: dict[str, Any] | None
    report: dict[str, Any] | None
    latency: Latency
    notes: list[str]


@dataclass(frozen=True)
class ReloadedArtifact:
    """The artifact that answers now, and the previous one."""

    artifact: str
    was: str


@dataclass(frozen=True)
class Status:
    """Whether the process is alive, or ready to answer."""

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

    error: ErrorDetail
