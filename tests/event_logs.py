"""Small event logs and data sets, written out by hand in the tests that use them."""

import polars as pl

from prismrec.data.dataset import Dataset, build_dataset
from prismrec.data.events import EventLog


def log_of(rows, *, has_time=True, **columns):
    """Make an event log of (user, item, time) rows, in the order given."""
    users, items, times = zip(*rows, strict=True)
    frame = pl.DataFrame({"user": users, "item": items, "time": times, **columns})
    return EventLog(
        frame=frame.lazy(), rows_read=len(rows), rows_kept=len(rows),
        source="by hand", has_time=has_time,
    )  # fmt: skip


def histories_log(histories):
    """Make an event log of ``{user: "abc"}``: one item a letter, one event a minute."""
    rows = [
        (user, item, place) for user, items in histories.items() for place, item in enumerate(items)
    ]
    return log_of(rows)


def dataset_of(histories, **options) -> Dataset:
    """Build a data set of ``{user: "abc"}`` with nothing filtered unless told."""
    options = {"min_user_events": 1, "min_item_events": 1, **options}
    return build_dataset(histories_log(histories), **options)


def names(dataset, user):
    """Give a user's items by their external ids, oldest first."""
    return dataset.catalog.items.external(dataset.histories[dataset.users.index([user])[0]])


HEADER = "user_id,item_id,timestamp\n"
SECOND = 1_000_000


def rows(log):
    """Give what a log holds."""
    return log.frame.collect().rows()


def told(log):
    """Give why rows were refused: how many, and their first lines."""
    return {each.reason: (each.count, each.lines) for each in log.rejected}


def good(count):
    """Write rows that are kept."""
    return "".join(f"good,g{number},{number}\n" for number in range(count))
