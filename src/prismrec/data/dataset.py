"""A data set: dense ids, a catalog, and every user's history in time order.

    log = read_events("events.parquet")
    dataset = build_dataset(log, min_user_events=5, min_item_events=5)
    dataset.how["steps"]    # events, users and items after each step

A step may drop events and says how many; nothing is dropped in silence, and nothing depends on
how an id is spelt. Ids become numbers once, while the log is read; all else is arithmetic on
``int32`` codes, so that a log of 20 million events is built in about a gigabyte.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.catalog import Catalog
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap
from prismrec.errors import ConfigError, DataError

if TYPE_CHECKING:
    from prismrec.data.events import EventLog
    from prismrec.data.items import ItemDescriptions

Duplicates = Literal["keep", "drop-exact", "collapse-repeats"]
Columns = dict[str, NDArray[np.int32] | NDArray[np.int64]]
"""The events while they are worked on: ``user`` and ``item`` codes, ``time``; one row an event."""

BLOCK = 1 << 20  # numbers hashed or counted at a time: 8 MiB


@dataclass(frozen=True)
class Dataset:
    """What ``build_dataset`` makes of an event log.

    Users are numbered from 0 in the order in which the log first names them; items from 1 by
    falling count, ties in the order in which the log first names them.
    """

    users: IdMap
    catalog: Catalog
    histories: Histories
    how: Mapping[str, object]
    """Source, policies, and what each step dropped: what ``prepare`` prints."""

    @cached_property
    def fingerprint(self) -> str:
        """Identify ids and events: the SHA-256 of both, in hexadecimal.

        Two data sets of one fingerprint number the same users, items and events alike, so a
        model of the one may be evaluated on the other. Titles and categories do not count.

        Cost: one pass over ids and arrays, memory O(1).
        """
        digest = hashlib.sha256(self.ids_fingerprint.encode())
        for array in (self.histories.indptr, self.histories.items, self.histories.times):
            for block in _blocks(array):
                digest.update(block)
        return digest.hexdigest()

    @cached_property
    def ids_fingerprint(self) -> str:
        """Identify the numbering of users and items: the SHA-256 of the ids in order."""
        digest = hashlib.sha256()
        for ids in (self.users.ids, self.catalog.items.ids):
            digest.update(f"{len(ids)}\n".encode())
            for part in ids.to_frame().iter_slices(BLOCK):
                names = part.to_series()
                # Lengths first: ["ab", "c"] and ["a", "bc"] must not read the same.
                digest.update(names.str.len_bytes().to_numpy().astype("<u4").tobytes())
                digest.update("".join(names).encode())
        return digest.hexdigest()


def _blocks(array: NDArray[np.int64]) -> Iterator[bytes]:
    for start in range(0, len(array), BLOCK):
        yield array[start : start + BLOCK].astype("<i8").tobytes()


def k_core(
    users: NDArray[np.integer], items: NDArray[np.integer], *,
    min_user_events: int, min_item_events: int,
) -> NDArray[np.bool_]:  # fmt: skip
    """Say which events are left once every user and every item has enough of them.

    Dropping a rare item may leave a user with too few events, and the other way round, so both
    filters are applied until neither drops anything. What is left is the largest such set,
    whatever the order of the rounds.

    Args:
        users: One user number an event, from 0, dense enough to count in an array.
        items: One item number an event, likewise.
        min_user_events: Events that a user needs to stay.
        min_item_events: Events that an item needs to stay.

    Cost: O(E + users + items) time a round; real logs take 2 to 20 rounds, each on fewer rows.
    """
    kept = np.ones(len(users), dtype=np.bool_)
    while True:
        enough = (_count(users) >= min_user_events)[users]
        enough &= (_count(items) >= min_item_events)[items]
        if enough.all():
            return kept
        kept[kept] = enough
        users, items = users[enough], items[enough]


def _count(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count each code, block by block: ``bincount`` makes an int64 copy of what it is given."""
    counts = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    for start in range(0, len(codes), BLOCK):
        counts += np.bincount(codes[start : start + BLOCK], minlength=len(counts))
    return counts


def build_dataset(
    log: "EventLog", *, items: "ItemDescriptions | None" = None,
    min_user_events: int = 5, min_item_events: int = 5, duplicates: Duplicates = "keep",
) -> Dataset:  # fmt: skip
    """Make a data set of an event log: order, duplicates, k-core, dense numbers.

    Args:
        log: The events; integer ids are mapped as integers, and only the distinct ones become
            strings.
        items: Titles and categories. Without it categories come from the log's ``category``
            column, if it has one; an item without a title is called by its id.
        min_user_events: Events that a user needs, at least 1, counted to the fixed point.
        min_item_events: Events that an item needs, likewise.
        duplicates: What becomes of repeated events, before anything is counted: ``keep`` them;
            ``drop-exact`` drops all but the first of the same user, item and time;
            ``collapse-repeats`` drops an item that its user took in the event before.

    Returns:
        The data set; its ``how`` holds the source, the policies, the counts after each step and
        ``tied_share``, the share of events with another of their user and time: ties keep the
        order of the log.

    Raises:
        ConfigError: A minimum below 1, or an unknown policy.
        DataError: Nothing is left; the message has the counts after each step.

    Cost: O(E log E) time, O(E) if the log is in time order; about 60 bytes an event.
    """
    _check(min_user_events, min_item_events, duplicates)
    user_ids, item_ids, events = _read(log.frame)
    steps = [_counted("read", events)]

    # lexsort is stable: events of one user and time stay in the order of the log.
    _take(events, np.lexsort((events["time"], events["user"])))
    tied, exact, repeats = sameness(events)
    repeated = {
        "exact_duplicates": int(exact.sum()), "repeats": int(repeats.sum()),
        "tied_share": float(tied.mean()) if log.has_time else None,
    }  # fmt: skip
    if duplicates != "keep":
        _take(events, ~exact if duplicates == "drop-exact" else ~repeats)
        steps.append(_counted(duplicates, events))
    del tied, exact, repeats
    minima = {"min_user_events": min_user_events, "min_item_events": min_item_events}
    _take(events, k_core(events["user"], events["item"], **minima))
    steps.append(_counted(f"at least {min_user_events} a user, {min_item_events} an item", events))
    if not len(events["user"]):
        raise _nothing_left(steps)

    how = {
        "source": log.source, "has_time": log.has_time, "rows_read": log.rows_read,
        "rows_kept": log.rows_kept,
        "refused": {each.reason: each.count for each in log.refused},
        "events_left_out": log.events_left_out, "users_left_out": log.users_left_out,
        **minima, "duplicates": duplicates, **repeated, "steps": steps,
    }  # fmt: skip
    return _numbered(log, items, user_ids, item_ids, events, how)


def _check(min_user_events: int, min_item_events: int, duplicates: str) -> None:
    for name, value in (("min_user_events", min_user_events), ("min_item_events", min_item_events)):
        if value < 1:
            raise ConfigError(f"{name} is {value}; it must be at least 1, which drops nothing.")
    if duplicates not in get_args(Duplicates):
        raise ConfigError(
            f"duplicates is {duplicates!r}; take one of {', '.join(get_args(Duplicates))}."
        )


def _read(frame: pl.LazyFrame) -> tuple[pl.Series, pl.Series, Columns]:
    """Give users' and items' distinct ids, and the events as codes, a column at a time."""
    user_ids, users = encode(frame, "user")
    item_ids, items = encode(frame, "item")
    times = frame.select("time").collect().to_series().to_numpy()
    return user_ids, item_ids, {"user": users, "item": items, "time": times}


def encode(frame: pl.LazyFrame, column: str) -> tuple[pl.Series, NDArray[np.int32]]:
    """Give the distinct ids of a column in order of appearance, and each row's place in them.

    One hash pass; Arrow's dictionary is in order of appearance by construction.
    """
    encoded = frame.select(column).collect().to_series().to_arrow().dictionary_encode()
    return pl.Series(encoded.dictionary).cast(pl.String), encoded.indices.to_numpy()


def _take(events: Columns, rows: NDArray[np.bool_] | NDArray[np.int64]) -> None:
    """Keep ``rows``, in place and a column at a time: the old and the new never coexist whole."""
    if rows.dtype == np.bool_ and rows.all():
        return
    for name in events:
        events[name] = events[name][rows]


def _counted(step: str, events: Columns) -> dict[str, object]:
    users, items = (int(np.count_nonzero(_count(events[n]))) for n in ("user", "item"))
    return {"step": step, "events": len(events["user"]), "users": users, "items": items}


def sameness(events: Columns) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Mark, in events sorted by user and time, the tied, the exact duplicates, the repeats.

    Tied: another event of the same user and time. Duplicate: an earlier event of the same
    user, time and item. Repeat: the user's event just before is of the same item.
    """
    user, item, time = events["user"], events["item"], events["time"]
    tied, exact, repeats = np.zeros((3, len(user)), dtype=np.bool_)
    same_user = user[1:] == user[:-1]
    same_moment = same_user & (time[1:] == time[:-1])
    tied[1:] |= same_moment
    tied[:-1] |= same_moment
    repeats[1:] = same_user & (item[1:] == item[:-1])
    rows = np.flatnonzero(tied)  # only they can be duplicates, and not only side by side
    rows = rows[np.lexsort((item[rows], time[rows], user[rows]))]
    before, after = rows[:-1], rows[1:]
    exact[after] = (user[before] == user[after]) & (time[before] == time[after])
    exact[after] &= item[before] == item[after]
    return tied, exact, repeats


def _nothing_left(steps: list[dict[str, object]]) -> DataError:
    counts = "; ".join(
        f"{step['step']}: {step['events']} events, {step['users']} users, {step['items']} items"
        for step in steps
    )
    return DataError(
        f"No event is left after filtering ({counts}); "
        "lower min_user_events or min_item_events, or give a longer log."
    )


def _numbered(
    log: "EventLog", items: "ItemDescriptions | None", user_ids: pl.Series, item_ids: pl.Series,
    events: Columns, how: Mapping[str, object],
) -> Dataset:  # fmt: skip
    """Number what is left: users as they appeared, items by falling count."""
    lengths = _count(events["user"])
    present = np.flatnonzero(lengths)
    users = IdMap(user_ids.gather(present), kind="user")
    indptr = np.concatenate([[0], np.cumsum(lengths[present])]).astype(np.int64)

    counts = _count(events["item"])
    by_count = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    number = np.zeros(len(counts), dtype=np.int64)
    number[by_count] = np.arange(1, len(by_count) + 1)
    count = np.concatenate([[0], counts[by_count]]).astype(np.int64)
    histories = Histories(indptr, number[events.pop("item")], events.pop("time").astype(np.int64))
    catalog = _catalog(item_ids.gather(by_count), count, _described(log, items))
    several = int((np.diff(catalog.category_indptr) > 1).sum())
    return Dataset(users, catalog, histories, {**how, "items_of_several_categories": several})


def _described(log: "EventLog", items: "ItemDescriptions | None") -> pl.DataFrame:
    """Give ``item``, ``title``, ``categories``: of the item table, or else of the log."""
    if items is not None:
        return items.frame
    columns = log.frame.collect_schema().names()
    item = pl.col("item").cast(pl.String)
    title = pl.lit(None, dtype=pl.String).alias("title")
    if "category" not in columns:
        nothing = pl.lit([], dtype=pl.List(pl.String)).alias("categories")
        return log.frame.select(item, title, nothing).limit(0).collect()
    categories = pl.col("category").alias("categories")
    return log.frame.select("item", title, categories).unique().with_columns(item).collect()


def _catalog(ids: pl.Series, count: NDArray[np.int64], described: pl.DataFrame) -> Catalog:
    """Put titles and categories to the items; several rows of one item are united."""
    item = ids.alias("item").to_frame().with_row_index("number", offset=1)
    named = described.drop_nulls("title").unique("item", keep="first", maintain_order=True)
    titles = item.join(named, on="item", how="left", maintain_order="left")["title"].fill_null(ids)
    pairs = (
        item.join(described.explode("categories").drop_nulls("categories"), on="item")
        .select("number", "categories")
        .unique()
        .sort("number", "categories")
    )
    names = pairs["categories"].unique(maintain_order=True)
    codes = names.to_frame().with_row_index("code")
    pairs = pairs.join(codes, on="categories").sort("number", "code")
    indptr = np.cumsum(np.bincount(pairs["number"].to_numpy(), minlength=len(ids) + 1))
    return Catalog(
        items=IdMap(ids, first=1, kind="item"),
        titles=titles,
        category_names=names.to_list(),
        category_indptr=np.concatenate([[0], indptr]).astype(np.int64),
        category_ids=pairs["code"].to_numpy().astype(np.int32),
        count=count,
    )
