"""Output of commands: one JSON object for programs, lines for people; at most 80 columns."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def print_output(value: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Print ``value`` as one JSON object, or ``lines``."""
    if as_json:
        print(json.dumps(value, ensure_ascii=False, allow_nan=False, default=str))
        return
    for line in lines:
        print(line)


def print_note(text: str, *, quiet: bool = False) -> None:
    """Print a line on stderr, which keeps stdout for the result."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column is left-aligned, the others right-aligned."""
    widths = [max(len(row[c]) for row in [header, *rows]) for c in range(len(header))]
    return [
        " ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    ]
