"""Events in Redis: for several machines. The durability is a setting of the server.

    RedisStore("redis://:password@cache:6379/0")        # rediss:// over TLS

A user has up to three keys. ``prismrec:events:USER`` is a sorted set: each member begins with its
time in hexadecimal digits and its arrival in decimal digits. All scores are 0, so Redis sorts the
members by their bytes; a score is a float and would round times. ``prismrec:dislikes:USER`` is the
same for dislikes. ``prismrec:ids:USER`` is a set of the event ids of both. One server, with or
without replicas; no cluster, because a batch is one script over keys of many users.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, ClassVar, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from prismrec.data import still_disliked
from prismrec.errors import ConfigError, MissingExtra, StoreError
from prismrec.service.stores.base import (
    DEADLINE,
    KEEP,
    Event,
    Feedback,
    Store,
    checked_events,
    checked_id,
    checked_query,
    merge_newest,
    refuse_newer,
    server_failed,
)
from prismrec.service.stores.redis_scripts import APPEND, FORGET, FORGET_EVENTS, MERGE

VERSION = 2
"""Version of the layout of the keys; the server's version is in ``prismrec:schema``. Version 1 has
no dislikes, and no kinds and values after the items."""
PROMISES = {
    "no": "Redis keeps no log (appendonly no): a crash loses all events since its last snapshot.",
    "always": "A stored event is on the server's disk (appendfsync always).",
    "everysec": "Redis writes its log to disk every second (appendfsync everysec): a crash loses "
    "up to two seconds of stored events.",
}
UNKNOWN = "The server does not report how soon its log is on disk: see its appendfsync."
ARRIVAL = "prismrec:arrival"
"""The key of the number of events that have arrived."""
READ_ONLY = "READONLY"
"""In the message of Redis 6 and older if a script writes to a server that only reads."""
DECODING = ("decode_responses", "encoding", "encoding_errors")
"""Options of the client that change how it decodes and encodes."""
T = TypeVar("T")
Members = Sequence[bytes]
"""Members of a sorted set, oldest first; see ``_rows``."""
TIME = 16
"""Number of digits of a time."""


class RedisStore(Store):
    """Up to three keys per user; see the module docstring.

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
        _check_address(url)
        self._errors, self._full = redis.RedisError, redis.exceptions.OutOfMemoryError
        self._read_only = redis.exceptions.ReadOnlyError
        self._append = self._client.register_script(APPEND)
        self._forget = self._client.register_script(FORGET)
        self._forget_events = self._client.register_script(FORGET_EVENTS)
        self._merge = self._client.register_script(MERGE)
        self._closed = False
        self._run(self._check)

    @property
    def promise(self) -> str:
        """The durability of stored events; see ``Store.promise``."""
        if not self._run(lambda: self._client.info("persistence"))["aof_enabled"]:
            return PROMISES["no"]
        return PROMISES.get(self._run(self._fsync_policy), UNKNOWN)

    def _fsync_policy(self) -> str:
        """Return when the server flushes its log; "" where it does not report it."""
        from redis.exceptions import ResponseError

        try:
            return str(self._client.config_get("appendfsync").get("appendfsync", ""))
        except ResponseError:
            return ""

    def append(self, events: Iterable[Event]) -> int:
        """Store events; see ``Store.append``."""
        checked = checked_events(events)
        if not checked:
            return 0
        keys, places = [ARRIVAL], dict[tuple[str, bool], int]()
        values: list[str | int] = [self._keep, self._keep_disliked]
        for user, item, time, name, kind, value, disliked in checked:
            if (user, disliked) not in places:
                liked_key, disliked_key, ids_key = _keys(user)
                keys += [disliked_key if disliked else liked_key, ids_key]
                places[user, disliked] = len(keys) - 1  # position of the first of both, from 1
            parts = [item]
            if kind is not None or value is not None:
                parts += [kind or "", "" if value is None else repr(value)]
            values += [places[user, disliked], f"{time + 2**63:016x}", name, "\0".join(parts)]
        return int(self._run(lambda: self._append(keys, values)))

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        return [
            merge_newest(_rows(user, liked), _rows(user, disliked[-n:], disliked=True), n)
            for user, (liked, disliked) in zip(users, self._newest(users, n), strict=True)
        ]

    def recent_feedback(self, users: Sequence[str], n: int) -> list[Feedback]:
        """Return the items of the newest events; see ``Store.recent_feedback``.

        There is a second call for users with dislikes and more than ``n`` events.
        """
        parts = self._newest(users, n)
        since = [
            (user, disliked[0][:TIME])
            for user, (liked, disliked) in zip(users, parts, strict=True)
            if disliked and len(liked) >= n
        ]
        later = self._since(since) if since else {}
        return [
            Feedback(
                [_item(member) for member in liked],
                still_disliked(_times(disliked), _times(later.get(user, liked)))
                if disliked else (),
            )
            for user, (liked, disliked) in zip(users, parts, strict=True)
        ]  # fmt: skip

    def _newest(self, users: Sequence[str], n: int) -> list[tuple[Members, Members]]:
        """Return the newest ``n`` events of each user, and all dislikes, oldest first."""
        limit, pipeline = min(n, self._keep), self._client.pipeline(transaction=False)
        for user in checked_query(users, n):
            events, dislikes, _ = _keys(user)
            pipeline.zrange(events, -limit, -1).zrange(dislikes, 0, -1)
        found = iter(self._run(pipeline.execute))
        return list(zip(found, found, strict=True))

    def _since(self, users: Sequence[tuple[str, bytes]]) -> dict[str, Members]:
        """Return the events of each user from a time on, oldest first, without dislikes."""
        pipeline = self._client.pipeline(transaction=False)
        for user, time in users:
            pipeline.zrangebylex(_keys(user)[0], b"[" + time, "+")
        found = self._run(pipeline.execute)
        return {user: members for (user, _), members in zip(users, found, strict=True)}

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``. The server's next log drops their bytes."""
        keys = [*_keys(checked_id("user", user))]
        return int(self._run(lambda: self._forget(keys)))

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``. Reads all events of the user."""
        keys = [*_keys(checked_id("user", user))]
        return int(self._run(lambda: self._forget_events(keys, list(ids)))) if ids else 0

    def merge(self, anonymous: str, user: str) -> int:
        """Move the events of a user in one step; see ``Store.merge``."""
        if checked_id("user", anonymous) == checked_id("user", user):
            return 0
        keys, limits = [ARRIVAL, *_keys(anonymous), *_keys(user)], [self._keep, self._keep_disliked]
        return int(self._run(lambda: self._merge(keys, limits)))

    def ping(self) -> None:
        """Check that the store answers and evicts no histories; see ``Store.ping``."""
        if reason := self._run(self._eviction):
            raise StoreError(reason)

    def close(self) -> None:
        """Close the connections; see ``Store.close``."""
        self._closed = True
        self._client.close()

    def _check(self) -> None:
        if self._client.get("prismrec:schema") is None:  # a full server still opens
            self._client.set("prismrec:schema", VERSION, nx=True)
        version = int(self._client.get("prismrec:schema"))
        refuse_newer("redis", version, VERSION)
        if version < VERSION:  # the keys of version 1 have the same meaning in version 2
            with suppress(self._full):  # a full server still opens
                self._client.set("prismrec:schema", VERSION)
        if reason := self._eviction():
            raise ConfigError(reason)

    def _eviction(self) -> str | None:
        """Return why the server may lose histories; None if it evicts none."""
        memory = self._client.info("memory")
        if not (memory["maxmemory"] and memory["maxmemory_policy"].startswith("allkeys")):
            return None
        return (
            f"The store redis evicts histories when its memory is full (maxmemory-policy "
            f"{memory['maxmemory_policy']}); set the server's maxmemory-policy to noeviction."
        )

    def _run(self, work: Callable[[], T]) -> T:
        """Run ``work``, and again on new connections if the server only reads.

        After a failover, the address leads to the new server, but old connections to the old one.
        """
        if self._closed:
            raise StoreError("The store was closed; open it again.")
        try:
            try:
                return work()
            except self._errors as error:
                if READ_ONLY not in str(error) and not isinstance(error, self._read_only):
                    raise
                self._client.connection_pool.disconnect(inuse_connections=False)
                return work()
        except self._errors as error:
            parts = urlsplit(self._url)
            secrets = [unquote(parts.password or ""), *parse_qs(parts.query).get("password", [])]
            message = str(error).rpartition(" of pipeline caused error: ")[2]  # without the command
            raise server_failed("redis", message, secrets) from None


def _check_address(url: str) -> None:
    """Check what the client reads otherwise than it is written, or would decode otherwise.

    Raises:
        ConfigError: The database is not one number, or an option changes how answers are decoded.
    """
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    numbers = [text for text in (parts.path.removeprefix("/"), *options.get("db", ())) if text]
    if len(numbers) > 1 or not all(re.fullmatch("[0-9]+", text) for text in numbers):
        raise ConfigError(
            "The address of the store, redis:…, does not name its database by one number; write "
            "redis://host:port/number."
        )
    if found := next((name for name in DECODING if name in options), None):
        raise ConfigError(
            f"The address of the store, redis:…, has the option {found}, but the store decodes "
            "answers itself; leave the option out."
        )


def _keys(user: str) -> tuple[str, str, str]:
    """Return the keys of a user's events, dislikes, and the ids of both."""
    return f"prismrec:events:{user}", f"prismrec:dislikes:{user}", f"prismrec:ids:{user}"


def _rows(user: str, members: Members, *, disliked: bool = False) -> list[tuple[int, int, Event]]:
    """Return time, arrival and event of each member of a sorted set.

    A member has 16 digits of time, 16 of arrival, id, NUL, item; then NUL, kind, NUL, value if the
    event has one of both.
    """
    rows = []
    for member in members:
        name, _, item = member[32:].decode().partition("\0")
        time, kind, value = _time(member), None, None
        if "\0" in item:
            item, *rest = item.split("\0")
            kind, value = rest[0] or None, float(rest[1]) if rest[1] else None
        event = Event(user, item, time, name, kind, value, disliked)
        rows.append((time, int(member[16:32]), event))
    return rows


def _item(member: bytes) -> str:
    return member[32:].decode().split("\0", 2)[1]


def _time(member: bytes) -> int:
    return int(member[:TIME], 16) - 2**63


def _times(members: Members) -> list[tuple[str, int]]:
    """Return item and time of each event."""
    return [(_item(member), _time(member)) for member in members]
