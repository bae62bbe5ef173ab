"""The service without HTTP: an artifact, a store, the changes of the catalog, threads."""

import json
import logging
import os
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any
from uuid import uuid4

from prismrec.data.storage import load_dataset, load_split
from prismrec.diagnostics import diagnose
from prismrec.errors import ConfigError, DataError, PrismrecError
from prismrec.new_items import NewItem
from prismrec.service import answers
from prismrec.service.changes import Journal
from prismrec.service.metrics import Metrics
from prismrec.service.schemas import EventIn, ItemIn, RecommendRequest
from prismrec.service.settings import Places, Settings
from prismrec.service.state import Served, example_users
from prismrec.stores import Event, Store

log = logging.getLogger("prismrec.service")
DIAGNOSED = 200
"""Users of the data set on whom the interests are diagnosed."""


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
        self.metrics = Metrics()
        self.journal, self.lock = Journal(places.journal), threading.Lock()
        self.private = Path(tempfile.gettempdir()) / f"prismrec-{os.getuid()}"
        self.private.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.changes = self.journal.new()
        self.main = Served.open(places.artifact, self.private).changed(self.changes)
        beside = places.beside
        self.beside = Served.open(beside, self.private).changed(self.changes) if beside else None
        self.opened = time.monotonic()
        self._examples: list[dict[str, Any]] | None = None
        self._diagnosed: tuple[str, dict[str, Any]] | None = None

    def served(self, *, beside: bool = False) -> Served:
        """Give what answers now, with every change that any process made.

        Raises:
            ConfigError: There is no second artifact.
        """
        with self.lock:
            new = self.journal.new()
            if new:
                self._follow(new)
            chosen = self.beside if beside else self.main
        if chosen is None:
            raise ConfigError(
                "The request asks for the second artifact, and none is served; start with --beside."
            )
        return chosen

    def _follow(self, new: Sequence[dict[str, Any]]) -> None:
        self.changes = [*self.changes, *new]
        if any(change.get("kind") == "reload" for change in new):
            try:
                self._open()
            except PrismrecError as error:
                log.error("reload refused", extra={"told": {"reason": str(error)}})
            else:
                return
        self.main = self.main.changed(new)
        self.beside = self.beside.changed(new) if self.beside else None

    def _open(self) -> None:
        """Open the artifacts anew, with all changes, and let them answer together."""
        main = Served.open(self.places.artifact, self.private).changed(self.changes)
        beside = self.places.beside
        second = Served.open(beside, self.private).changed(self.changes) if beside else None
        self.main, self.beside, self.opened = main, second, time.monotonic()

    def reload(self) -> dict[str, Any]:
        """Open the artifact that is at its place now; other processes follow.

        Raises:
            DataError: It cannot be opened; the one before answers on.
        """
        served = self.served()
        opened = Served.open(self.places.artifact, self.private)
        self.journal.append({"kind": "reload", "artifact": opened.name})
        return {"artifact": self.served().name, "was": served.name}

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
        except PrismrecError as error:
            stored = {}
            found = {place: error for place, one in enumerate(asked) if one.user is not None}
        groups: dict[str, list[int]] = defaultdict(list)
        for place, one in enumerate(asked):
            if place not in found:
                groups[answers.likeness(one)].append(place)
        for places in groups.values():
            told = self._answer_alike([asked[place] for place in places], stored)
            found |= dict(zip(places, told, strict=True))
        return [found[place] for place in range(len(asked))]

    def _answer_alike(
        self, alike: Sequence[RecommendRequest], stored: Mapping[str, Sequence[str]]
    ) -> Sequence[dict[str, Any] | Exception]:
        """Answer requests of one likeness, or say to all of them why not."""
        histories = [[*stored.get(one.user or "", ()), *(one.history or ())] for one in alike]
        try:
            served = self.served(beside=alike[0].beside)
            told = answers.recommended(served, histories, alike)
        except PrismrecError as error:
            return [error] * len(alike)
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
        now = time.time_ns() // 1_000
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
            numbers = catalog.items.index(name for name in names if name in catalog.items).tolist()
        else:
            numbers = answers.searched(served, search, limit)
        return {"items": answers.described(served.recommender, numbers)}

    def add(self, items: Sequence[ItemIn]) -> dict[str, Any]:
        """Add items, for every process and over a restart.

        Raises:
            DataError: Nothing places one of them; none is added then.
        """
        told = [item.model_dump() for item in items]
        self.served().recommender.add([NewItem(**item) for item in told])  # or it is refused
        self.journal.append({"kind": "add", "items": told})
        self.served()
        return {"items": len(items)}

    def hide(self, names: Sequence[str], *, kind: str) -> dict[str, Any]:
        """Hide or unhide items, for every process and over a restart."""
        self.journal.append({"kind": kind, "items": list(names)})
        return {"hidden": len(self.served().recommender.hidden)}

    def map(self, limit: int) -> dict[str, Any]:
        """Place items on the plane."""
        return answers.mapped(self.served(), limit)

    def artifact(self) -> dict[str, Any]:
        """Say what answers."""
        beside = self.beside.described() if self.beside else None
        return self.served().described() | {"beside": beside}

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
        return {"users": found[:limit]}

    def health_report(self) -> dict[str, Any]:
        """Say how the model and the service do; the first call diagnoses the interests."""
        served = self.served()
        data = self.places.data
        if data and (self._diagnosed is None or self._diagnosed[0] != served.name):
            self._diagnosed = served.name, _diagnosed(served, data)
        found = self._diagnosed[1] if self._diagnosed else None
        notes = [*self.metrics.notes(), *(found or {}).get("notes", [])]
        return {
            "diagnostics": found,
            "report": served.manifest["about"].get("result"),
            "latency": self.metrics.latency(),
            "notes": notes,
        }

    def age(self) -> float:
        """Give the seconds since the artifact was opened."""
        return time.monotonic() - self.opened

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def _diagnosed(served: Served, data: Path) -> dict[str, Any]:
    """Diagnose the interests on users of validation."""
    cases = load_split(data, load_dataset(data)).valid[:DIAGNOSED]
    try:
        return dict(json.loads(diagnose(served.recommender, cases).to_json()))
    except DataError as error:
        return {"notes": [str(error)]}


def hash_of(name: str, seed: int) -> int:
    """Give a number that puts names in an order drawn by a seed, the same everywhere."""
    return int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=8).digest())
