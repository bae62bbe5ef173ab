"""The lists that each variant, and a new recommender, would have given for each logged request.

The variants have no randomness: the same history, dislikes and options give the same list. So their
lists can be computed again from the events before a request. How many of the logged lists are
computed again exactly shows whether these histories are those that the service read.
"""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.data import MOST_DISLIKES, EventLog, still_disliked
from prismrec.evaluation.experiments.exposures import Exposures
from prismrec.evaluation.experiments.off_policy import LoggedLists
from prismrec.evaluation.experiments.outcomes import counted_lists, events_of, item_hits
from prismrec.io import stage, track
from prismrec.rerank import ListOptions

if TYPE_CHECKING:  # torch is slow to import, and a report without an estimate does not need it
    from prismrec.recommend import Recommender

BATCH = 256
"""Requests per call of ``Recommender.ranked``."""


class Feedback(NamedTuple):
    """What a service reads of a user for a request."""

    history: Sequence[str]
    """Items of the newest events that are no dislikes, oldest first."""
    dislikes: tuple[str, ...] = ()
    """Items that the user dislikes."""


@dataclass(frozen=True)
class Policy:
    """What makes lists: a recommender and its options."""

    recommender: "Recommender"
    options: ListOptions = ListOptions()  # noqa: RUF009 -- frozen


@dataclass(frozen=True, eq=False)
class Replay:
    """The logged lists, the new ones, and how well the histories fit."""

    logged: LoggedLists
    new: NDArray[np.int64]
    """``[R, k]``: the lists of the new policy."""
    same: NDArray[np.bool_]
    """``[R]``: whether the logged list was computed again exactly, whole and in its order."""
    lengths: NDArray[np.int64]
    """``[R]``: number of items of each logged list."""


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """How lists are computed again and how hits are counted."""

    k: int = 10
    """Number of items of a list that count."""
    window: float = 86_400.0
    """Seconds after a list in which an event on one of its items is a hit."""
    newest: int = 500
    """Number of the newest events of a history that the service reads."""
    own_lengths: bool = False
    """Whether each policy makes lists of the length of its options. Otherwise all lists of a
    request are as long as the logged one."""


def replay(
    exposures: Exposures,
    log: EventLog,
    secret: bytes,
    variants: Mapping[str, Policy],
    new: Policy,
    options: ReplayOptions,
) -> Replay:
    """Compute the lists of all variants and of a new policy for each counted request.

    Args:
        exposures: The logged lists.
        log: Events of the same users, with times; those before a list are its history, and dislikes
            among them change the list as in a service. A dislike is no hit.
        secret: The secret with which the service hashed the users.
        variants: What made the lists of each variant, by its name.
        new: What makes the new lists.
        options: How lists are computed again and how hits are counted.

    Raises:
        DataError: The log has no times, or no list can be counted.
        ConfigError, UnknownName: List options do not fit a recommender.

    Cost: one list per counted request and policy. Requests of users with the same dislikes, such as
        none, are computed together.
    """
    counted = counted_lists(exposures, log).with_row_index("list")
    # A list has no item twice, but the log may come from anywhere.
    counted = counted.with_columns(pl.col("items").list.unique(maintain_order=True))
    with stage("reading histories and later events"):
        events = events_of(exposures.frame["user"], log, secret)
    codes: dict[str, int] = {}
    """Number of each item, from 1."""
    listed = [_numbered(items, codes) for items in counted["items"].to_list()]
    feedback = _feedback(counted, events, options.newest)
    policies = [*variants.values(), new]
    k = _width(policies, listed, options)
    lists, same = _computed(policies, feedback, listed, codes, replace(options, k=k))
    names = {name: number for number, name in enumerate(variants)}
    own = np.array([names[name] for name in counted["variant"].to_list()])
    rows = np.arange(len(counted))
    # What was shown is what the log has, also if it was not computed again.
    lists[own, rows] = _padded([items[:k] for items in listed], k)
    liked = events.filter(~pl.col("disliked"))
    hits = item_hits(counted, liked, k, options.window).filter("hit")
    logged = LoggedLists(
        users=np.unique(counted["user"].to_numpy(), return_inverse=True)[1],
        variant=own,
        lists=lists[:-1],
        hits=_marked(lists[own, rows], hits, codes),
        shares=np.array([exposures.shares[name] for name in variants]),
    )
    return Replay(logged, lists[-1], same[own, rows], np.array([len(each) for each in listed]))


def _width(
    policies: Sequence[Policy], listed: Sequence[Sequence[int]], options: ReplayOptions
) -> int:
    """Return the number of items that count, at most that of the longest list."""
    longest = max(len(items) for items in listed)
    if options.own_lengths:
        longest = max(longest, *(policy.options.k for policy in policies))
    return min(options.k, longest)


def _computed(
    policies: Sequence[Policy],
    feedback: Sequence[Feedback],
    listed: Sequence[Sequence[int]],
    codes: dict[str, int],
    options: ReplayOptions,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return the first k items of the list of each policy and request, and where it is the logged.

    Returns:
        ``[P, R, k]`` numbers of items, and ``[P, R]``: whether the whole list equals the logged
        one.
    """
    lists = np.zeros((len(policies), len(listed), options.k), dtype=np.int64)
    same = np.zeros((len(policies), len(listed)), dtype=bool)
    tables = [_code_table(policy.recommender, codes) for policy in policies]
    keys = [(len(items), own.dislikes) for items, own in zip(listed, feedback, strict=True)]
    for rows in track(list(_batches(keys)), "computing lists again", len(listed), size=len):
        past = [feedback[row].history for row in rows]
        shown = _padded([listed[row] for row in rows], len(listed[rows[0]]))
        for number, (policy, table) in enumerate(zip(policies, tables, strict=True)):
            wanted = replace(policy.options, dislikes=feedback[rows[0]].dislikes)
            if not options.own_lengths and shown.shape[1]:
                wanted = replace(wanted, k=shown.shape[1])
            made = _lists(policy.recommender, past, wanted, table)
            first = made[:, : options.k]
            lists[number, rows, : first.shape[1]] = first
            same[number, rows] = _equal(made, shown)
    return lists, same


def _feedback(counted: pl.DataFrame, events: pl.DataFrame, newest: int) -> list[Feedback]:
    """Return the feedback of the user of each list: from the events at or before it."""
    liked, disliked = (
        _by_user(events.filter(pl.col("disliked") == kind)) for kind in (False, True)
    )
    none: tuple[NDArray[np.int64], list[str]] = (np.zeros(0, dtype=np.int64), [])
    found = []
    for user, moment in counted.select("user", "time").iter_rows():
        (times, items), (when, dislikes) = liked.get(user, none), disliked.get(user, none)
        end, last = (int(np.searchsorted(each, moment, side="right")) for each in (times, when))
        kept = slice(max(last - MOST_DISLIKES, 0), last)
        still: list[str] = []
        if last:
            known = zip(items[:end], times[:end], strict=True)
            still = still_disliked(zip(dislikes[kept], when[kept], strict=True), known)
        found.append(Feedback(items[max(end - newest, 0) : end], tuple(still)))
    return found


def _by_user(events: pl.DataFrame) -> dict[str, tuple[NDArray[np.int64], list[str]]]:
    """Return the times and items of each user, in time order."""
    ordered = events.sort("user", "time", maintain_order=True)
    parts = ordered.group_by("user", maintain_order=True).agg("time", "item")
    return {user: (np.array(times), items) for user, times, items in parts.iter_rows()}


def _batches(keys: Sequence[Hashable]) -> Iterator[NDArray[np.int64]]:
    """Yield the numbers of at most ``BATCH`` lists with the same key."""
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, key in enumerate(keys):
        places[key].append(place)
    for rows in map(np.array, places.values()):
        for start in range(0, len(rows), BATCH):
            yield rows[start : start + BATCH]


def _lists(
    recommender: "Recommender",
    histories: Sequence[Sequence[str]],
    options: ListOptions,
    table: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the lists of histories as numbers of ``table``."""
    numbers = [recommender.catalog.items.index_known(history) for history in histories]
    made: NDArray[np.int64] = table[recommender.ranked(numbers, options).items]
    return made


def _code_table(recommender: "Recommender", codes: dict[str, int]) -> NDArray[np.int64]:
    """Return the number of each item of a catalog; new items are added to ``codes``."""
    names = recommender.catalog.items.external(range(1, recommender.catalog.size))
    return np.array([0, *_numbered(names, codes)], dtype=np.int64)


def _numbered(names: Iterable[str], codes: dict[str, int]) -> list[int]:
    return [codes.setdefault(name, len(codes) + 1) for name in names]


def _padded(lists: Sequence[Sequence[int]], width: int) -> NDArray[np.int64]:
    """Return lists as rows of an array, with 0 after their last item."""
    rows = np.zeros((len(lists), width), dtype=np.int64)
    for row, items in enumerate(lists):
        rows[row, : len(items)] = items
    return rows


def _equal(made: NDArray[np.int64], shown: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return per row whether two lists have the same items in the same order."""
    width = max(made.shape[1], shown.shape[1])
    one, other = (np.pad(each, ((0, 0), (0, width - each.shape[1]))) for each in (made, shown))
    return np.asarray((one == other).all(axis=1))


def _marked(
    shown: NDArray[np.int64], hits: pl.DataFrame, codes: Mapping[str, int]
) -> NDArray[np.bool_]:
    """Return which items of the lists were hit, from rows of list and item."""
    rows = hits["list"].to_numpy().astype(np.int64)
    items = np.array([codes[name] for name in hits["item"].to_list()], dtype=np.int64)
    base = len(codes) + 1
    places = np.arange(len(shown), dtype=np.int64)[:, None] * base + shown
    return np.isin(places, rows * base + items)
