"""Short text and HTML representations of values: tables of names and values, and times."""

from collections.abc import Iterable
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
    body = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(shorten(value))}</td></tr>" for name, value in rows
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{body}</tbody></table>"


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
