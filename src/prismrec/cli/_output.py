"""What commands print: one JSON object for programs, lines for people, 80 columns wide."""

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
    """Tell a person what is going on, beside the answer: on stderr."""
    if not quiet:
        print(text, file=sys.stderr, flush=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay out a table: the first column to the left, the others to the right."""
    widths = [max(len(row[c]) for row in [header, *rows]) for c in range(len(header))]
    return [
        " ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in [header, *rows]
    ]
