"""Events in PostgreSQL: for several machines that share histories.

    PostgresStore("postgresql://prism@db/shop")

What the address leaves out, libpq reads from its usual sources (``PGPASSWORD``, ``~/.pgpass``). The
tables are ``prismrec_events`` and ``prismrec_schema`` in the first schema of the search path; the
right to create tables is needed once. A commit returns when the log is on disk (synchronous_commit
is on, or stricter if the server is). The server may restart at any time.
"""

from collections.abc import Callable, Iterable, Sequence
from time import monotonic
from typing import Any, ClassVar, TypeVar

from prismrec.errors import ConfigError, MissingExtra
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
from prismrec.service.stores.pool import Pool

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE prismrec_events (arrival bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        ' user_id text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, time bigint NOT NULL,'
        " item text NOT NULL, UNIQUE (user_id, id))",
        "CREATE INDEX ON prismrec_events (user_id, time, arrival)",
    ),
)
"""Statements that migrate the tables from version i to i + 1, as ``prismrec_schema`` has it."""
NUMBER = 7_747_665
"""Number of this package's advisory locks."""
DURABLE = """
    SELECT set_config('synchronous_commit', 'on', true)
    WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
"""
# Writers of the same user wait for each other, so that arrivals are in the order of commits. All
# take the locks in the same order, so there is no deadlock. There are few locks, because the
# server's table of locks is small.
LOCK = f"""
    SELECT pg_advisory_xact_lock({NUMBER}, place) FROM (
        SELECT DISTINCT hashtext(user_id) & 255 AS place FROM unnest(%s::text[]) AS user_id
        ORDER BY place
    ) AS places
"""  # noqa: S608
INSERT = """
    INSERT INTO prismrec_events (user_id, item, time, id)
    SELECT user_id, item, time, id
    FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::text[])
    WITH ORDINALITY AS sent(user_id, item, time, id, place) ORDER BY place
    ON CONFLICT DO NOTHING
"""
TRIM = """
    DELETE FROM prismrec_events WHERE arrival IN (
        SELECT old.arrival FROM unnest(%s::text[]) AS asked(user_id), LATERAL (
            SELECT arrival FROM prismrec_events AS e WHERE e.user_id = asked.user_id
            ORDER BY time DESC, arrival DESC OFFSET %s
        ) AS old
    )
"""
RECENT = """
    SELECT place - 1, newest.* FROM unnest(%s::text[]) WITH ORDINALITY AS asked(user_id, place),
    LATERAL (
        SELECT user_id, item, time, id, arrival FROM prismrec_events AS e
        WHERE e.user_id = asked.user_id ORDER BY time DESC, arrival DESC LIMIT %s
    ) AS newest
    ORDER BY place, time, arrival
"""
FORGET = "DELETE FROM prismrec_events WHERE user_id = %s AND id = ANY(%s::text[])"
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
"""Seconds without an answer after which the system asks whether the server is there."""
T = TypeVar("T")


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
        self._connection = _with_deadline()
        self._pool = Pool(self._connect, self._prepare)
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
        columns = [list(column) for column in zip(*checked, strict=True)]

        def write(connection: Any) -> int:
            with connection.transaction():
                connection.execute(DURABLE)
                connection.execute(LOCK, [users])
                stored = connection.execute(INSERT, columns)
                connection.execute(TRIM, [users, self._keep])
            return int(stored.rowcount)

        return self._run(write)

    def recent_many(self, users: Sequence[str], n: int) -> list[list[Event]]:
        """Return the newest events; see ``Store.recent_many``."""
        parameters = [checked_query(users, n), min(n, self._keep)]
        events: list[list[Event]] = [[] for _ in users]
        for place, user, item, time, name, _ in self._run(
            lambda connection: connection.execute(RECENT, parameters).fetchall()
        ):
            events[place].append(Event(user, item, time, name))
        return events

    def forget(self, user: str) -> int:
        """Erase a user's events; see ``Store.forget``. The next vacuum removes their bytes."""
        checked_id("user", user)

        def erase(connection: Any) -> int:
            with connection.transaction():
                connection.execute(DURABLE)
                connection.execute(LOCK, [[user]])
                erased = connection.execute(
                    "DELETE FROM prismrec_events WHERE user_id = %s", [user]
                )
            return int(erased.rowcount)

        return self._run(erase)

    def forget_events(self, user: str, ids: Sequence[str]) -> int:
        """Erase events by id; see ``Store.forget_events``."""
        checked_id("user", user)

        def erase(connection: Any) -> int:
            with connection.transaction():
                connection.execute(DURABLE)
                connection.execute(LOCK, [[user]])
                erased = connection.execute(FORGET, [user, list(ids)])
            return int(erased.rowcount)

        return self._run(erase)

    def ping(self) -> None:
        """Check that the store answers; see ``Store.ping``."""
        self._run(lambda connection: connection.execute("SELECT 1 FROM prismrec_events LIMIT 1"))

    def close(self) -> None:
        """Close the connections; see ``Store.close``."""
        self._pool.close()

    def _connect(self) -> Any:
        options: dict[str, Any] = {
            "connect_timeout": round(DEADLINE),
            "tcp_user_timeout": round(1e3 * DEADLINE),
            **KEEPALIVE,
            **self._parts,
        }
        return self._connection.connect(**options, autocommit=True, client_encoding="utf8")

    def _prepare(self, connection: Any) -> None:
        connection.isolation_level = self._psycopg.IsolationLevel.READ_COMMITTED
        connection.execute(f"SET statement_timeout = {round(1e3 * DEADLINE)}")

    def _run(self, work: Callable[[Any], T]) -> T:
        """Run ``work``, and again if it fails: a restarted server has closed idle connections."""
        try:
            try:
                with self._pool.lend() as connection:
                    return work(connection)
            except self._psycopg.OperationalError as error:
                if isinstance(error.__cause__, TimeoutError):  # it would not answer now either
                    raise
                self._pool.clear()
                with self._pool.lend() as connection:
                    return work(connection)
        except self._psycopg.Error as error:
            secrets = [str(self._parts.get(k) or "") for k in ("password", "sslpassword")]
            raise server_failed("postgresql", error, secrets) from None

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


def _with_deadline() -> Any:
    """Return a class of connections whose calls end: a stopped server keeps its connections open.

    libpq waits for an answer for as long as the connection exists, and ``statement_timeout`` is a
    clock of the server.
    """
    import psycopg

    class Connection(psycopg.Connection[Any]):
        def wait(self, gen: Any, *rest: Any, **options: Any) -> Any:
            return super().wait(_until(gen, monotonic() + DEADLINE), *rest, **options)

    def _until(generator: Any, end: float) -> Any:
        """Yield from a generator that waits for a socket, until the time is over."""
        try:
            asked = next(generator)
            while True:
                ready = yield asked
                if not ready and monotonic() > end:
                    generator.close()
                    raise psycopg.OperationalError(
                        f"no answer in {DEADLINE:g} seconds"
                    ) from TimeoutError()
                asked = generator.send(ready)
        except StopIteration as done:
            return done.value

    return Connection
