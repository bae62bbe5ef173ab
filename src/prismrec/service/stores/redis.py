"""Events in Redis: for several machines, and a promise that is the server's setting.

    RedisStore("redis://:password@cache:6379/0")        # rediss:// over TLS

A user has two keys: ``prismrec:events:USER``, a sorted set whose members begin with their time
and arrival in hexadecimal and decimal digits (all scores are 0, so Redis keeps the members in the
order of their bytes: a score is a float and would round times), and ``prismrec:ids:USER``, a set.
One server, with replicas or not; not a cluster, for a batch is one script over many users' keys.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from prismrec.errors import ConfigError, MissingExtra, StoreError
from prismrec.service.stores.base import (
    KEEP,
    Event,
    Store,
    checked_events,
    checked_id,
    checked_query,
    refuse_newer,
)

VERSION = 1
"""Of the keys' layout; ``prismrec:schema`` says a server's. The next one brings its migration."""
APPEND = """
    local keep, stored = tonumber(ARGV[1]), 0
    for i = 2, #ARGV, 4 do
        local at, time, id, item = tonumber(ARGV[i]), ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
        if redis.call('SADD', KEYS[at + 1], id) == 1 then
            local arrival = string.format('%016.0f', redis.call('INCR', KEYS[1]))
            redis.call('ZADD', KEYS[at], 0, time .. arrival .. id .. '\\0' .. item)
            stored = stored + 1
        end
    end
    for at = 2, #KEYS, 2 do
        for _, old in ipairs(redis.call('ZRANGE', KEYS[at], 0, -keep - 1)) do
            local id = string.sub(old, 33, string.find(old, '\\0', 33, true) - 1)
            redis.call('ZREM', KEYS[at], old)
            redis.call('SREM', KEYS[at + 1], id)
        end
    end
    return stored
"""
PROMISES = {
    "no": "Redis keeps no log (appendonly no): killed, it loses all since its last snapshot.",
    "always": "An acknowledged event is on the server's disk (appendfsync always).",
    "everysec": "Redis's log is on disk a second later (appendfsync everysec): a crash loses up to "
    "two seconds of acknowledged events.",
}
UNKNOWN = "How soon Redis's log is on disk is not known: see its appendfsync."
T = TypeVar("T")


class RedisStore(Store):
    """Two keys a user; see the module.

    Raises:
        ConfigError: Also where the server may drop histories to make room (``maxmemory-policy``).
    """

    kind: ClassVar[str] = "redis"

    def __init__(self, url: str, *, keep: int = KEEP) -> None:
        super().__init__(url, keep=keep)
        try:
            import redis
        except ImportError as error:
            raise MissingExtra.for_("The store redis", "stores") from error
        try:
            self._client: Any = redis.Redis.from_url(
                url, socket_connect_timeout=5, socket_timeout=30
            )
            pool = self._client.connection_pool
            pool.connection_class(**pool.connection_kwargs)  # knows which options there are
        except (TypeError, ValueError):  # whose text repeats what may be the password
            raise ConfigError(
                "The address of a store, redis:…, cannot be read; write redis://host:port/number, "
                "special characters of a password as %XX, and options that the client knows."
            ) from None
        self._errors = redis.RedisError
        self._append = self._client.register_script(APPEND)
        self._closed = False
        self._run(self._check)

    @property
    def promise(self) -> str:
        """See ``Store.promise``."""
        if not self._run(lambda: self._client.info("persistence"))["aof_enabled"]:
            return PROMISES["no"]
        try:
            policy = self._run(lambda: self._client.config_get("appendfsync"))
        except StoreError:  # hosted servers do not tell
            return UNKNOWN
        return PROMISES.get(policy.get("appendfsync", ""), UNKNOWN)

    def append(self, events: Iterable[Event]) -> int:
        """See ``Store.append``."""
        checked = checked_events(events)
        if not checked:
            return 0
        keys, places = ["prismrec:arrival"], dict[str, int]()
        for user in (event.user for event in checked):
            if user not in places:
                keys += _keys(user)
                places[user] = len(keys) - 1  # of the events' key, counted from 1
        values: list[str | int] = [self._keep]
        for user, item, time, name in checked:
            values += [places[user], f"{time + 2**63:016x}", name, item]
        return int(self._run(lambda: self._append(keys, values)))

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """See ``Store.recent_many``."""
        checked, limit = checked_query(users, n), min(n, self._keep)
        reading = self._client.pipeline(transaction=False)
        for user in checked:
            reading.zrange(_keys(user)[0], -limit, -1)
        found = self._run(reading.execute)
        return [
            [_event(user, row) for row in rows] for user, rows in zip(checked, found, strict=True)
        ]

    def forget(self, user: str) -> int:
        """See ``Store.forget``; the bytes leave the server's log when it is rewritten."""
        events, ids = _keys(checked_id("user", user))
        erasing = self._client.pipeline(transaction=True).zcard(events).delete(events, ids)
        return int(self._run(erasing.execute)[0])

    def ping(self) -> None:
        """See ``Store.ping``."""
        self._run(self._client.ping)

    def close(self) -> None:
        """See ``Store.close``."""
        self._closed = True
        self._client.close()

    def _check(self) -> None:
        self._client.set("prismrec:schema", VERSION, nx=True)
        refuse_newer("redis", int(self._client.get("prismrec:schema")), VERSION)
        memory = self._client.info("memory")
        if memory["maxmemory"] and memory["maxmemory_policy"].startswith("allkeys"):
            raise ConfigError(
                f"The store redis drops histories when its memory is full (maxmemory-policy "
                f"{memory['maxmemory_policy']}); set the server's maxmemory-policy to noeviction."
            )

    def _run(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError("The store was closed; open it again.")
        try:
            return work()
        except self._errors as error:
            raise StoreError(
                f"The store redis could not be used ({self._said(error)}); check its address and "
                "that it runs."
            ) from None

    def _said(self, error: Exception) -> str:
        """Give an error's text, in one line and without what is secret in the address."""
        said, parts = " ".join(str(error).split()), urlsplit(self._url)
        for secret in (unquote(parts.password or ""), *parse_qs(parts.query).get("password", [])):
            said = said.replace(secret, "***") if secret else said
        return said


def _keys(user: str) -> tuple[str, str]:
    """Name the keys of a user's events and of their ids."""
    return f"prismrec:events:{user}", f"prismrec:ids:{user}"


def _event(user: str, row: bytes) -> Event:
    """Read a member of the sorted set: 16 digits of time, 16 of arrival, id, NUL, item."""
    name, _, item = row[32:].decode().partition("\0")
    return Event(user, item, int(row[:16], 16) - 2**63, name)
