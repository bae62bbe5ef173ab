"""Events in PostgreSQL: for several machines that share histories.

    PostgresStore("postgresql://prism@db/shop")

What the address leaves out, libpq reads from its usual sources (``PGPASSWORD``, ``~/.pgpass``). The
tables are ``prismrec_events`` and ``prismrec_schema`` in the first schema of the search path; the
right to create tables is needed once. A commit returns when the log is on disk (synchronous_commit
is on, or stricter if the server is). The server may restart at any time.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar

from prismrec.data import still_disliked
from prismrec.errors import ConfigError, MissingExtra, StoreError
from prismrec.io import connect_postgres
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
from prismrec.service.stores.pool import ConnectionPool
from prismrec.service.stores.postgres_queries import (
    DURABLE,
    ERASE,
    FEEDBACK,
    FORGET,
    INSERT,
    LOCK,
    MERGE,
    MIGRATIONS,
    NUMBER,
    RECENT,
    TABLES,
    TRIM,
)

T = TypeVar("T")
Rows = list[tuple[int, int, Event]]
"""Time, arrival and event."""
Pairs = list[tuple[str, int]]
"""Item and time of events."""


class PostgresStore(Store):
    """A table in a database; see the module docstring. Keeps one connection per running thread."""

    kind: ClassVar[str] = "postgres"

    def __init__(self, url: str, *, keep: int = KEEP) -> None:
        super().__init__(url, keep=keep)
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtra.for_("The store postgresql", "stores") from error
        try:
            self._parts = psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error:  # its text may repeat the password
            raise ConfigError(
                "The address of the store, postgresql:…, cannot be read by libpq; write "
                "postgresql://user@host:port/database, with special characters as %XX."
            ) from None
        self._psycopg = psycopg
        self._pool = ConnectionPool(self._connect, self._prepare)
        self._run(self._migrate)

    @property
    def promise(self) -> str:
        """The durability of stored events; see ``Store.promise``."""
        (fsync,) = self._run(lambda connection: connection.execute("SHOW fsync").fetchone())
        if fsync == "off":
            return "PostgreSQL does not wait for its disk (fsync off): a power cut may lose events."
        return "A stored event is on the server's disk: it survives crashes and power cuts."

    def append(self, events: Iterable[Event]) -> int:
        """Store events; see ``Store.append``."""
        checked = checked_events(events)
        if not checked:
            return 0
        users = list({event.user for event in checked})
        parts, limits = _by_table(checked), (self._keep, self._keep_disliked)

        def insert(connection: Any) -> int:
            stored = 0
            columns = [[list(column) for column in zip(*part, strict=True)] for part in parts]
            for table, other, found in zip(TABLES, TABLES[::-1], columns, strict=True):
                if found:
                    query = INSERT.format(table, other)
                    stored += connection.execute(query, found[:6]).rowcount
            for table, keep, found in zip(TABLES, limits, columns, strict=True):
                if found:
                    connection.execute(TRIM.format(table), [list({*found[0]}), keep])
            return stored

        return self._write(users, insert)

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        found: list[tuple[Rows, Rows]] = [([], []) for _ in users]
        for place, time, arrival, user, item, *rest in self._fetch(RECENT, users, n):
            event = Event(user, item, time, *rest)
            found[place][event.disliked].append((time, arrival, event))
        return [merge_newest(liked, disliked, n) for liked, disliked in found]

    def recent_feedback(self, users: Sequence[str], n: int) -> list[Feedback]:
        """Return the items of the newest events; see ``Store.recent_feedback``."""
        found: list[tuple[Pairs, Pairs, Pairs]] = [([], [], []) for _ in users]
        for place, part, item, time, _ in self._fetch(FEEDBACK, users, n):
            found[place][part].append((item, time))
        return [
            Feedback(
                [item for item, _ in items], still_disliked(dislikes, liked) if dislikes else ()
            )
            for items, dislikes, liked in found
        ]

    def _fetch(self, query: str, users: Sequence[str], n: int) -> Sequence[Any]:
        """Return the rows that a query finds for users; each begins with the place of its user."""
        parameters = {"users": checked_query(users, n), "limit": min(n, self._keep)}
        rows: Sequence[Any] = self._run(
            lambda connection: connection.execute(query, parameters).fetchall()
        )
        return rows

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``. The next vacuum removes their bytes."""
        return self._erase(ERASE, user)

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``."""
        return self._erase(FORGET, user, list(ids))

    def _erase(self, statement: str, user: str, *rest: list[str]) -> int:
        """Run a statement that erases rows of one user in each table; return the rows erased."""
        checked_id("user", user)

        def erase(connection: Any) -> int:
            erased = [
                connection.execute(statement.format(table), [user, *rest]) for table in TABLES
            ]
            return sum(each.rowcount for each in erased)

        return self._write([user], erase)

    def merge(self, anonymous: str, user: str) -> int:
        """Move the events of a user in one transaction; see ``Store.merge``."""
        if checked_id("user", anonymous) == checked_id("user", user):
            return 0
        users, limits = {"anonymous": anonymous, "user": user}, (self._keep, self._keep_disliked)

        def move(connection: Any) -> int:
            moved: int = sum(
                connection.execute(MERGE.format(*tables), users).rowcount
                for tables in (TABLES, TABLES[::-1])
            )
            for table, keep in zip(TABLES, limits, strict=True):
                connection.execute(TRIM.format(table), [[user], keep])
                connection.execute(ERASE.format(table), [anonymous])
            return moved

        return self._write([anonymous, user], move)

    def ping(self) -> None:
        """Check that the store answers; see ``Store.ping``."""
        self._run(lambda connection: connection.execute("SELECT 1 FROM prismrec_events LIMIT 1"))

    def close(self) -> None:
        """Close the connections; see ``Store.close``."""
        self._pool.close()

    def _connect(self) -> Any:
        return connect_postgres(self._parts, DEADLINE, autocommit=True, client_encoding="utf8")

    def _prepare(self, connection: Any) -> None:
        connection.isolation_level = self._psycopg.IsolationLevel.READ_COMMITTED
        connection.execute(f"SET statement_timeout = {round(1e3 * DEADLINE)}")

    def _write(self, users: list[str], work: Callable[[Any], T]) -> T:
        """Run ``work`` in a transaction that no other writer of these users can interrupt.

        Raises:
            StoreError: See ``_run``; or the answer to the commit was lost. Then it is unknown what
                is stored, and a second attempt would count it as nothing new.
        """

        def write(connection: Any) -> T:
            is_committing = False
            try:
                with connection.transaction():
                    connection.execute(DURABLE)
                    connection.execute(LOCK, [users])
                    result = work(connection)
                    is_committing = True
            except self._psycopg.Error as error:
                if is_committing:
                    raise self._failed(error) from None
                raise
            return result

        return self._run(write)

    def _run(self, work: Callable[[Any], T]) -> T:
        """Run ``work``, and again if it fails: a restarted server has closed idle connections."""
        try:
            try:
                with self._pool.lend() as connection:
                    return work(connection)
            except self._psycopg.OperationalError as error:
                errors = self._psycopg.errors
                waited = errors.QueryCanceled, errors.LockNotAvailable
                if isinstance(error.__cause__, TimeoutError) or isinstance(error, waited):
                    raise  # it would not answer now either
                self._pool.clear()
                with self._pool.lend() as connection:
                    return work(connection)
        except self._psycopg.Error as error:
            raise self._failed(error) from None

    def _failed(self, error: Any) -> StoreError:
        secrets = [str(self._parts.get(k) or "") for k in ("password", "sslpassword")]
        message = error.diag.message_primary or str(error)  # without details, which have rows
        return server_failed("postgresql", message, secrets)

    def _migrate(self, connection: Any) -> None:
        with connection.transaction():
            connection.execute(DURABLE)
            connection.execute("SELECT pg_advisory_xact_lock(%s)", [NUMBER])
            (encoding,) = connection.execute("SHOW server_encoding").fetchone()
            if encoding != "UTF8":
                raise ConfigError(
                    f"The store postgresql has the encoding {encoding}; use a database in UTF8."
                )
            (made,) = connection.execute("SELECT to_regclass('prismrec_schema')").fetchone()
            if made is None:
                connection.execute("CREATE TABLE prismrec_schema AS SELECT 0 AS version")
            (version,) = connection.execute("SELECT version FROM prismrec_schema").fetchone()
            refuse_newer("postgresql", version, len(MIGRATIONS))
            for statement in (s for step in MIGRATIONS[version:] for s in step):
                connection.execute(statement)
            if version < len(MIGRATIONS):
                connection.execute("UPDATE prismrec_schema SET version = %s", [len(MIGRATIONS)])


def _by_table(events: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """Return the events that are no dislikes, and the dislikes; the first event of each id."""
    if not any(event.disliked for event in events):
        return list(events), []
    first = {(event.user, event.id): event for event in reversed(events)}
    distinct = [event for event in events if first[event.user, event.id] is event]
    liked = [event for event in distinct if not event.disliked]
    return liked, [event for event in distinct if event.disliked]
