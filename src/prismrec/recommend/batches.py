"""Lists for a batch of histories, from Arrow to Arrow: for files, frames and engines."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from prismrec.data import Catalog
from prismrec.recommend.history_users import named_users
from prismrec.rerank import ListOptions, RankedLists

SCHEMA = pa.schema(
    [
        ("user", pa.string()),
        ("rank", pa.int32()),
        ("item", pa.string()),
        ("score", pa.float32()),
        ("interest", pa.int32()),
        ("source", pa.string()),
    ]
)
"""One row per recommended item: rank from 1; source "interests" or "popular"."""
BATCH = 256
"""Users per call of ``Recommender.lists``."""


class Counts(NamedTuple):
    """What is counted besides the lists; see ``BulkSummary``."""

    unknown: int = 0
    popular: int = 0
    empty: int = 0
    without_user: int = 0
    without_items: int = 0


class MakesLists(Protocol):
    """What is needed of a ``Recommender``, which itself makes lists for frames."""

    @property
    def catalog(self) -> Catalog:
        """The catalog."""

    def lists(self, histories: Sequence[NDArray[np.int64]], options: ListOptions) -> RankedLists:
        """Return the list of each history."""


def batch_lists(
    recommender: MakesLists, chunk: pa.RecordBatch | pa.Table, options: ListOptions
) -> tuple[pa.Table, Counts]:
    """Return the rows of one chunk without those that have no user, and their counts."""
    users = named_users(chunk.column("user")).to_pylist()
    histories = chunk.column("history").to_pylist()
    without_user = users.count(None)
    if without_user:
        histories = [own for user, own in zip(users, histories, strict=True) if user is not None]
        users = [user for user in users if user is not None]
    if not users:
        return SCHEMA.empty_table(), Counts(without_user=without_user)
    catalog, unknown = recommender.catalog, 0
    numbers: list[NDArray[np.int64]] = []
    nameless: list[bool] = []
    for history in histories:
        names = [str(name) for name in history or () if name is not None]
        numbers.append(catalog.items.index_known(names))
        unknown += len(history or ()) - len(numbers[-1])
        nameless.append(not names)
    found = [
        recommender.lists(numbers[start : start + BATCH], options)
        for start in range(0, len(numbers), BATCH)
    ]
    items, scores, interest, popular = (
        np.concatenate([getattr(part, name) for part in found])
        for name in ("items", "scores", "interest", "popular")
    )
    listed = items > 0
    row, place = np.nonzero(listed)
    columns = [
        pa.array([users[number] for number in row], pa.string()),
        pa.array(place + 1, pa.int32()),
        pa.array(catalog.items.external(items[listed].tolist()), pa.string()),
        pa.array(scores[listed], pa.float32()),
        pa.array(interest[listed], pa.int32()),
        pa.array(np.where(popular[row], "popular", "interests"), pa.string()),
    ]
    lists = pa.table(columns, schema=SCHEMA)
    empty = popular & np.array(nameless)
    without_items = len(users) - int(listed.any(axis=1).sum())
    return lists, Counts(unknown, int(popular.sum()), int(empty.sum()), without_user, without_items)
