"""Synthetic data sets with a known structure, to test what a model learns.

    log, items = open_world("synthetic:many-taste?users=3000&events=13&seed=0")
    log, items = World("many-taste", users=3000, events=13).draw()

Each item belongs to a cluster. A user has one or more tastes; each taste is a cluster, and each
event is a random item of one of them. The cluster of an item is its category, so the true taste of
every event is known. On ``many-taste``, a model with several interests must be better than one with
a single interest; on ``one-taste`` it must not be worse; on ``noise`` no model can be better than
popularity.
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
"""Names, and the default number of tastes per user; 0: every cluster."""

MINUTE = 60_000_000  # microseconds
START = 1_577_836_800_000_000  # 2020-01-01 UTC in microseconds


@dataclass(frozen=True)
class World:
    """A synthetic data set. Equal values produce the same events."""

    name: str
    """A key of ``WORLDS``."""
    users: int = 3_000
    """Number of users, numbered from 0 in the order of their first event."""
    items: int = 256
    """Number of items, a multiple of ``clusters``."""
    clusters: int = 32
    """Number of clusters of equal size; item i is in cluster i // (items / clusters)."""
    events: int = 13
    """Number of events per user."""
    tastes: int | None = None
    """Number of clusters per user, only for ``many-taste``. None: 2."""
    zipf: float = 0.0
    """Popularity within a cluster: item r has weight r ** -zipf; 0 is uniform."""
    seed: int = 0
    """Seed of all random draws."""

    def __post_init__(self) -> None:
        """Raise for impossible values, and propose possible ones."""
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
                f"use {nearest} or {nearest + self.clusters} items."
            )
        if self.tastes is not None and self.name != "many-taste":
            raise ConfigError(
                f"tastes is {self.tastes}, but is fixed in the world {self.name!r}; "
                "leave tastes out or use 'many-taste'."
            )
        if not 0 <= self.zipf < np.inf or not 1 <= self.tastes_per_user <= self.clusters:
            raise ConfigError(
                f"zipf is {self.zipf} and a user has {self.tastes_per_user} tastes; zipf must be "
                f"finite and not negative, tastes between 1 and the {self.clusters} clusters."
            )

    @property
    def tastes_per_user(self) -> int:
        """Number of clusters per user."""
        return (WORLDS[self.name] or self.clusters) if self.tastes is None else self.tastes

    def draw(self) -> tuple[EventLog, ItemDescriptions]:
        """Draw the events in time order; return them and the item descriptions.

        Cost: O(users · (events + tastes²)) time; about 60 bytes per event while drawing.
        """
        rng = np.random.default_rng(self.seed)
        shape = (self.events, self.users)  # the first event of every user, then the second one, …
        user = np.broadcast_to(np.arange(self.users), shape)
        tastes = _distinct(rng, self.users, self.tastes_per_user, self.clusters)
        cluster = tastes[user, rng.integers(self.tastes_per_user, size=shape)]
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
    """Draw the events and items of a name such as ``synthetic:noise?users=500&zipf=1.1``.

    Raises:
        UnknownName: Unknown world.
        ConfigError: Unknown key, or a value that is not a number.
    """
    name, _, query = spec.removeprefix(PREFIX).partition("?")
    kinds = {f.name: f.type for f in fields(World) if f.name != "name"}
    options: dict[str, Any] = {}
    for key, text in parse_qsl(query, keep_blank_values=True):
        if key not in kinds:
            raise ConfigError(f"{spec!r} has an unknown key {key!r}; choose: {', '.join(kinds)}.")
        try:
            options[key] = float(text) if kinds[key] is float else int(text)
        except ValueError as error:
            number = "a number" if kinds[key] is float else "a whole number"
            raise ConfigError(f"{spec!r} has {key}={text!r}; give {number}.") from error
    return World(name, **options).draw()


def _distinct(rng: np.random.Generator, rows: int, size: int, limit: int) -> NDArray[np.int64]:
    """Draw ``[rows, size]`` numbers below ``limit`` uniformly, distinct within a row.

    Number j is drawn from ``limit - j`` values; it is then increased by one for each previous
    number of the row that is not larger, smallest first.
    """
    if size == limit:
        return np.broadcast_to(np.arange(limit), (rows, limit))
    drawn = np.empty((rows, size), dtype=np.int64)
    for j in range(size):
        number = rng.integers(limit - j, size=rows)
        for i in range(j):
            number += number >= drawn[:, i]
        drawn[:, j] = number
        drawn[:, : j + 1].sort(axis=1)
    return drawn


def _zipf(
    rng: np.random.Generator, shape: tuple[int, int], size: int, power: float
) -> NDArray[np.int64]:
    """Draw ranks from 0; rank r has weight ``(r + 1) ** -power``."""
    if power == 0:
        return rng.integers(size, size=shape)
    cumulative = np.cumsum(np.arange(1, size + 1, dtype=np.float64) ** -power)
    return np.searchsorted(cumulative / cumulative[-1], rng.random(shape), side="right")
