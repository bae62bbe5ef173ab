"""Short text and HTML representations of values: tables of names and values, and times."""

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

WIDTH = 100
"""Maximum length of a value in characters."""


def text_facts(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """Return a title and one line per row, with aligned values."""
    cells = [(name, shorten(value)) for name, value in rows]
    width = max((len(name) for name, _ in cells), default=0)
    return "\n".join([title, *(f"  {name:<{width}}  {text}" for name, text in cells)])


def html_facts(title: str, rows: Iterable[tuple[str, object]]) -> str:
    """Return an HTML table with a caption and one line per row; all text is escaped."""
    lines = (_cells("th", [name]) + _cells("td", [shorten(value)]) for name, value in rows)
    return _html(title, "", lines)


def html_table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str = "") -> str:
    """Return an HTML table; all text is escaped.

    Args:
        head: Names of the columns.
        rows: Cells, as many per row as there are columns.
        caption: Text above the table.
    """
    names = f"<thead><tr>{_cells('th', head)}</tr></thead>"
    return _html(caption, names, (_cells("td", row) for row in rows))


def _html(caption: str, head: str, rows: Iterable[str]) -> str:
    above = f"<caption>{escape(caption)}</caption>" if caption else ""
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table>{above}{head}<tbody>{body}</tbody></table>"


def _cells(kind: str, texts: Iterable[str]) -> str:
    return "".join(f"<{kind}>{escape(text)}</{kind}>" for text in texts)


def shorten(value: object) -> str:
    """Return a value as text on one line of at most ``WIDTH`` characters."""
    text = f"{value:,}" if isinstance(value, int) else " ".join(str(value).split())
    return text if len(text) <= WIDTH else f"{text[: WIDTH - 1]}…"


def written_time(time: int) -> str:
    """Return microseconds since 1970 UTC as a date and time, such as ``2020-01-31T08:00:00Z``.

    Microseconds are written only if there are any.
    """
    seconds, rest = divmod(time, 10**6)
    fraction = f".{rest:06d}" if rest else ""
    return f"{np.datetime64(seconds, 's')}{fraction}Z"
