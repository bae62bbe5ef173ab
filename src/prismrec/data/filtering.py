"""Filters of events: the k-core, repeated events, and the counts after each step.

All functions work on arrays of int32 codes, so that a log of 20 million events needs about a
gigabyte.
"""

from typing import Any, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from prismrec.errors import ConfigError, check_whole_number

Duplicates = Literal["keep", "drop-exact", "collapse-repeats"]
MIN_EVENTS = 5
"""Minimum number of events per user and per item, unless another is given."""
EventArrays = dict[str, NDArray[Any]]
"""Events as arrays: ``user`` codes, ``item`` codes and ``time``, one value per event; perhaps also
``weight`` and ``disliked``."""

BLOCK = 1 << 20  # numbers counted at a time: 8 MiB


def k_core(
    users: NDArray[np.integer],
    items: NDArray[np.integer],
    *,
    min_user_events: int,
    min_item_events: int,
) -> NDArray[np.bool_]:
    """Return which events remain when every user and every item has enough events.

    Dropping a rare item may leave a user with too few events and vice versa, so both filters are
    repeated until neither drops an event. The result is the largest set of events with this
    property; it does not depend on the order of the rounds.

    Args:
        users: One user code per event, from 0, dense enough to be counted in an array.
        items: One item code per event, likewise.
        min_user_events: Minimum number of events per user.
        min_item_events: Minimum number of events per item.

    Returns:
        One value per event, True for the events that remain.

    Cost: O(E + users + items) time per round; real logs need 2 to 20 rounds of decreasing size.
    """
    kept = np.ones(len(users), dtype=np.bool_)
    while True:
        enough = (count_codes(users) >= min_user_events)[users]
        enough &= (count_codes(items) >= min_item_events)[items]
        if enough.all():
            return kept
        kept[kept] = enough
        users, items = users[enough], items[enough]


def count_codes(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """Count each code, from 0. Counts block by block: ``bincount`` copies its input to int64."""
    counts = np.zeros(int(codes.max(initial=-1)) + 1, dtype=np.int64)
    for start in range(0, len(codes), BLOCK):
        counts += np.bincount(codes[start : start + BLOCK], minlength=len(counts))
    return counts


def count_step(step: str, events: EventArrays) -> dict[str, object]:
    """Return the numbers of events, users and items after a step."""
    users, items = (int(np.count_nonzero(count_codes(events[n]))) for n in ("user", "item"))
    return {"step": step, "events": len(events["user"]), "users": users, "items": items}


def keep_rows(events: EventArrays, rows: NDArray[np.bool_] | NDArray[np.int64]) -> None:
    """Keep some rows, in place. Arrays are replaced one by one to save memory."""
    if rows.dtype == np.bool_ and rows.all():
        return
    for name in events:
        events[name] = events[name][rows]


def encode_ids(frame: pl.LazyFrame, column: str) -> tuple[pl.Series, NDArray[np.int32]]:
    """Return the distinct ids of a column in order of first occurrence, and each row's code.

    Cost: one hash pass. Arrow's dictionary is in order of first occurrence by construction.
    """
    encoded = frame.select(column).collect().to_series().to_arrow().dictionary_encode()
    return pl.Series(encoded.dictionary).cast(pl.String), encoded.indices.to_numpy()


def find_duplicates(
    events: EventArrays,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Find tied events, exact duplicates and repeats.

    Args:
        events: Sorted by user and time.

    Returns:
        Three masks, one value per event. Tied: another event has the same user and time. Exact
        duplicate: an earlier event has the same user, time and item. Repeat: the previous event
        of the user has the same item.
    """
    user, item, time = events["user"], events["item"], events["time"]
    tied, exact, repeats = np.zeros((3, len(user)), dtype=np.bool_)
    same_user = user[1:] == user[:-1]
    same_moment = same_user & (time[1:] == time[:-1])
    tied[1:] |= same_moment
    tied[:-1] |= same_moment
    repeats[1:] = same_user & (item[1:] == item[:-1])
    rows = np.flatnonzero(tied)  # only tied events can be duplicates; they need not be adjacent
    rows = rows[np.lexsort((item[rows], time[rows], user[rows]))]
    before, after = rows[:-1], rows[1:]
    exact[after] = (user[before] == user[after]) & (time[before] == time[after])
    exact[after] &= item[before] == item[after]
    return tied, exact, repeats


def check_options(min_user_events: int, min_item_events: int, duplicates: str) -> None:
    """Raise ConfigError for a minimum below 1 or not whole, or unknown ``duplicates``."""
    for name, value in (("min_user_events", min_user_events), ("min_item_events", min_item_events)):
        check_whole_number(name, value, "a whole number, such as 5")
        if value < 1:
            raise ConfigError(f"{name} is {value}; it must be at least 1, which keeps everything.")
    if duplicates not in get_args(Duplicates):
        raise ConfigError(
            f"duplicates is {duplicates!r}; choose one of {', '.join(get_args(Duplicates))}."
        )
