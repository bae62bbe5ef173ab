"""The tables of item vectors in PostgreSQL, and which artifacts use them.

    for use in table_uses(["versions", "experiment/model"]):
        print(use.table.name, use.artifacts)

``publish`` removes the tables of the versions that it removes. Other tables are left: of an
artifact that was trained and not published, and then replaced or removed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prismrec.errors import ConfigError, DataError, is_whole
from prismrec.recommend.manifest import INDEX, MANIFEST
from prismrec.recommend.publish import versions_in
from prismrec.retrieval import Table, places_in_use, remove_tables, saved_tables, tables_in


@dataclass(frozen=True)
class TableUse:
    """A table that this package built, and the artifacts that use it."""

    table: Table
    items: int
    """Number of items, from the mark of the table; 0 if it does not have the number."""
    built: datetime | None
    """When it was built; None if its mark does not have the time."""
    artifacts: tuple[str, ...]
    """Folders of the artifacts that use it: those that were named, and then others that were saved
    or published on this machine."""

    def is_unused(self, least_age: timedelta) -> bool:
        """Return whether no artifact uses the table, and it was built at least so long ago."""
        if self.artifacts or self.built is None:
            return False
        return datetime.now(UTC) - self.built >= least_age


def table_uses(folders: Sequence[str | Path]) -> list[TableUse]:
    """Return all tables of the databases that some artifacts use, in the order of their names.

    Args:
        folders: Artifacts, and folders of versions.

    Raises:
        DataError: A folder is neither, no artifact has a table, or a database cannot be reached.
        MissingExtra: The library of the database is not installed.
    """
    users: dict[Table, list[str]] = {}
    for artifact in _artifacts_in(folders):
        for table in saved_tables(artifact / INDEX):
            users.setdefault(table, []).append(str(artifact))
    if not users:
        named = ", ".join(map(str, folders))
        raise DataError(
            f"No artifact in {named} has a table in PostgreSQL; name artifacts of --index pgvector."
            if folders else
            "The tables of artifacts were to be listed, but no folder was given; name artifacts or "
            "folders of versions."
        )  # fmt: skip
    uses = []
    for url in sorted({table.url for table in users}):
        for table, mark in tables_in(url).items():
            own = users.get(table, [])
            places = {str(Path(place).parent) for place in places_in_use(table, mark)}
            others = sorted(places.difference(str(Path(one).resolve()) for one in own))
            items, built = _count(mark.get("items")), _time(mark.get("built"))
            uses.append(TableUse(table, items, built, (*own, *others)))
    return sorted(uses, key=lambda use: use.table)


def remove_unused_tables(uses: Sequence[TableUse], hours: float) -> tuple[str, ...]:
    """Remove the tables that no artifact uses; return their names.

    Args:
        uses: From ``table_uses``.
        hours: Younger tables are kept: their training may not have saved its artifact yet.

    Raises:
        ConfigError: ``hours`` is below 0.
        DataError: See ``retrieval.remove_tables``.
    """
    if not hours >= 0:
        raise ConfigError(f"hours is {hours}; give 0 or more.")
    unused = [use.table for use in uses if use.is_unused(timedelta(hours=hours))]
    return tuple(sorted(table.name for table in remove_tables(unused)))


def _artifacts_in(folders: Sequence[str | Path]) -> list[Path]:
    """Return the artifacts among some folders, and those in folders of versions.

    Raises:
        DataError: A folder is neither.
    """
    found = []
    for folder in map(Path, folders):
        versions = versions_in(folder) if folder.is_dir() else ()
        if (folder / MANIFEST).exists():
            found.append(folder)
        elif versions:
            found += [folder / one for one in versions]
        else:
            raise DataError(
                f"{folder} was given, but it is neither an artifact nor a folder of versions; name "
                "one made by 'prismrec train' or 'prismrec publish'."
            )
    return found


def _count(number: Any) -> int:
    """Return the number of items of a mark; 0 if it is not one."""
    return int(number) if is_whole(number, 0) else 0


def _time(text: Any) -> datetime | None:
    """Return the time of a mark; None if it is not one with a time zone."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None
