"""Events in PostgreSQL: for several machines that share histories.

    PostgresStore("postgresql://prism@db/shop")

What is not in the address libpq takes from its own places (``PGPASSWORD``, ``~/.pgpass``). The
tables are ``prismrec_events`` and ``prismrec_schema`` of the first schema in the search path; the
right to make tables is needed once. A commit returns once the log is on disk
(synchronous_commit on, or what the server sets beyond it). A server may restart in between.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, TypeVar

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
from prismrec.service.stores.pool import Pool

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        "CREATE TABLE prismrec_events (arrival bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        ' user_id text COLLATE "C" NOT NULL, id text COLLATE "C" NOT NULL, time bigint NOT NULL,'
        " item text NOT NULL, UNIQUE (user_id, id))",
        "CREATE INDEX ON prismrec_events (user_id, time, arrival)",
    ),
)
"""What brings the tables from version i to i + 1; ``prismrec_schema`` says where they are."""
NUMBER = 7_747_665
"""Names this package's locks among others of the database."""
DURABLE = """
    SELECT set_config('synchronous_commit', 'on', true)
    WHERE current_setting('synchronous_commit') IN ('off', 'local', 'remote_write')
"""
# Who writes a user's events waits for the one who does: arrivals are in the order of commits, and
# batches cannot wait for each other in a ring, as all take locks in one order. Few locks, for the
# server's table of them is small.
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
T = TypeVar("T")


class PostgresStore(Store):
    """A table in a database; see the module. Holds a connection a thread at work."""

    kind: ClassVar[str] = "postgres"

    def __init__(self, url: str, *, keep: int = KEEP) -> None:
        super().__init__(url, keep=keep)
        try:
            import psycopg
        except ImportError as error:
            raise MissingExtra.for_("The store postgresql", "stores") from error
        try:
            self._parts = psycopg.conninfo.conninfo_to_dict(url)
        except psycopg.Error:  # whose text repeats what may be the password
            raise ConfigError(
                "The address of a store, postgresql:…, is none that libpq can read; write "
                "postgresql://user@host:port/database, special characters as %XX."
            ) from None
        self._psycopg = psycopg
        self._pool = Pool(self._connect, self._prepare)
        self._run(self._migrate)

    @property
    def promise(self) -> str:
        """See ``Store.promise``."""
        (fsync,) = self._run(lambda connection: connection.execute("SHOW fsync").fetchone())
        if fsync == "off":
            return "PostgreSQL does not wait for its disk (fsync off): a power cut may cost all."
        return "An acknowledged event is on the server's disk: it survives crashes and power cuts."

    def append(self, events: Iterable[Event]) -> int:
        """See ``Store.append``."""
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
        """See ``Store.recent_many``."""
        asked = [checked_query(users, n), min(n, self._keep)]
        found: list[list[Event]] = [[] for _ in users]
        for place, user, item, time, name, _ in self._run(
            lambda connection: connection.execute(RECENT, asked).fetchall()
        ):
            found[place].append(Event(user, item, time, name))
        return found

    def forget(self, user: str) -> int:
        """See ``Store.forget``; the bytes go with the server's next vacuum."""
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

    def ping(self) -> None:
        """See ``Store.ping``."""
        self._run(lambda connection: connection.execute("SELECT 1 FROM prismrec_events LIMIT 1"))

    def close(self) -> None:
        """See ``Store.close``."""
        self._pool.close()

    def _connect(self) -> Any:
        waits: dict[str, Any] = {"connect_timeout": "5", **self._parts}
        return self._psycopg.connect(**waits, autocommit=True, client_encoding="utf8")

    def _prepare(self, connection: Any) -> None:
        connection.isolation_level = self._psycopg.IsolationLevel.READ_COMMITTED
        connection.execute("SET statement_timeout = '30s'")

    def _run(self, work: Callable[[Any], T]) -> T:
        """Do ``work``, once more where it failed: a restarted server broke what was idle."""
        try:
            try:
                with self._pool.lend() as connection:
                    return work(connection)
            except self._psycopg.OperationalError:
                self._pool.clear()
                with self._pool.lend() as connection:
                    return work(connection)
        except self._psycopg.Error as error:
            raise StoreError(
                f"The store postgresql could not be used ({self._said(error)}); check its address "
                "and that it runs."
            ) from None

    def _said(self, error: Exception) -> str:
        """Give an error's text, in one line and without what is secret in the address."""
        said = " ".join(str(error).split())
        for secret in (self._parts.get("password"), self._parts.get("sslpassword")):
            said = said.replace(str(secret), "***") if secret else said
        return said

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
