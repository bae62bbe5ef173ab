"""A data set: dense numbers for ids, a catalog, and the history of each user in time order.

    log = read_events("events.parquet")
    dataset = build_dataset(log, min_user_events=5, min_item_events=5)
    dataset.how["steps"]    # events, users and items after each step

Each step that drops events reports how many; nothing is dropped silently. The result does not
depend on the spelling of ids: they are converted to numbers once, while the log is read.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data.build_catalog import attributes_of, build_catalog, describe_items
from prismrec.data.catalog import Catalog
from prismrec.data.dislikes import number_dislikes, take_disliked
from prismrec.data.filtering import (
    BLOCK,
    MIN_EVENTS,
    Duplicates,
    EventArrays,
    check_options,
    count_codes,
    count_step,
    encode_ids,
    find_duplicates,
    k_core,
    keep_rows,
)
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap
from prismrec.data.reprs import html_facts, text_facts
from prismrec.errors import DataError, check_type

if TYPE_CHECKING:
    from prismrec.data.events import EventLog
    from prismrec.data.items import ItemDescriptions


@dataclass(frozen=True, repr=False)
class Dataset:
    """The users, items and histories of an event log.

    Users are numbered from 0 in the order of their first event in the log. Items are numbered
    from 1 by descending count; items of equal count in the order of their first event.
    """

    users: IdMap
    """The external ids of the users, by number."""
    catalog: Catalog
    """The items, with titles, categories and counts."""
    histories: Histories
    """The events of each user, by the number of the user."""
    how: Mapping[str, object]
    """How the data set was built: source, filters, and the counts after each step."""
    dislikes: Histories | None = None
    """The disliked items of each user, in time order, each once; None if nothing marks dislikes."""
    split: Mapping[str, Any] | None = None
    """How the folder is split that it was loaded from; None otherwise. See ``save_dataset``."""

    def __repr__(self) -> str:
        return text_facts("Dataset", self._facts())

    def _repr_html_(self) -> str:
        return html_facts("Dataset", self._facts())

    def _facts(self) -> Iterator[tuple[str, object]]:
        yield "users", len(self.users)
        yield "items", len(self.catalog.items)
        yield "events", len(self.histories.items)
        yield "categories", len(self.catalog.category_names)
        yield "source", self.how.get("source", "unknown")
        if self.histories.weights is not None:
            yield "weights", "one per event"
        if self.dislikes is not None:
            yield "dislikes", len(self.dislikes.items)
        names = ("min_user_events", "min_item_events", "duplicates")
        if all(name in self.how for name in names):
            users, items, duplicates = (self.how[name] for name in names)
            minima = f"at least {users} events per user and {items} per item"
            yield "filters", f"{minima}; duplicates: {duplicates}"

    @cached_property
    def fingerprint(self) -> str:
        """Compute the SHA-256 of ids and events, in hexadecimal.

        Two data sets with the same fingerprint have the same users, items and events with the same
        numbers, so a model of one may be evaluated on the other. Titles, categories, weights and
        dislikes are not included.

        Cost: one pass over ids and arrays, memory O(1).
        """
        digest = hashlib.sha256(self.ids_fingerprint.encode())
        for array in (self.histories.indptr, self.histories.items, self.histories.times):
            for block in _blocks(array):
                digest.update(block)
        return digest.hexdigest()

    @cached_property
    def ids_fingerprint(self) -> str:
        """Compute the SHA-256 of the user ids and item ids in order, in hexadecimal."""
        digest = hashlib.sha256()
        for ids in (self.users.ids, self.catalog.items.ids):
            digest.update(f"{len(ids)}\n".encode())
            for part in ids.to_frame().iter_slices(BLOCK):
                names = part.to_series()
                # Lengths come first: ["ab", "c"] and ["a", "bc"] must have different hashes.
                digest.update(names.str.len_bytes().to_numpy().astype("<u4").tobytes())
                digest.update("".join(names).encode())
        return digest.hexdigest()


def _blocks(array: NDArray[np.int64]) -> Iterator[bytes]:
    for start in range(0, len(array), BLOCK):
        yield array[start : start + BLOCK].astype("<i8").tobytes()


def build_dataset(
    log: "EventLog", *, items: "ItemDescriptions | None" = None,
    min_user_events: int = MIN_EVENTS, min_item_events: int = MIN_EVENTS,
    duplicates: Duplicates = "keep",
) -> Dataset:  # fmt: skip
    """Build a data set from an event log: sort, handle duplicates, filter, number users and items.

    Args:
        log: The events. Integer ids are mapped as integers; only the distinct ones are converted
            to strings.
        items: Titles and categories. Without it, or if none of its items has a category, they
            come from the log's ``category`` column, if it has one. The title of an item without
            a title is its id.
        min_user_events: Minimum number of events per user, at least 1. The filters of users and
            items are repeated until all users and items have enough events (k-core).
        min_item_events: Minimum number of events per item, likewise.
        duplicates: How to handle repeated events, before the filters: ``keep`` keeps them;
            ``drop-exact`` keeps only the first event of the same user, item and time;
            ``collapse-repeats`` drops an event if the user's previous event has the same item.

    Returns:
        The data set. Its ``how`` has the source, the filters, the counts after each step and
        ``tied_share``, the share of events for which another event has the same user and time.
        Tied events keep the order of the log.

    Raises:
        ConfigError: A minimum below 1, unknown ``duplicates``, or an argument of another type.
        DataError: No event remains; the message has the counts after each step. Or all weights
            are 0.

    Cost: O(E log E) time, less if the log is in time order; memory about 60 bytes per event.
    """
    _check_sources(log, items)
    check_options(min_user_events, min_item_events, duplicates)
    user_ids, item_ids, events = _read_events(log.frame)
    steps = [count_step("read", events)]
    disliked = take_disliked(events, steps)
    if not len(events["user"]):
        raise no_events_error(steps)

    # lexsort is stable: events of the same user and time keep the order of the log.
    keep_rows(events, np.lexsort((events["time"], events["user"])))
    tied, exact, repeats = find_duplicates(events)
    repeated = {
        "exact_duplicates": int(exact.sum()), "repeats": int(repeats.sum()),
        "tied_share": float(tied.mean()) if log.has_time else None,
    }  # fmt: skip
    if duplicates != "keep":
        keep_rows(events, ~exact if duplicates == "drop-exact" else ~repeats)
        steps.append(count_step(duplicates, events))
    del tied, exact, repeats
    minima = {"min_user_events": int(min_user_events), "min_item_events": int(min_item_events)}
    keep_rows(events, k_core(events["user"], events["item"], **minima))
    steps.append(count_step(name_minima(**minima), events))
    if not len(events["user"]):
        raise no_events_error(steps)
    how = describe_building(log, minima, duplicates, repeated, steps)
    return _assign_numbers(log, items, (user_ids, item_ids), events, disliked, how)


def _check_sources(log: "EventLog", items: "ItemDescriptions | None") -> None:
    """Raise ConfigError for a path or a frame instead of what was read from it."""
    from prismrec.data.events import EventLog
    from prismrec.data.items import ItemDescriptions

    check_type("log", log, EventLog, "an EventLog; pass read_events(…)")
    needed = "ItemDescriptions; write items=read_items(…)"
    check_type("items", items, ItemDescriptions | None, needed)


def name_minima(min_user_events: int, min_item_events: int) -> str:
    """Return the name of the step that filters users and items."""
    return f"at least {min_user_events} per user, {min_item_events} per item"


def describe_building(
    log: "EventLog", minima: Mapping[str, int], duplicates: Duplicates,
    repeated: Mapping[str, object], steps: list[dict[str, object]],
) -> dict[str, object]:  # fmt: skip
    """Return how a data set was built, for ``Dataset.how``."""
    return {
        "source": log.source, "has_time": log.has_time, "rows_read": log.rows_read,
        "rows_kept": log.rows_kept,
        "rejected": {each.reason: each.count for each in log.rejected},
        "events_left_out": log.events_left_out, "users_left_out": log.users_left_out,
        **_describe_weighting(log), **minima, "duplicates": duplicates, **repeated, "steps": steps,
    }  # fmt: skip


def _describe_weighting(log: "EventLog") -> dict[str, object]:
    """Return how events are weighted and which are dislikes; a service follows the same rules."""
    if log.weighting.is_empty:
        return {}
    facts = log.weighting.facts
    if log.weighting.dislikes is not None:
        facts["dislikes_by"] = "kind" if log.dislikes_by_kind else "value"
    if log.reading is not None and log.reading.keep_events:
        facts["kept_kinds"] = sorted(log.reading.keep_events)
    return {"weighting": facts}


def _read_events(frame: pl.LazyFrame) -> tuple[pl.Series, pl.Series, EventArrays]:
    """Return the distinct ids of users and of items, and the events; read column by column."""
    user_ids, users = encode_ids(frame, "user")
    item_ids, items = encode_ids(frame, "item")
    times = frame.select("time").collect().to_series().to_numpy()
    events: EventArrays = {"user": users, "item": items, "time": times}
    for name, dtype in (("weight", np.float32), ("disliked", np.bool_)):
        if name in frame.collect_schema():
            events[name] = frame.select(name).collect().to_series().to_numpy().astype(dtype)
    return user_ids, item_ids, events


def no_events_error(steps: list[dict[str, object]]) -> DataError:
    """Return the error for a data set without events; its message has the counts of all steps."""
    counts = "; ".join(
        f"{step['step']}: {step['events']} events, {step['users']} users, {step['items']} items"
        for step in steps
    )
    return DataError(
        f"No event remains after filtering ({counts}); "
        "lower min_user_events or min_item_events, or give a longer log."
    )


def _assign_numbers(
    log: "EventLog", items: "ItemDescriptions | None", ids: tuple[pl.Series, pl.Series],
    events: EventArrays, disliked: EventArrays | None, how: Mapping[str, object],
) -> Dataset:  # fmt: skip
    """Number the remaining users by first event and the remaining items by descending count."""
    user_ids, item_ids = ids
    lengths = count_codes(events["user"])
    present = np.flatnonzero(lengths)
    users = IdMap(user_ids.gather(present), kind="user")
    indptr = np.concatenate([[0], np.cumsum(lengths[present])]).astype(np.int64)

    counts = count_codes(events["item"])
    by_count = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    number = np.zeros(len(item_ids), dtype=np.int64)
    number[by_count] = np.arange(1, len(by_count) + 1)
    count = np.concatenate([[0], counts[by_count]]).astype(np.int64)
    weights = events.get("weight")
    histories = Histories(
        indptr, number[events.pop("item")], events.pop("time").astype(np.int64), weights
    )
    dislikes = None
    if disliked is not None:
        user_number = np.full(len(user_ids), -1)
        user_number[present] = np.arange(len(present))
        dislikes, facts = number_dislikes(disliked, user_number, number, histories)
        how = {**how, "dislikes": facts}
    catalog = build_catalog(item_ids.gather(by_count), count, describe_items(log, items))
    return finish_dataset(users, catalog, histories, how, items, dislikes)


def finish_dataset(
    users: IdMap, catalog: Catalog, histories: Histories, how: Mapping[str, object],
    items: "ItemDescriptions | None", dislikes: Histories | None = None,
) -> Dataset:  # fmt: skip
    """Return the data set with the attributes of its items; add to its ``how`` what they are.

    Raises:
        DataError: All weights are 0.
    """
    weights = histories.weights
    if weights is not None and not weights.any():
        raise DataError(
            f"The weight of each of the {len(weights):,} events is 0, so nothing can be learned "
            "from them; give a weight above 0 to some events."
        )
    if items is not None and items.attributes:
        catalog = replace(catalog, attributes=attributes_of(catalog.items.ids, items))
        how = {**how, "attributes": {one.name: one.kind for one in items.reports}}
    several = int((np.diff(catalog.category_indptr) > 1).sum())
    how = {**how, "items_of_several_categories": several}
    return Dataset(users, catalog, histories, how, dislikes)
