"""Responses: dataclasses that are sent as they are.

A list is ``recommend.Answer`` with the name of the artifact. The OpenAPI document and the types of
the page are generated from these classes and those of ``page_responses``.
"""

from dataclasses import dataclass, field
from typing import Any

import orjson
from fastapi import Response

from prismrec.recommend import Answer, Interest, SimilarItem


@dataclass(frozen=True, kw_only=True)
class ServedAnswer(Answer):
    """A list of recommended items, how it was made, and the artifact that made it."""

    artifact: str


@dataclass(frozen=True)
class Answers:
    """One answer per request, in the same order."""

    answers: list[ServedAnswer]


@dataclass(frozen=True, kw_only=True)
class VariantAnswer(ServedAnswer):
    """An answer while an experiment runs."""

    variant: str | None
    """Variant of the user; null for a request without a user."""


@dataclass(frozen=True)
class VariantAnswers:
    """One answer per request, in the same order, while an experiment runs."""

    answers: list[VariantAnswer]


@dataclass(frozen=True)
class StoredEvents:
    """Number of new events, and of events that were stored before."""

    stored: int
    duplicates: int


@dataclass(frozen=True)
class StoredFeedback(StoredEvents):
    """The same for events of which at least one has a kind or a value."""

    dislikes: int
    """Number of events that are dislikes, by the rules of the artifact."""
    unknown_kinds: int
    """Number of events of a kind that the artifact does not know; it has no effect."""


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
    kind: str | None = None
    value: float | None = None
    disliked: bool = False
    """Whether the event is a dislike, and so no part of the history of the model."""


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
class MergedUser:
    """The number of events that a user got from an anonymous one."""

    merged: int


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
    attributes: dict[str, bool | float | str | list[str] | None] = field(default_factory=dict)
    """The value of each attribute; null for no value."""


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
class UpdatedItems:
    """Items whose attributes were changed."""

    items: int
    """Number of changed items of the catalog."""
    unknown: list[str]
    """Ids that the catalog does not hold. Their values are kept for an artifact that has them."""


@dataclass(frozen=True)
class HiddenItems:
    """Items that were hidden or unhidden."""

    hidden: int
    """Number of items that are hidden now."""
    changed: list[str]
    """Ids of the catalog that the request hid or unhid. The others were so before."""
    unknown: list[str]
    """Ids that the catalog does not hold. They are hidden or unhidden in an artifact that has
    them."""


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
    attributes: dict[str, str]
    """Type by name: number, boolean, text or set."""
    index: IndexInfo
    about: dict[str, Any]
    """The part ``about`` of the manifest: run, result and data set of the training."""


@dataclass(frozen=True, kw_only=True)
class ServedArtifacts(ArtifactInfo):
    """The artifact that answers, and the artifact to compare with, if there is one."""

    compare_with: ArtifactInfo | None = None


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


def reply(content: object) -> Response:
    """Return a response dataclass as JSON, without validating it again."""
    # The options of an answer hold weights by the number of their interest.
    body = orjson.dumps(content, option=orjson.OPT_NON_STR_KEYS)
    return Response(body, media_type="application/json")
