"""What the page needs before its first list, as one answer: no request waits for another one.

The page of a new visitor has no history, so the service chooses an example user. The list itself is
made as every other list is; see ``routes``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, ValidationError

from prismrec.errors import ConfigError
from prismrec.service.checked_route import parse_json
from prismrec.service.examples import choose_example
from prismrec.service.insight import Insight
from prismrec.service.items import titles_of
from prismrec.service.loaded_artifact import LoadedArtifact, describe_both
from prismrec.service.page_responses import HistoryItem, Start, StartSource
from prismrec.service.responses import Example, ServedAnswer
from prismrec.service.schemas import MOST_IDS, Id, RecommendRequest
from prismrec.service.stores import MOST_DISLIKES, Event
from prismrec.service.strict import TEXT
from prismrec.service.users import StoredUser
from prismrec.service.versions import Versions

CANDIDATES = 60
"""Smallest number of example users from which the first one is chosen."""
Names = Annotated[list[str], Field(max_length=MOST_IDS)]


class StartQuery(BaseModel):
    """What the page asks for: the parts of its address."""

    user: Id | None = None
    """An example user, or a user with stored events; None to choose an example."""
    history: Names | None = None
    """Item ids, oldest first, instead of the user's history; an empty one is left out."""
    removed: Names = []
    """Items to leave out of the history, one occurrence per id, the newest first."""
    appended: Names = []
    """Items to append to the history."""
    options: Annotated[str, Field(max_length=20_000)] = ""
    """JSON: fields of a request for a list, without user and history."""
    examples: Annotated[int, Field(ge=0, le=200, strict=True), TEXT] = 20
    """Number of example users to offer."""


@dataclass(frozen=True)
class Prepared:
    """The answer without its list, and the request for the list."""

    fields: dict[str, Any]
    request: RecommendRequest
    artifacts: frozenset[str]
    """Names of the artifacts that ``fields`` describe."""

    def finish(self, answer: ServedAnswer) -> Start:
        """Return the whole answer."""
        return Start(**self.fields, answer=answer)


class Starter:
    """Prepares the first answer of the page.

    Args:
        versions: The artifacts that answer.
        insight: Has the example users.
    """

    def __init__(self, versions: Versions, insight: Insight) -> None:
        self.versions, self.insight = versions, insight

    def is_example(self, user: str) -> bool:
        """Return whether a user is an example user, whose history is not in the store."""
        return self.insight.example(self.versions.current(), user) is not None

    def prepare(self, query: StartQuery, stored: StoredUser) -> Prepared:
        """Return everything but the list.

        Args:
            query: What the page asks for.
            stored: What is stored of the user, if it is not an example user.

        Raises:
            ConfigError: ``options`` is not a JSON object.
            RequestValidationError: A field of ``options`` does not exist, or its value is wrong.
        """
        main, compared = self.versions.both()
        most = max(query.examples, CANDIDATES)
        offered = self.insight.examples(main, "", "different", 0, most).users
        user, source, base = self._base(main, query, offered, stored.events)
        dislikes = [name for name in stored.dislikes if name not in query.appended]
        history = _changed(base, query.removed, _items(main, query.appended))
        history = history[-MOST_IDS:]  # the newest that a request for a list may have
        fields = {
            "artifact": describe_both(main, compared),
            "examples": offered[: query.examples],
            "user": user,
            "source": source,
            "base": base,
            "history": history,
            "disliked": _stored_items(main, _newest_of(stored.events, dislikes)),
        }
        names = frozenset(served.name for served in (main, compared) if served)
        request = read_options(query.options, [one.id for one in history], dislikes)
        return Prepared(fields, request, names)

    def prepare_next(self) -> None:
        """Compute what the visitor may ask for next: search, map, further example users."""
        served = self.versions.current()
        served.warm_up()
        self.insight.measure_examples(served)

    def _base(
        self,
        main: LoadedArtifact,
        query: StartQuery,
        offered: Sequence[Example],
        stored: Sequence[Event],
    ) -> tuple[str | None, StartSource, list[HistoryItem]]:
        """Return the user, and where the history comes from, and the history."""
        if query.history is not None:
            return None, "history", _items(main, [name for name in query.history if name])
        user = query.user
        example = self.insight.example(main, user) if user else choose_example(offered)
        if example is not None:
            return example.user, "example", _items(main, example.history)
        if user is None:
            return None, "none", []
        return user, "stored", _stored_items(main, [one for one in stored if not one.disliked])


def read_options(
    text: str, history: Sequence[str], dislikes: Sequence[str] = ()
) -> RecommendRequest:
    """Return the request for the list of a history; with reasons unless ``explain`` is false.

    The stored dislikes are added to those of the options.

    Raises:
        ConfigError: The text is not a JSON object, or names a user or a history.
        ApiError: It has a field twice.
        RequestValidationError: A field does not exist, or its value is wrong.
    """
    try:
        options = parse_json(text or "{}")
    except (ValueError, RecursionError):
        options = None
    if not isinstance(options, dict) or options.keys() & {"user", "history"}:
        raise ConfigError(
            "options is not a JSON object of list options; send for example "
            'options={"k":10,"diversity":0.1}, without user and history.'
        )
    own = options.get("dislikes", [])
    if dislikes and isinstance(own, list):
        options["dislikes"] = list(dict.fromkeys(map(str, [*own, *dislikes])))[:MOST_DISLIKES]
    try:
        return RecommendRequest.model_validate({"explain": True, **options, "history": [*history]})
    except ValidationError as error:
        faults = [
            {**fault, "loc": ("query", "options", *fault["loc"])}
            for fault in error.errors(include_url=False, include_context=False)
        ]
        raise RequestValidationError(faults) from error


def _items(served: LoadedArtifact, names: Sequence[str]) -> list[HistoryItem]:
    """Return items of a history."""
    titles = titles_of(served.recommender.catalog, names)
    return [
        HistoryItem(id=name, title=title, known=known)
        for name, (title, known) in zip(names, titles, strict=True)
    ]


def _stored_items(served: LoadedArtifact, events: Sequence[Event]) -> list[HistoryItem]:
    """Return the items of stored events."""
    items = _items(served, [event.item for event in events])
    return [
        replace(item, time=event.time, kind=event.kind, value=event.value)
        for item, event in zip(items, events, strict=True)
    ]


def _newest_of(events: Sequence[Event], dislikes: Sequence[str]) -> list[Event]:
    """Return the newest dislike of each of these items."""
    newest = {event.item: event for event in events if event.disliked}
    return [newest[item] for item in dislikes if item in newest]


def _changed(
    base: Sequence[HistoryItem], removed: Sequence[str], appended: Sequence[HistoryItem]
) -> list[HistoryItem]:
    """Return a history without the removed items, and with the appended ones.

    Each id removes one occurrence, the newest, as the page does.
    """
    left, kept = Counter(removed), []
    for item in reversed(base):
        if left[item.id] > 0:
            left[item.id] -= 1
        else:
            kept.append(item)
    return [*reversed(kept), *appended]
