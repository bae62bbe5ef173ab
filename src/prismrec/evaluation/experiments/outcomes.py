"""What each user of an experiment did: how often lists were hit, and the number of later events."""

from dataclasses import dataclass

import polars as pl

from prismrec.data import EventLog
from prismrec.errors import DataError
from prismrec.evaluation.experiments.exposures import Exposures, hash_user
from prismrec.io import stage

SEVERAL = pl.col("variant").n_unique().over("user") > 1
"""Whether the user of a list had lists of several variants."""
DAY = 86_400
"""Seconds of a day."""


@dataclass(frozen=True)
class Outcomes:
    """One row per user, and what was left out."""

    users: pl.DataFrame
    """Columns ``user``, ``variant``, ``exposures`` (number of lists), ``hit_rate`` (share of the
    lists that were hit) and ``events`` (number of events after the first list)."""
    overridden: int
    """Lists of requests that set an option that the experiment varies; they are not counted."""
    users_of_several: int
    """Users with lists of several variants; they are left out."""
    users_with_events: int
    """Users of the experiment who have an event at any time, also only dislikes."""
    dislikes: int
    """Dislikes of these users; they are no hits."""
    unfinished: int
    """Counted lists whose window ends after the last event of the log."""
    only_dates: bool
    """Whether all times of the log are midnight, UTC."""


def measure_outcomes(
    exposures: Exposures, log: EventLog, secret: bytes, *, k: int, window: float
) -> Outcomes:
    """Measure the hit rate and the number of later events of each user.

    A list is hit if its user has an event on one of its first ``k`` items, after the list and at
    most ``window`` later. The hit rate of a user is the share of the user's lists that are hit.

    Args:
        exposures: The lists.
        log: Events of the same users, with times; dislikes are left out.
        secret: The secret with which the service hashed the users.
        k: Number of items of a list that count.
        window: Seconds after a list.

    Raises:
        DataError: The log has no times, or no list can be counted.

    Cost: O(lists · k + events) memory, and a sort of both.
    """
    counted = counted_lists(exposures, log)
    with stage("reading later events"):
        events = events_of(exposures.frame["user"], log, secret)
        dislikes = int(events["disliked"].sum())
        liked = events.filter(~pl.col("disliked"))
    time = pl.col("time")
    dates = (time % _micro(DAY) == 0).all()
    times = log.frame.select(time.max(), dates.alias("dates")).collect(engine="streaming")
    last, only_dates = times.row(0)
    return Outcomes(
        users=_per_user(counted, liked, k, window),
        overridden=int(exposures.frame["overridden"].sum()),
        users_of_several=exposures.frame.filter(SEVERAL)["user"].n_unique(),
        users_with_events=events["user"].n_unique(),
        dislikes=dislikes,
        unfinished=len(counted.filter(pl.col("time") > last - _micro(window))),
        only_dates=only_dates,
    )


def counted_lists(exposures: Exposures, log: EventLog) -> pl.DataFrame:
    """Return the lists that count: all but overridden ones, and those of users of several variants.

    Raises:
        DataError: The log has no times, or no list can be counted.
    """
    if not log.has_time:
        raise DataError(
            f"{log.source} has no times, so events cannot be assigned to lists; give a log with "
            "times."
        )
    counted = exposures.frame.filter(~SEVERAL).filter(~pl.col("overridden"))
    if counted.is_empty():
        raise DataError(
            f"No list of the experiment {exposures.experiment!r} can be counted: all were "
            "requested with options of their own, or their users had lists of several variants; "
            "collect more exposures."
        )
    return counted


def events_of(users: pl.Series, log: EventLog, secret: bytes) -> pl.DataFrame:
    """Return the events of users, in the order of the log.

    Returns:
        Columns user (hashed), item, time, and disliked: whether the event is a dislike.
    """
    frame = log.frame
    columns = frame.collect_schema()
    disliked = pl.col("disliked") if "disliked" in columns else pl.lit(value=False)
    text = frame.select(pl.col("user", "item").cast(pl.String), "time", disliked.alias("disliked"))
    names = text.select(pl.col("user").unique()).collect(engine="streaming")["user"].to_list()
    known = set(users.unique().to_list())
    hashed = ((name, hash_user(name, secret)) for name in names)
    pairs = [(name, user) for name, user in hashed if user in known]
    table = pl.DataFrame(pairs, schema={"user": pl.String, "hashed": pl.String}, orient="row")
    joined = text.join(table.lazy(), on="user", maintain_order="left")
    events = joined.collect(engine="streaming")
    return events.select(pl.col("hashed").alias("user"), "item", "time", "disliked")


def item_hits(lists: pl.DataFrame, events: pl.DataFrame, k: int, window: float) -> pl.DataFrame:
    """Return one row per item of each list: list, item, and whether it was hit.

    Args:
        lists: Columns list (a number), user, time and items.
        events: See ``events_of``; without dislikes.
        k: Number of items of a list that count.
        window: Seconds after a list in which an event on one of its items is a hit.
    """
    shown = lists.select("list", "user", "time", pl.col("items").list.head(k).alias("item"))
    found = (
        shown.explode("item")
        .sort("time")
        .join_asof(
            events.sort("time").with_columns(pl.col("time").alias("event_time")),
            on="time",
            by=["user", "item"],
            strategy="forward",
            tolerance=_micro(window),
            allow_exact_matches=False,
            check_sortedness=False,  # both are sorted by time
        )
    )
    return found.select("list", "item", pl.col("event_time").is_not_null().alias("hit"))


def _per_user(counted: pl.DataFrame, events: pl.DataFrame, k: int, window: float) -> pl.DataFrame:
    lists = counted.with_row_index("list")
    hits = item_hits(lists, events, k, window).group_by("list").agg(pl.col("hit").any())
    users = (
        lists.join(hits, on="list", how="left")
        .group_by("user")
        .agg(
            pl.col("variant").first(),
            pl.len().alias("exposures"),
            pl.col("hit").fill_null(value=False).mean().alias("hit_rate"),  # no items: no hit
            pl.col("time").min().alias("first"),
        )
    )
    later = (
        events.join(users.select("user", "first"), on="user")
        .filter(pl.col("time") > pl.col("first"))
        .group_by("user")
        .agg(pl.len().cast(pl.Float64).alias("events"))
    )
    users = users.join(later, on="user", how="left").with_columns(pl.col("events").fill_null(0.0))
    return users.drop("first").sort("user")


def _micro(seconds: float) -> int:
    return round(seconds * 1e6)
