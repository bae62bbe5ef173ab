"""Tables of item vectors in PostgreSQL: connections, names and marks; see also ``removal``.

    saved_tables("books/index")         # Table(url="", name="prismrec_items_8457e00a0b318c1f")
    check_tables("books/index")         # raises if the database has another content under that name

A table that is built without a name is named after its content, so two artifacts of different
vectors never write to the same table. The comment of the table is its mark: JSON with the number of
items, the width, a SHA-256 of the content, the time and the places of artifacts.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from prismrec.errors import ConfigError, DataError, MissingExtra, PrismrecError
from prismrec.io import connect_postgres, read_manifest
from prismrec.retrieval.index.base import BUILD_AGAIN, FORM, HEADER

PREFIX, DIGITS = "prismrec_items_", 16
"""A table is named ``PREFIX`` and the first digits of the SHA-256 of its content."""
NAME = re.compile(rf"{PREFIX}[0-9a-f]{{{DIGITS}}}")
MARK_FORMAT = "prismrec-table-1"
BUILD_OR_RESTORE = f"{BUILD_AGAIN}, or restore the table"
SEARCH_DEADLINE, DEADLINE = 5.0, 60.0
"""Seconds for an answer to a search, and to other statements: these read whole tables."""
MARKED = """
    SELECT relname, obj_description(oid, 'pg_class') FROM pg_class
    WHERE relkind = 'r' AND pg_table_is_visible(oid) ORDER BY relname
"""


@dataclass(frozen=True, order=True)
class Table:
    """A table that is named after its content."""

    url: str
    """Address of the database for libpq, without a password."""
    name: str


@dataclass(frozen=True)
class Content:
    """What a table contains, or will contain."""

    items: int
    width: int
    sha256: str
    """Of width, item numbers and vectors, in hexadecimal; "" for a table of an earlier version."""

    @classmethod
    def of(cls, matrix: Float[np.ndarray, "N D"], numbers: Int[np.ndarray, " N"]) -> "Content":
        """Return the content of a table of some vectors and their ascending item numbers."""
        width = matrix.shape[1]
        digest = hashlib.sha256(str(width).encode())
        digest.update(np.ascontiguousarray(numbers, dtype="<i8").data)
        digest.update(np.ascontiguousarray(matrix, dtype="<f4").data)
        return cls(len(numbers), width, digest.hexdigest())

    @property
    def table(self) -> str:
        """The name of a table of this content."""
        return f"{PREFIX}{self.sha256[:DIGITS]}"

    def mark(self, now: datetime) -> str:
        """Return the mark of a table that is built now."""
        fields = {"format": MARK_FORMAT, **vars(self), "built": now.isoformat(timespec="seconds")}
        return json.dumps(fields)

    @classmethod
    def read(cls, connection: Any, table: str) -> "Content":
        """Count the rows of a table, and read its width and its mark.

        Raises:
            DataError: The database has no such table of vectors.
        """
        found = connection.execute(
            "SELECT atttypmod, obj_description(attrelid, 'pg_class') FROM pg_attribute"
            " WHERE attrelid = to_regclass(quote_ident(%s)) AND attname = 'vector'",
            [table],
        ).fetchone()
        if found is None:
            raise DataError(
                f"The index needs the table {table}, but the database has no such table of "
                f"vectors; {BUILD_OR_RESTORE}."
            )
        (items,) = connection.execute(with_name("SELECT count(*) FROM {}", table)).fetchone()
        return cls(int(items), int(found[0]), read_mark(found[1]).get("sha256", ""))

    def check(self, table: str, settings: Mapping[str, Any]) -> None:
        """Check that a saved index was built from this table; earlier ones saved only its rows.

        Raises:
            DataError: The table has other items, another width, or another content.
        """
        for field, what in (("items", "items"), ("width", "numbers per vector")):
            saved, found = settings.get(field, getattr(self, field)), getattr(self, field)
            if found != saved:
                raise DataError(
                    f"The table {table} contains {found} {what}, but the index was saved with "
                    f"{saved}; {BUILD_OR_RESTORE}."
                )
        if settings.get("sha256", self.sha256) != self.sha256:
            raise DataError(
                f"The table {table} contains the vectors of another artifact (their fingerprints "
                f"differ); {BUILD_OR_RESTORE}."
            )


def saved_tables(folder: str | Path) -> frozenset[Table]:
    """Return the tables that a saved index uses and that are named after their content.

    Other tables were named by somebody, and other programs may read them.

    Raises:
        DataError: A header of the index is damaged.
    """
    found = _settings_in(Path(folder))
    return frozenset(
        Table(settings["url"], settings["table"])
        for settings in found
        if NAME.fullmatch(settings["table"])
    )


def check_tables(folder: str | Path) -> None:
    """Check that the tables of a saved index have its content, however they are named.

    Raises:
        DataError: A table is missing or has another content, or the database cannot be reached.
        MissingExtra: psycopg is not installed.
    """
    for settings in _settings_in(Path(folder)):
        table = check_name(settings["table"])
        with connected(settings["url"]) as connection:
            Content.read(connection, table).check(table, settings)


def tables_in(url: str) -> dict[Table, dict[str, Any]]:
    """Return the marks of all tables of a database that are named after their content.

    Raises:
        DataError: The database cannot be reached.
        MissingExtra: psycopg is not installed.
    """
    with connected(url) as connection:
        marks = {name: read_mark(comment) for name, comment in connection.execute(MARKED)}
    return {Table(url, name): mark for name, mark in marks.items() if mark and NAME.fullmatch(name)}


def check_name(table: str) -> str:
    """Return the name of a table.

    Raises:
        ConfigError: It is not one.
    """
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", table):
        raise ConfigError(
            f"The table of an index was to be named {table!r}; choose a name of 1 to 63 letters, "
            "digits and _ that does not start with a digit."
        )
    return table


def with_name(statement: str, table: str) -> Any:
    """Return a statement with the quoted name of a table in it."""
    from psycopg import sql

    return sql.SQL(statement).format(sql.Identifier(table))


@contextmanager
def connected(
    url: str, error_class: type[PrismrecError] = DataError, *, deadline: float | None = DEADLINE
) -> Iterator[Any]:
    """Open a connection for one transaction, and close it.

    Args:
        url: Address of the database.
        error_class: Raised if the database fails.
        deadline: Seconds for each statement; None: no limit, while the server can be reached.

    Raises:
        DataError: The database cannot be reached, or a statement failed or took longer than
            ``deadline``; or ``error_class``.
        MissingExtra: psycopg is not installed.
    """
    try:
        import psycopg
    except ImportError as error:
        raise MissingExtra.for_("The index pgvector", "stores") from error
    try:
        parts = psycopg.conninfo.conninfo_to_dict(url)
        with connect_postgres(parts, deadline) as connection:
            if deadline is not None:
                connection.execute(f"SET LOCAL statement_timeout = {round(1e3 * deadline)}")
            yield connection
    except psycopg.Error as error:
        reason = str(error).strip().partition("\n")[0].rstrip(".")
        raise error_class(
            f"The database of an index could not be used ({reason}); check that the address is "
            "right and the server runs, and if a table is missing, build the index there."
        ) from error


def _settings_in(folder: Path) -> list[dict[str, Any]]:
    """Return the settings of all pgvector indexes of a saved index and its parts.

    Raises:
        DataError: A header is damaged.
    """
    found = []
    for path in sorted(folder.rglob(HEADER)):
        header = read_manifest(path, FORM)
        if header["kind"] == "pgvector":
            settings = header["settings"]
            if not all(isinstance(settings.get(name), str) for name in ("url", "table")):
                raise DataError(f"{path} names no table and no address; {BUILD_OR_RESTORE}.")
            found.append(settings)
    return found


def read_mark(comment: str | None) -> dict[str, Any]:
    """Return the mark in the comment of a table; {} without one."""
    try:
        mark = json.loads(comment or "")
    except (ValueError, RecursionError):
        return {}
    is_mark = isinstance(mark, dict) and mark.get("format") == MARK_FORMAT
    return mark if is_mark else {}
