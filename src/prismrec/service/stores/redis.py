"""Events in Redis: for several machines. The durability is a setting of the server.

    RedisStore("redis://:password@cache:6379/0")        # rediss:// over TLS

A user has two keys. ``prismrec:events:USER`` is a sorted set: each member begins with its time in
hexadecimal digits and its arrival in decimal digits. All scores are 0, so Redis sorts the members
by their bytes; a score is a float and would round times. ``prismrec:ids:USER`` is a set of event
ids. One server, with or without replicas; no cluster, because a batch is one script over keys of
many users.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from prismrec.errors import ConfigError, MissingExtra, StoreError
from prismrec.service.stores.base import (
    DEADLINE,
    KEEP,
    Event,
    Store,
    checked_events,
    checked_id,
    checked_query,
    refuse_newer,
    server_failed,
)

VERSION = 1
"""Version of the layout of the keys; the server's version is in ``prismrec:schema``."""
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
FORGET = """
    local asked, erased = {}, 0
    for _, id in ipairs(ARGV) do
        if redis.call('SREM', KEYS[2], id) == 1 then asked[id] = true end
    end
    for _, row in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
        local id = string.sub(row, 33, string.find(row, '\\0', 33, true) - 1)
        if asked[id] then erased = erased + redis.call('ZREM', KEYS[1], row) end
    end
    return erased
"""
PROMISES = {
    "no": "Redis keeps no log (appendonly no): a crash loses all events since its last snapshot.",
    "always": "A stored event is on the server's disk (appendfsync always).",
    "everysec": "Redis writes its log to disk every second (appendfsync everysec): a crash loses "
    "up to two seconds of stored events.",
}
UNKNOWN = "The server does not report how soon its log is on disk: see its appendfsync."
T = TypeVar("T")


class RedisStore(Store):
    """Two keys per user; see the module docstring.

    Raises:
        ConfigError: Also if the server may evict histories to free memory (``maxmemory-policy``).
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
                url,
                socket_connect_timeout=DEADLINE,
                socket_timeout=DEADLINE,
                socket_keepalive=True,
            )
            pool = self._client.connection_pool
            pool.connection_class(**pool.connection_kwargs)  # checks the names of the options
        except (TypeError, ValueError):  # its text may repeat the password
            raise ConfigError(
                "The address of the store, redis:…, cannot be read; write redis://host:port/number "
                "with special characters as %XX, and options that the client knows."
            ) from None
        self._errors = redis.RedisError
        self._append = self._client.register_script(APPEND)
        self._forget = self._client.register_script(FORGET)
        self._closed = False
        self._run(self._check)

    @property
    def promise(self) -> str:
        """The durability of stored events; see ``Store.promise``."""
        if not self._run(lambda: self._client.info("persistence"))["aof_enabled"]:
            return PROMISES["no"]
        try:
            policy = self._run(lambda: self._client.config_get("appendfsync"))
        except StoreError:  # hosted servers do not report it
            return UNKNOWN
        return PROMISES.get(policy.get("appendfsync", ""), UNKNOWN)

    def append(self, events: Iterable[Event]) -> int:
        """Store events; see ``Store.append``."""
        checked = checked_events(events)
        if not checked:
            return 0
        keys, places = ["prismrec:arrival"], dict[str, int]()
        for user in (event.user for event in checked):
            if user not in places:
                keys += _keys(user)
                places[user] = len(keys) - 1  # position of the key of events, from 1
        values: list[str | int] = [self._keep]
        for user, item, time, name in checked:
            values += [places[user], f"{time + 2**63:016x}", name, item]
        return int(self._run(lambda: self._append(keys, values)))

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        checked, limit = checked_query(users, n), min(n, self._keep)
        pipeline = self._client.pipeline(transaction=False)
        for user in checked:
            pipeline.zrange(_keys(user)[0], -limit, -1)
        results = self._run(pipeline.execute)
        return [
            [_event(user, row) for row in rows] for user, rows in zip(checked, results, strict=True)
        ]

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``. The server's next log drops their bytes."""
        events, ids = _keys(checked_id("user", user))
        # Without a transaction, which a server refuses when its memory is full.
        pipeline = self._client.pipeline(transaction=False).zcard(events).delete(events, ids)
        return int(self._run(pipeline.execute)[0])

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``. Reads all events of the user."""
        keys = [*_keys(checked_id("user", user))]
        return int(self._run(lambda: self._forget(keys, list(ids)))) if ids else 0

    def ping(self) -> None:
        """Check that the store answers; see ``Store.ping``."""
        self._run(self._client.ping)

    def close(self) -> None:
        """Close the connections; see ``Store.close``."""
        self._closed = True
        self._client.close()

    def _check(self) -> None:
        if self._client.get("prismrec:schema") is None:  # a full server still opens
            self._client.set("prismrec:schema", VERSION, nx=True)
        refuse_newer("redis", int(self._client.get("prismrec:schema")), VERSION)
        memory = self._client.info("memory")
        if memory["maxmemory"] and memory["maxmemory_policy"].startswith("allkeys"):
            raise ConfigError(
                f"The store redis evicts histories when its memory is full (maxmemory-policy "
                f"{memory['maxmemory_policy']}); set the server's maxmemory-policy to noeviction."
            )

    def _run(self, work: Callable[[], T]) -> T:
        if self._closed:
            raise StoreError("The store was closed; open it again.")
        try:
            return work()
        except self._errors as error:
            parts = urlsplit(self._url)
            secrets = [unquote(parts.password or ""), *parse_qs(parts.query).get("password", [])]
            raise server_failed("redis", error, secrets) from None


def _keys(user: str) -> tuple[str, str]:
    """Return the key of a user's events and the key of their ids."""
    return f"prismrec:events:{user}", f"prismrec:ids:{user}"


def _event(user: str, row: bytes) -> Event:
    """Parse a member of the sorted set: 16 digits of time, 16 of arrival, id, NUL, item."""
    name, _, item = row[32:].decode().partition("\0")
    return Event(user, item, int(row[:16], 16) - 2**63, name)
