"""Output of commands: one JSON object for programs, lines for people; at most 80 columns."""

import json
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from prismrec.errors import ConfigError


def check_out(out: Path) -> None:
    """Raise ConfigError for an output without a name: other outputs are named after it."""
    if out.name in ("", ".."):
        raise ConfigError(
            f"--out is {str(out)!r}, which has no name of its own; write the name of a new folder "
            "or file, such as ./new."
        )


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


def wrapped(text: str, width: int = 80, indent: str = "  ") -> str:
    """Return a text in lines of at most ``width`` characters; words are not broken."""
    return textwrap.fill(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


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
