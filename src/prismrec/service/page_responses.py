"""Responses that only the page needs: its start, the map and the health report.

As in ``responses``, they are dataclasses that are sent as they are.
"""

from dataclasses import dataclass
from typing import Any, Literal

from prismrec.service.responses import Example, ServedAnswer, ServedArtifacts

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
    kind: str | None = None
    """The kind of the stored event, if it has one."""
    value: float | None = None


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
    disliked: list[HistoryItem]
    """The items that the user dislikes; the list is made with them."""
    answer: ServedAnswer


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
    model: str | None = None
    """Name of the entry of the evaluation report that the next fields are of."""
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
