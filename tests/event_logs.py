"""Build small event logs and data sets from values that the tests contain."""

import polars as pl

from prismrec.data.dataset import Dataset, build_dataset
from prismrec.data.events import EventLog


def log_of(rows, *, has_time=True, **columns):
    """Build an event log of (user, item, time) rows, in this order."""
    users, items, times = zip(*rows, strict=True)
    frame = pl.DataFrame({"user": users, "item": items, "time": times, **columns})
    return EventLog(
        frame=frame.lazy(), rows_read=len(rows), rows_kept=len(rows),
        source="by hand", has_time=has_time,
    )  # fmt: skip


def histories_log(histories):
    """Build an event log of ``{user: "abc"}``: one item per letter, times 0, 1, 2, …."""
    rows = [
        (user, item, place) for user, items in histories.items() for place, item in enumerate(items)
    ]
    return log_of(rows)


def dataset_of(histories, **options) -> Dataset:
    """Build a data set of ``{user: "abc"}``, by default without filters."""
    options = {"min_user_events": 1, "min_item_events": 1, **options}
    return build_dataset(histories_log(histories), **options)


def names(dataset, user):
    """Return the external ids of a user's items, oldest first."""
    return dataset.catalog.items.external(dataset.histories[dataset.users.index([user])[0]])


HEADER = "user_id,item_id,timestamp\n"
SECOND = 1_000_000


def rows(log):
    """Return the rows of a log."""
    return log.frame.collect().rows()


def rejected_lines(log):
    """Return the count and the first lines of the rejected rows per reason."""
    return {each.reason: (each.count, each.lines) for each in log.rejected}


def good(count):
    """Return lines of rows that are kept."""
    return "".join(f"good,g{number},{number}\n" for number in range(count))


PART = {"user": ["u"], "item": ["a"], "time": [5]}


def write_parts(folder, **tables):
    """Write tables as Parquet files, by their names without the ending."""
    for name, table in tables.items():
        path = folder / f"{name}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pl.DataFrame(table).write_parquet(path)
    return folder
