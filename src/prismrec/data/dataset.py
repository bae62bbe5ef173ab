"""A data set: dense ids, a catalog, and every user's history in time order."""

from collections.abc import Mapping
from dataclasses import dataclass

from prismrec.data.catalog import Catalog
from prismrec.data.histories import Histories
from prismrec.data.ids import IdMap


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
