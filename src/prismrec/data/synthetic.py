"""Worlds with a known answer: what a model must learn from them is known beforehand.

    log, items = open_world("synthetic:many-taste?users=3000&events=13&seed=0")
    log, items = World("many-taste", users=3000, events=13).draw()

Items lie in clusters. A user has tastes, each a cluster, and takes every event from one of them
at random; nothing else tells items apart. An item's cluster is its category, so that the true
taste behind every event is known. Several interests must win on ``many-taste``, must not lose on
``one-taste``, and on ``noise`` nothing may beat popularity.
"""

from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.events import EventLog
from prismrec.data.items import ItemDescriptions
from prismrec.errors import ConfigError, UnknownName

PREFIX = "synthetic:"
WORLDS = {"many-taste": 2, "one-taste": 1, "noise": 0}
"""Names, and the tastes of a user unless told; 0: every cluster."""

MINUTE = 60_000_000  # microseconds
START = 1_577_836_800_000_000  # 2020-01-01 UTC in microseconds


@dataclass(frozen=True)
class World:
    """A synthetic world; frozen, and the same events for the same values."""

    name: str
    """A key of ``WORLDS``."""
    users: int = 3_000
    """Users, numbered from 0 in the order in which they appear."""
    items: int = 256
    """Items in all, a multiple of ``clusters``."""
    clusters: int = 32
    """Clusters of equal size; item i is of cluster i // (items / clusters)."""
    events: int = 13
    """Events a user."""
    tastes: int | None = None
    """Clusters a user takes from, for ``many-taste`` alone; 2 if not given."""
    zipf: float = 0.0
    """Popularity within a cluster: the r-th item has weight r ** -zipf; 0 is uniform."""
    seed: int = 0
    """Of everything that is drawn."""

    def __post_init__(self) -> None:
        """Refuse a world that cannot be, and say what would do."""
        if self.name not in WORLDS:
            raise UnknownName.among("synthetic world", self.name, WORLDS)
        for name in ("users", "items", "clusters", "events"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1.")
        if self.seed < 0:
            raise ConfigError(f"seed is {self.seed}; it must be 0 or more.")
        if self.items % self.clusters:
            nearest = max(self.items // self.clusters, 1) * self.clusters
            raise ConfigError(
                f"{self.items} items do not divide among {self.clusters} clusters; "
                f"take {nearest} or {nearest + self.clusters} items."
            )
        if self.tastes is not None and self.name != "many-taste":
            raise ConfigError(
                f"tastes is {self.tastes}, but the world {self.name!r} fixes it; "
                "leave tastes out or take 'many-taste'."
            )
        if not 0 <= self.zipf < np.inf or not 1 <= self.tastes_of_a_user <= self.clusters:
            raise ConfigError(
                f"zipf is {self.zipf} and a user has {self.tastes_of_a_user} tastes; zipf must "
                f"be finite and not negative, tastes between 1 and the {self.clusters} clusters."
            )

    @property
    def tastes_of_a_user(self) -> int:
        """Clusters that each user takes from."""
        return (WORLDS[self.name] or self.clusters) if self.tastes is None else self.tastes

    def draw(self) -> tuple[EventLog, ItemDescriptions]:
        """Draw the events, in the order of time, and describe the items.

        Cost: O(users · (events + tastes²)) time; about 60 bytes an event while it is drawn.
        """
        rng = np.random.default_rng(self.seed)
        shape = (self.events, self.users)  # every user's first event, then every second one, …
        user = np.broadcast_to(np.arange(self.users), shape)
        own = _distinct(rng, self.users, self.tastes_of_a_user, self.clusters)
        cluster = own[user, rng.integers(self.tastes_of_a_user, size=shape)]
        size = self.items // self.clusters
        item = cluster * size + _zipf(rng, shape, size, self.zipf)
        rows = self.users * self.events
        time = START + MINUTE * np.arange(rows)
        frame = pl.DataFrame({"user": user.reshape(-1), "item": item.reshape(-1), "time": time})
        log = EventLog(frame=frame.lazy(), rows_read=rows, rows_kept=rows, source=str(self))
        return log, ItemDescriptions(self._items(size))

    def _items(self, size: int) -> pl.DataFrame:
        number = pl.int_range(self.items, eager=True).alias("item").to_frame()
        cluster = (pl.col("item") // size).cast(pl.String)
        return number.select(
            pl.col("item").cast(pl.String),
            title=pl.format("Item {} of cluster {}", pl.col("item") % size + 1, cluster),
            categories=pl.concat_list("cluster " + cluster),
        )

    def __str__(self) -> str:
        values = ((f.name, getattr(self, f.name)) for f in fields(self) if f.name != "name")
        options = "&".join(f"{name}={value}" for name, value in values if value is not None)
        return f"{PREFIX}{self.name}?{options}"


def open_world(spec: str) -> tuple[EventLog, ItemDescriptions]:
    """Draw the world that a name such as ``synthetic:noise?users=500&zipf=1.1`` stands for.

    Raises:
        UnknownName: No such world.
        ConfigError: A key that no world has, or a value that is not a number.
    """
    name, _, query = spec.removeprefix(PREFIX).partition("?")
    kinds = {f.name: f.type for f in fields(World) if f.name != "name"}
    options: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in kinds:
            raise ConfigError(f"{spec!r} has the key {key!r}; a world takes: {', '.join(kinds)}.")
        try:
            options[key] = float(text) if kinds[key] is float else int(text)
        except ValueError as error:
            number = "a number" if kinds[key] is float else "a whole number"
            raise ConfigError(f"{spec!r} has {key}={text!r}; give {number}.") from error
    return World(name, **options).draw()


def _distinct(rng: np.random.Generator, rows: int, size: int, among: int) -> NDArray[np.int64]:
    """Draw ``[rows, size]`` numbers below ``among``, distinct within a row, uniformly.

    The j-th is drawn among those left and then stepped past the ones taken, smallest first.
    """
    if size == among:
        return np.broadcast_to(np.arange(among), (rows, among))
    taken = np.empty((rows, size), dtype=np.int64)
    for j in range(size):
        drawn = rng.integers(among - j, size=rows)
        for i in range(j):
            drawn += drawn >= taken[:, i]
        taken[:, j] = drawn
        taken[:, : j + 1].sort(axis=1)
    return taken


def _zipf(
    rng: np.random.Generator, shape: tuple[int, int], size: int, power: float
) -> NDArray[np.int64]:
    """Draw ranks from 0, each ``r`` with weight ``(r + 1) ** -power``."""
    if power == 0:
        return rng.integers(size, size=shape)
    below = np.cumsum(np.arange(1, size + 1, dtype=np.float64) ** -power)
    return np.searchsorted(below / below[-1], rng.random(shape), side="right")
