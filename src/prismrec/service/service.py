"""The service without HTTP: an artifact, a store, the changes of the catalog, threads."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Literal
from uuid import uuid4

from prismrec.errors import ConfigError, PrismrecError, StoreError
from prismrec.recommend import known
from prismrec.service import answers
from prismrec.service.artifact_copy import private_folder
from prismrec.service.changes import Added, AddedItem, Change, Journal, Marked, Reloaded
from prismrec.service.health import diagnosed, report_in
from prismrec.service.loaded_artifact import Served, example_users, with_items
from prismrec.service.metrics import Metrics
from prismrec.service.schemas import EventIn, ItemIn, RecommendRequest
from prismrec.service.settings import Places, Settings
from prismrec.service.stores import Event, Store

log = logging.getLogger("prismrec.service")
BACK = 3_600_000_000
"""Microseconds by which a clock may go back and events keep their order."""


class Service:
    """Answers, events and changes; every method may be called from any thread.

    Args:
        places: What is served.
        store: Where events are.
        settings: How.

    Raises:
        DataError: An artifact cannot be opened.
    """

    def __init__(self, places: Places, store: Store, settings: Settings) -> None:
        self.places, self.store, self.settings = places, store, settings
        self.metrics, self.arrivals = Metrics(), Arrivals()
        self.journal, self.lock = Journal(places.journal), threading.Lock()
        self.reloading = threading.Lock()
        self.private = private_folder()
        self.changes = self.journal.new()
        self._take(*self._opened())
        self.opened = time.monotonic()
        self.own: set[str] = set()
        self._examples: list[dict[str, Any]] | None = None
        self._diagnosed: tuple[str, dict[str, Any]] | None = None

    def served(self, *, beside: bool = False) -> Served:
        """Give what answers now, with every change that any process made.

        Raises:
            ConfigError: There is no second artifact.
        """
        main, second = self.both()
        return chosen(main, second, beside=beside)

    def both(self) -> tuple[Served, Served | None]:
        """Give both artifacts as they answer together."""
        with self.lock:
            new = self.journal.new()
            if self.journal.anew:
                self.changes = []
                self._take(*self.plain)
            if new:
                self._follow(new)
            return self.main, self.beside

    def _take(self, main: Served, beside: Served | None) -> None:
        """Let artifacts answer from now on, as they were opened and with every change."""
        self.plain = main, beside
        self.main = main.changed(self.changes)
        self.beside = beside.changed(self.changes) if beside else None

    def _follow(self, new: Sequence[Change]) -> None:
        """Take up changes; an artifact that another process reloaded is opened meanwhile."""
        self.changes = [*self.changes, *new]
        self.main = self.main.changed(new)
        self.beside = self.beside.changed(new) if self.beside else None
        reloads = [change for change in new if isinstance(change, Reloaded)]
        if [change for change in reloads if change.id not in self.own]:
            threading.Thread(target=self._reload_too, daemon=True).start()

    def _opened(self) -> tuple[Served, Served | None]:
        """Open the artifacts that are at their places now."""
        beside = self.places.beside
        main = Served.open(self.places.artifact, self.private)
        return main, Served.open(beside, self.private) if beside else None

    def _swap(self) -> str:
        """Open the artifacts anew and let them answer, together; give the name before.

        Nobody waits while they are opened.

        Raises:
            DataError: One cannot be opened; those before answer on.
        """
        try:
            main, beside = self._opened()
        except PrismrecError:
            self.metrics.reloads.labels("refused").inc()
            raise
        with self.lock:
            was = self.main.name
            self._take(main, beside)
            self.opened = time.monotonic()
        self.metrics.reloads.labels("done").inc()
        return was

    def reload(self) -> dict[str, Any]:
        """Open the artifact that is at its place now; other processes follow.

        Raises:
            DataError: It cannot be opened; the one before answers on.
        """
        with self.reloading:
            was = self._swap()
            name, mark = self.main.name, uuid4().hex
            self.own.add(mark)
            self.journal.append(Reloaded(artifact=name, id=mark))
        return {"artifact": name, "was": was}

    def _reload_too(self) -> None:
        """Follow another process's reload."""
        try:
            with self.reloading:
                self._swap()
        except PrismrecError as error:
            log.error("reload refused", extra={"told": {"reason": str(error)}})

    def recommend_many(self, asked: Sequence[RecommendRequest]) -> dict[str, Any]:
        """Answer several, or none of them if one cannot be answered."""
        found = self.recommend_group(asked)
        for one in found:
            if isinstance(one, Exception):
                raise one
        return {"answers": found}

    def recommend_group(
        self, asked: Sequence[RecommendRequest]
    ) -> list[dict[str, Any] | Exception]:
        """Answer each request, from the events of its user and the history given, or say why not.

        Requests that are alike are computed together, and all stored events read at once.
        """
        found: dict[int, dict[str, Any] | Exception] = {}
        try:
            stored = self._stored([one.user for one in asked if one.user is not None])
        except StoreError as error:
            stored = {}
            found = {place: error for place, one in enumerate(asked) if one.user is not None}
        groups: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(asked):
            if place not in found:
                groups[answers.likeness(one)].append(place)
        both = self.both()  # once: a reload in between does not mix two artifacts in one answer
        for places in groups.values():
            told = self._answer_alike([asked[place] for place in places], stored, both)
            found |= dict(zip(places, told, strict=True))
        return [found[place] for place in range(len(asked))]

    def _answer_alike(
        self,
        alike: Sequence[RecommendRequest],
        stored: Mapping[str, Sequence[str]],
        both: tuple[Served, Served | None],
    ) -> Sequence[dict[str, Any] | Exception]:
        """Answer requests of one likeness, or say why not to whoever cannot be answered."""
        histories = [[*stored.get(one.user or "", ()), *(one.history or ())] for one in alike]
        try:
            served = chosen(*both, beside=alike[0].beside)
            told = answers.recommended(served, histories, alike)
        except PrismrecError as error:
            if len(alike) == 1:
                return [error]
            return [self._answer_alike([one], stored, both)[0] for one in alike]
        for answer in told:
            self.metrics.listed(answer)
        return told

    def _stored(self, users: Sequence[str]) -> dict[str, list[str]]:
        """Give the items of some users' stored events, oldest first."""
        names = list(dict.fromkeys(users))
        if not names:
            return {}
        events = self.store.recent_many(names, self.settings.history)
        return {
            name: [event.item for event in own] for name, own in zip(names, events, strict=True)
        }

    def history_of(self, user: str) -> list[str]:
        """Give the items of a user's stored events, oldest first."""
        return self._stored([user])[user]

    def record(self, events: Sequence[EventIn]) -> dict[str, Any]:
        """Store events; they are safe when this returns."""
        now = self.arrivals.now()
        stored = self.store.append(
            Event(e.user, e.item, now if e.time is None else e.time, e.id or uuid4().hex)
            for e in events
        )
        found = {"stored": stored, "duplicates": len(events) - stored}
        for kind, count in found.items():
            self.metrics.events.labels(kind).inc(count)
        return found

    def history(self, user: str, n: int) -> dict[str, Any]:
        """Give a user's newest events with titles."""
        catalog = self.served().recommender.catalog
        events = []
        for event in self.store.recent(user, n):
            there = event.item in catalog.items
            title = (
                catalog.title(int(catalog.items.index([event.item])[0])) if there else event.item
            )
            events.append(
                {"id": event.id, "item": event.item, "title": title, "time": event.time,
                 "known": there}
            )  # fmt: skip
        return {"user": user, "events": events}

    def interests(self, user: str) -> dict[str, Any]:
        """Give the interests of a user's events."""
        served = self.served()
        found = answers.interests_of(served, self.history_of(user))
        return {"user": user, "artifact": served.name, "interests": found}

    def similar(self, item: str, k: int) -> dict[str, Any]:
        """Give items near another one."""
        served = self.served()
        found = [vars(near) for near in served.recommender.similar(item, k)]
        return {"item": item, "artifact": served.name, "items": found}

    def items(self, names: Sequence[str], search: str, limit: int) -> dict[str, Any]:
        """Give items by id, or by title."""
        served = self.served()
        catalog = served.recommender.catalog
        if names:
            numbers = known(names, catalog).tolist()
        else:
            numbers = answers.searched(served, search, limit)
        return {"items": answers.described(served.recommender, numbers)}

    def add(self, items: Sequence[ItemIn]) -> dict[str, Any]:
        """Add items, for every process and over a restart.

        Raises:
            DataError: Nothing places one of them; none is added then.
        """
        told = [AddedItem(**item.model_dump()) for item in items]
        with_items(self.served().recommender, told)  # or it is refused
        self.journal.append(Added(items=told))
        self.served()
        return {"items": len(items)}

    def hide(self, names: Sequence[str], *, kind: Literal["hide", "unhide"]) -> dict[str, Any]:
        """Hide or unhide items, for every process and over a restart."""
        self.journal.append(Marked(kind=kind, items=list(names)))
        return {"hidden": len(self.served().recommender.hidden)}

    def map(self, limit: int) -> dict[str, Any]:
        """Place items on the plane."""
        return answers.mapped(self.served(), limit)

    def artifact(self) -> dict[str, Any]:
        """Say what answers."""
        main, second = self.both()
        return main.described() | {"beside": second.described() if second else None}

    def examples(self, search: str, order: str, seed: int, limit: int) -> dict[str, Any]:
        """Give users of the data set: by name, at random, or of the most different interests."""
        if self._examples is None:
            data = self.places.data
            self._examples = example_users(self.main.recommender, data) if data else []
        found = [user for user in self._examples if search in user["user"]]
        if order == "different":
            found = sorted(found, key=lambda user: -user["spread"])
        else:
            found = sorted(found, key=lambda user: hash_of(user["user"], seed))
        if search:  # a name asked for comes first, then those that begin so
            found.sort(key=lambda u: (u["user"] != search, not u["user"].startswith(search)))
        return {"users": found[:limit]}

    def health_report(self) -> dict[str, Any]:
        """Say how the model and the service do; the first call diagnoses the interests."""
        served = self.served()
        data = self.places.data
        if data and (self._diagnosed is None or self._diagnosed[0] != served.name):
            self._diagnosed = served.name, diagnosed(served.recommender, data)
        found = self._diagnosed[1] if self._diagnosed else None
        notes = [*self.metrics.notes(), *(found or {}).get("notes", [])]
        return {
            "diagnostics": found,
            "report": report_in(self.places.report) or served.manifest["about"].get("result"),
            "latency": self.metrics.latency(),
            "notes": notes,
        }

    def ready(self) -> str:
        """Give the artifact's name if answers can be given now.

        Raises:
            StoreError: The store does not answer, or the file of changes cannot be read.
        """
        self.store.ping()
        return self.served().name

    def age(self) -> float:
        """Give the seconds since the artifact was opened."""
        return time.monotonic() - self.opened

    def index_age(self) -> float:
        """Give the seconds since the artifact was written."""
        return max(time.time() - self.main.copy.made, 0.0)

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def chosen(main: Served, second: Served | None, *, beside: bool) -> Served:
    """Give one of two artifacts.

    Raises:
        ConfigError: There is no second one.
    """
    if not beside:
        return main
    if second is None:
        raise ConfigError(
            "The request asks for the second artifact, and none is served; start with --beside."
        )
    return second


class Arrivals:
    """The moment of arrival, which a clock that is set back does not turn round.

    Args:
        clock: Nanoseconds since 1970.
    """

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self.clock, self.last, self.lock = clock, 0, threading.Lock()

    def now(self) -> int:
        """Give microseconds since 1970, never less than just before.

        Were they less, a new event would stand before older ones. A clock that goes back by more
        than an hour was wrong before; it is believed now.
        """
        with self.lock:
            now = self.clock() // 1_000
            if not 0 < self.last - now < BACK:
                self.last = now
            return self.last


def hash_of(name: str, seed: int) -> int:
    """Give a number that puts names in an order drawn by a seed, the same everywhere."""
    return int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=8).digest())
