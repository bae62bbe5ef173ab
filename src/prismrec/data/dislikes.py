"""Dislikes: pairs of a user and an item, kept apart from the histories.

They have the form of ``Histories``: the disliked items of each user, in time order, each once.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from prismrec.data.filtering import EventArrays, count_step, keep_rows
from prismrec.data.histories import Histories

MOST_DISLIKES = 1_000
"""Largest number of dislikes that a service keeps per user, and that affect a list."""


def take_disliked(events: EventArrays, steps: list[dict[str, object]]) -> EventArrays | None:
    """Remove the dislikes from events, in place, and return them; None if there is no such column.

    Both keep the order of the log. The counts after this step are added to ``steps``.
    """
    if "disliked" not in events:
        return None
    disliked = events.pop("disliked")
    taken = {name: events[name][disliked] for name in ("user", "item", "time")}
    keep_rows(events, ~disliked)
    steps.append(count_step("without dislikes", events))
    return taken


def number_dislikes(
    taken: EventArrays,
    users: NDArray[np.int64],
    items: NDArray[np.int64],
    histories: Histories,
) -> tuple[Histories, Mapping[str, int]]:
    """Return the disliked pairs of the users and items of a data set, and their counts.

    Of several dislikes of the same pair the first one counts.

    Args:
        taken: From ``take_disliked``.
        users: The number of each user code; -1 for users that are not in the data set.
        items: The number of each item code; 0 for items that are not in the data set.
        histories: The histories of the data set.

    Returns:
        The pairs; and the number of events that are dislikes, of events whose user or item is not
        in the data set, of pairs, of users with a pair, and of pairs that are in the history too.
    """
    user, item, time = users[taken["user"]], items[taken["item"]], taken["time"]
    known = (user >= 0) & (item > 0)
    user, item, time = user[known], item[known], time[known].astype(np.int64)
    order = np.lexsort((time, user))  # stable: ties keep the order of the log
    user, item, time = user[order], item[order], time[order]
    size = int(items.max(initial=0)) + 1
    _, first = np.unique(user * size + item, return_index=True)
    first.sort()
    user, item, time = user[first], item[first], time[first]
    lengths = np.bincount(user, minlength=len(histories))
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    owner = np.repeat(np.arange(len(histories)), histories.lengths)
    also_liked = np.isin(user * size + item, owner * size + histories.items)
    counts = {
        "events": len(taken["user"]), "left_out": int((~known).sum()), "pairs": len(user),
        "users": int(np.count_nonzero(lengths)), "also_liked": int(also_liked.sum()),
    }  # fmt: skip
    return Histories(indptr, item, time), counts


def known_dislikes(dislikes: Histories, user: int, moment: int) -> NDArray[np.int64]:
    """Return the items that a user disliked before a moment."""
    number = np.searchsorted(dislikes.times_of(user), moment)
    return dislikes[user][:number]


def dislikes_before(
    dislikes: Histories | None, histories: Histories, lengths: NDArray[np.int64]
) -> Histories | None:
    """Return the dislikes of each user before the event that follows the first ``lengths`` events.

    Users of length 0 are left out. All dislikes of users without such an event are kept.
    """
    if dislikes is None:
        return None
    end = histories.indptr[:-1] + lengths
    has_next = end < histories.indptr[1:]
    moments = np.full(len(lengths), np.iinfo(np.int64).max)
    moments[has_next] = histories.times[end[has_next]]
    owner = np.repeat(np.arange(len(lengths)), dislikes.lengths)
    kept = (dislikes.times < moments[owner]) & (lengths[owner] > 0)
    counts = np.bincount(owner[kept], minlength=len(lengths))[lengths > 0]
    return dislikes.take(np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), kept)


def still_disliked(
    dislikes: Iterable[tuple[str, int]], liked: Iterable[tuple[str, int]]
) -> list[str]:
    """Return the items that are disliked, in the order of their newest dislikes.

    To like an item again ends its dislike; at equal times the dislike counts. Dislikes of equal
    time are in the order of their items.

    Args:
        dislikes: Item and time of each dislike.
        liked: Item and time of each event that is no dislike; those that are not later than every
            dislike may be missing.
    """
    newest, again = dict[str, int](), dict[str, int]()
    for times, pairs in ((newest, dislikes), (again, liked)):
        for item, time in pairs:
            times[item] = max(time, times.get(item, time))
    kept = [(time, item) for item, time in newest.items() if again.get(item, time) <= time]
    return [item for _, item in sorted(kept)]
