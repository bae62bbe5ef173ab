"""Stores: the recent events of each user, kept outside the process of the service.

    with open_store("sqlite:///events.db") as store:
        store.append([Event("ann", "tea", 1_700_000_000_000_000, "e1")])   # 1; sent again, 0
        history = store.recent("ann", 50)                                   # oldest first
        store.forget("ann")

Every store fulfills one contract: ``tests/service/stores/test_contract.py`` runs it over the table,
against real servers. The guarantees of each store: ``docs/stores.md``.

To add a store here: write ``stores/yours.py`` and add a line to ``STORES`` under the scheme of its
addresses; name a class with an optional dependency as "module:Class". A store of your own package
needs no line: its address is ``yourpkg.yours:YourStore+ADDRESS``.
"""

import re

from prismrec.data import MOST_DISLIKES
from prismrec.errors import ConfigError
from prismrec.registry import resolve
from prismrec.service.stores.base import KEEP, Event, Feedback, Store
from prismrec.service.stores.late import LateStore
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
"""Classes by the scheme of their addresses."""
OWN_CLASS = re.compile(r"([A-Za-z_][\w.]*):([A-Za-z_][\w.]*)\+(.*)", re.DOTALL)
"""``module:Class+ADDRESS``."""
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):")

__all__ = [
    "KEEP",
    "MOST_DISLIKES",
    "STORES",
    "Event",
    "Feedback",
    "LateStore",
    "MemoryStore",
    "Store",
    "find_store",
    "open_store",
]


def open_store(url: str, *, keep: int = KEEP) -> Store:
    """Open the store at an address; creates or migrates its schema.

    Args:
        url: ``memory:``, ``sqlite:///events.db``, ``postgresql://…``, ``redis://…``, or
            ``module:Class+ADDRESS`` for your own subclass of ``Store``, which gets ADDRESS.
        keep: Events kept per user; see ``Store``.

    Raises:
        UnknownName, ConfigError: See ``find_store``.
        ConfigError, MissingExtra, StoreError: See ``Store``. No message contains a password.
    """
    store, address = find_store(url)
    return store(address, keep=keep)


def place_of(url: str) -> str:
    """Return the kind and the place of a store, without user and password.

    Your own class reads its address itself, so only its name is returned.
    """
    if own := _own_class(url):
        return own[0]
    scheme, _, rest = url.partition(":")
    location = rest.removeprefix("//").partition("?")[0].rpartition("@")[2]
    return f"{scheme} {location.removeprefix('/') if scheme == 'sqlite' else location}".strip()


def find_store(url: str) -> tuple[type[Store], str]:
    """Return the class for an address, and the address that its constructor gets.

    Raises:
        UnknownName: There is no store of that scheme, or no such class.
        ConfigError: The address has no scheme, or the class is not a subclass of ``Store``.
    """
    own, scheme = _own_class(url), SCHEME.match(url)
    if own:
        name, address = own
    elif scheme:
        name, address = scheme[1], url
    else:  # the message does not repeat the address, which may contain a password
        raise ConfigError(
            "The address of the store has no scheme; write memory:, sqlite:///events.db, "
            "postgresql://host/database or redis://host."
        )
    return resolve("store", name, STORES, subclass_of=Store), address


def _own_class(url: str) -> tuple[str, str] | None:
    """Return the name of your own class and its address; None if a registered store is meant.

    The address of a registered store may look like it, if its password has a plus sign.
    """
    own = OWN_CLASS.fullmatch(url)
    return (f"{own[1]}:{own[2]}", own[3]) if own and own[1] not in STORES else None
