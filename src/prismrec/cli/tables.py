"""``prismrec tables``: the tables of item vectors in PostgreSQL."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from prismrec.cli._headings import AsJson
from prismrec.cli._output import print_output
from prismrec.recommend import TableUse, remove_unused_tables, table_uses


def tables(
    *folders: Path,
    remove: Annotated[bool, Parameter(negative="")] = False,
    hours: float = 24.0,
    as_json: AsJson = False,
) -> None:
    """List the tables of item vectors in the databases of some artifacts (--index pgvector).

    Each artifact has a table of its own. 'prismrec publish' removes the tables of the versions that
    it removes. An artifact that was never published, and was replaced or removed, leaves its table.

    Args:
        folders: All artifacts and folders of versions that use these databases.
        remove: Remove the tables that no artifact uses: none of these, and none that was saved or
            published on this machine.
        hours: With --remove: keep tables that were built in the last hours, because a training may
            not have saved its artifact yet.
        as_json: Print one JSON object.
    """
    uses = table_uses(folders)
    removed = remove_unused_tables(uses, hours) if remove else ()
    value = {
        "tables": [
            {
                "table": use.table.name,
                "database": use.table.url,
                "items": use.items,
                "built": use.built and use.built.isoformat(),
                "artifacts": use.artifacts,
                "removed": use.table.name in removed,
            }
            for use in uses
        ]
    }
    print_output(value, [line_of(use, removed) for use in uses], as_json=as_json)


def line_of(use: TableUse, removed: tuple[str, ...]) -> str:
    """Return the line of a table: its name, number of items, time and artifacts."""
    built = f"{use.built:%Y-%m-%d %H:%M}" if use.built else "unknown"
    used = "removed" if use.table.name in removed else ", ".join(use.artifacts) or "not used"
    return f"{use.table.name}  {use.items:>10,}  {built}  {used}"
