"""The output of ``publish`` and of ``rollback``."""

from collections.abc import Iterator
from pathlib import Path

from prismrec.cli._output import wrapped
from prismrec.recommend import Switch


def switch_lines(folder: Path, switch: Switch) -> Iterator[str]:
    """Yield the lines that describe a switch."""
    yield f"current   {switch.current}"
    yield f"before    {switch.before or 'none'}"
    yield f"versions  {len(switch.versions):,} in {folder}"
    for table in switch.removed_tables:
        yield f"removed   the table {table}"
    for table in switch.used_tables:
        yield f"kept      the table {table}, which another artifact uses"
    if switch.left:
        yield wrapped(f"left      tables of removed versions: {switch.left}")
