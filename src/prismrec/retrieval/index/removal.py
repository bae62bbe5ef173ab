"""Removal of tables of item vectors that no artifact uses any more.

    claim_tables(tables, "books/index")          # books/ is written and uses them
    remove_tables(old - kept)                    # not those that an artifact of this machine uses

The mark of a table has the places of the artifacts that were saved with it or published with it. A
place counts while it has an index that uses the table. So nothing has to be recorded when an
artifact is replaced or removed; one that was moved or copied by hand, or that another machine has,
does not count.
"""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from prismrec.errors import DataError
from prismrec.retrieval.index.postgres import (
    BUILD_OR_RESTORE,
    NAME,
    Table,
    connected,
    read_mark,
    saved_tables,
    with_name,
)

WAIT = "10s"
"""Longest wait for a table that is in use, before its removal fails."""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"
"""Builders and removers of a table wait for each other until the end of the transaction."""


def claim_tables(tables: Collection[Table], place: str | Path) -> None:
    """Record in the tables of a saved index where it is.

    Args:
        tables: Its tables: see ``saved_tables``.
        place: The folder that it is in, or gets into.

    Raises:
        DataError: A table does not exist any more, or the database cannot be reached.
        MissingExtra: psycopg is not installed.
    """
    for table in sorted(tables):
        with connected(table.url) as connection:
            mark = _locked_mark(connection, table.name)
            if mark is None:
                raise DataError(
                    f"The index in {place} needs the table {table.name}, which was removed "
                    f"meanwhile; {BUILD_OR_RESTORE}."
                )
            places = sorted({*_places(mark), str(Path(place).resolve())})
            # Without a mark, prismrec did not build the table and never removes it.
            if mark and places != _places(mark):
                _write_mark(connection, table.name, {**mark, "places": places})


def places_in_use(table: Table, mark: dict[str, Any]) -> list[str]:
    """Return the folders of saved indexes on this machine that use a table, from its mark.

    Raises:
        DataError: A place of the mark has a damaged index.
    """
    return [
        place
        for place in _places(mark)
        if any(one.name == table.name for one in saved_tables(place))
    ]


def remove_tables(tables: Collection[Table]) -> frozenset[Table]:
    """Remove the tables that no artifact of this machine uses; return those that do not exist now.

    Args:
        tables: The tables.

    Raises:
        DataError: A table has no mark of this package, another session uses it for longer than
            ``WAIT``, or the database cannot be reached. The tables before it are removed.
        MissingExtra: psycopg is not installed.
    """
    removed = set()
    for table in sorted(tables):
        with connected(table.url) as connection:
            connection.execute(f"SET LOCAL lock_timeout = '{WAIT}'")
            mark = _locked_mark(connection, table.name)
            if mark is not None:
                if not (mark and NAME.fullmatch(table.name)):
                    raise DataError(
                        f"The table {table.name} was to be removed, but prismrec did not build it; "
                        "remove it yourself if nothing uses it."
                    )
                if places_in_use(table, mark):
                    continue
                connection.execute(with_name("DROP TABLE {}", table.name))
            removed.add(table)
    return frozenset(removed)


def _locked_mark(connection: Any, table: str) -> dict[str, Any] | None:
    """Return the mark of a table, which no other process changes then; None without the table."""
    connection.execute(LOCK, [table])
    found = connection.execute(
        "SELECT obj_description(oid, 'pg_class') FROM pg_class"
        " WHERE oid = to_regclass(quote_ident(%s)) AND relkind = 'r'",
        [table],
    ).fetchone()
    return None if found is None else read_mark(found[0])


def _places(mark: dict[str, Any]) -> list[str]:
    """Return the places of a mark; none if it has none, as those of earlier versions."""
    places = mark.get("places")
    return [place for place in places if isinstance(place, str)] if isinstance(places, list) else []


def _write_mark(connection: Any, table: str, mark: dict[str, Any]) -> None:
    """Write a mark. Only the owner of a table may; for others nothing is written.

    The owner does not know their artifacts then, and may remove the table.
    """
    from psycopg import errors, sql

    comment = sql.Literal(json.dumps(mark))
    command = sql.SQL("{} {}").format(with_name("COMMENT ON TABLE {} IS", table), comment)
    try:
        connection.execute(command)
    except errors.InsufficientPrivilege:
        connection.rollback()
