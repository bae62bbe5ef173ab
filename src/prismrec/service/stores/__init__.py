"""Stores: the recent events of each user, kept where the service may lose everything else.

    with open_store("sqlite:///events.db") as store:
        store.append([Event("ann", "tea", 1_700_000_000_000_000, "e1")])   # 1; sent again, 0
        history = store.recent("ann", 50)                                   # oldest first
        store.forget("ann")

What each must hold to is executable: ``tests/stores/test_contract.py`` runs over the table,
against real servers. What each promises: ``docs/stores.md``.

To add one: write ``stores/yours.py``, add a line to ``STORES`` under the scheme of its addresses;
a class whose library is optional stands there as "module:Class".
"""

import re

from prismrec.errors import ConfigError
from prismrec.registry import resolve
from prismrec.service.stores.base import KEEP, LONGEST, Event, Store
from prismrec.service.stores.memory import MemoryStore
from prismrec.service.stores.sqlite import SqliteStore

STORES: dict[str, type[Store] | str] = {
    "memory": MemoryStore,
    "sqlite": SqliteStore,
    "postgresql": "prismrec.service.stores.postgres:PostgresStore",
    "postgres": "prismrec.service.stores.postgres:PostgresStore",
    "redis": "prismrec.service.stores.redis:RedisStore",
    "rediss": "prismrec.service.stores.redis:RedisStore",
}
"""Schemes of addresses → classes."""

__all__ = ["KEEP", "LONGEST", "STORES", "Event", "Store", "open_store"]


def open_store(url: str, *, keep: int = KEEP) -> Store:
    """Open the store at ``url``, making or migrating its schema.

    Args:
        url: ``memory:``, ``sqlite:///events.db``, ``postgresql://…`` or ``redis://…``.
        keep: Events kept of a user; see ``Store``.

    Raises:
        UnknownName: No store of that scheme.
        ConfigError, MissingExtra, StoreError: See ``Store``. No message holds a password.
    """
    scheme = re.match(r"[a-z][a-z0-9+.-]*(?=:)", url)
    if scheme is None:  # the address is not repeated: it may be a password in a wrong place
        raise ConfigError(
            "The address of a store has no scheme; write memory:, sqlite:///events.db, "
            "postgresql://host/database or redis://host."
        )
    return resolve("store", scheme[0], STORES)(url, keep=keep)
