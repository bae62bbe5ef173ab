"""Output of commands: one JSON object for programs, lines for people; at most 80 columns.

Titles, names and ids are shown without the characters by which a text could control the terminal
or change the order of other text. In JSON these are escaped, so that the values stay the same.
"""

import codecs
import io
import json
import os
import re
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from glob import glob
from pathlib import Path
from typing import Any, TextIO

from prismrec.errors import ConfigError

CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters without the line feed, separators of lines, overrides of the direction of
text, and halves of surrogate pairs, which cannot be printed."""


def prepare_streams() -> None:
    """Make every character printable, as ``?`` where an encoding lacks it; replace a closed stderr.

    A command must not fail at its last line, after the work.
    """
    if sys.stderr is None:  # as after 2>&-
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 -- until the end
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and not _has_all_characters(stream):
            stream.reconfigure(errors="replace")


def _has_all_characters(stream: TextIO) -> bool:
    """Return whether a stream can write every character; one in memory has no encoding."""
    return not stream.encoding or codecs.lookup(stream.encoding).name.startswith("utf-")


def check_out(out: Path) -> None:
    """Raise ConfigError for an output without a name: other outputs are named after it."""
    if out.name in ("", ".."):
        raise ConfigError(
            f"--out is {str(out)!r}, which has no name of its own; write the name of a new folder "
            "or file, such as ./new."
        )


def check_inputs(out: Path, *inputs: str | Path | None) -> None:
    """Raise ConfigError for an input in the folder of the output, which would replace it.

    Args:
        out: The folder that will be written.
        inputs: Paths or globs; None for an input that was not given.
    """
    for given in inputs:
        for path in () if given is None else (given, *glob(str(given), recursive=True)):
            if Path(path).resolve().is_relative_to(out.resolve()):
                raise ConfigError(
                    f"{str(path)!r} is to be read, but it is in {str(out)!r}, which --out "
                    "replaces; write to another folder."
                )


def print_output(value: Mapping[str, Any], lines: Iterable[str], *, as_json: bool) -> None:
    """Print ``value`` as one JSON object, or ``lines``."""
    if as_json:
        ascii_only = sys.stdout is not None and not _has_all_characters(sys.stdout)
        text = json.dumps(value, ensure_ascii=ascii_only, allow_nan=False, default=str)
        print(CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text))
        return
    for line in lines:
        print(printable(line))


def print_note(text: str, *, quiet: bool = False) -> None:
    """Print a line on stderr, which keeps stdout for the result; a full disk is no error."""
    if not quiet:
        with suppress(OSError):
            print(printable(text), file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """Return a text of the same length, with a space or � for each of ``CONTROLS``."""
    return CONTROLS.sub(lambda found: " " if found[0].isspace() else "\ufffd", text)


def one_line(text: str) -> str:
    """Return a printable text, with spaces for line feeds: a value is part of one line."""
    return printable(text.replace("\n", " "))


def wrapped(text: str, indent: str = "  ") -> str:
    """Return a text in lines of at most 80 characters; words are not broken."""
    return textwrap.fill(
        text, 80, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return the lines of a table: the first column is left-aligned, the others right-aligned."""
    lines = [[one_line(cell) for cell in row] for row in [header, *rows]]
    widths = [max(len(row[c]) for row in lines) for c in range(len(header))]
    return [
        " ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in lines
    ]
