"""Tables in HTML, for notebooks."""

from collections.abc import Iterable, Sequence
from html import escape


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an HTML table; all text is escaped.

    Args:
        caption: Text above the table.
        head: Names of the columns.
        rows: Cells, as many per row as there are columns.
    """
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = (f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f"<table><caption>{escape(caption)}</caption><thead><tr>{names}</tr></thead>"
        f"<tbody>{''.join(lines)}</tbody></table>"
    )
