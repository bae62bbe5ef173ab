"""A report as Markdown, with tables that are readable as plain text."""

import re
from collections.abc import Iterable, Iterator, Sequence

from prismrec.evaluation.report.content import Content
from prismrec.evaluation.report.sections import Section, sections
from prismrec.evaluation.report.tables import Cell, Table


def markdown(content: Content, *, plots: str = "") -> str:
    """Return a report as Markdown.

    Args:
        content: Content of the report.
        plots: Folder of the charts, relative to the Markdown file; "" leaves the charts out, but
            not their numbers.
    """
    blocks = [f"# {plain(content.title)}"]
    for section in sections(content):
        blocks += _blocks(section, plots)
    return "\n\n".join(blocks) + "\n"


def table(content: Table) -> str:
    """Return a table as Markdown, with aligned columns."""
    rows = [[_cell(cell) for cell in row] for row in content.rows]
    head = [_cell(cell) for cell in content.head]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]

    def line(cells: list[str]) -> str:
        numbers = [cell.rjust(width) for cell, width in zip(cells, widths, strict=True)][1:]
        return f"| {' | '.join([cells[0].ljust(widths[0]), *numbers])} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join([line(head), line(rule), *(line(row) for row in rows)])


def markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return texts as a Markdown table, with aligned columns; all text is escaped."""
    return table(Table([Cell(name) for name in head], [[Cell(text) for text in r] for r in rows]))


def plain(text: str) -> str:
    """Return text for Markdown: on one line, with special characters escaped."""
    return re.sub(r"([\\`*\[\]<>|~#&]|(?<!\w)_|_(?!\w))", r"\\\1", " ".join(text.split()))


def _cell(cell: Cell) -> str:
    return f"**{plain(cell.line)}**" if cell.best else plain(cell.line)


def _blocks(section: Section, plots: str) -> Iterator[str]:
    yield f"## {section.title}"
    if section.about:
        yield section.about
    if section.code:
        yield _fenced(section.code)
    if section.facts:
        yield "\n".join(f"- **{plain(n)}**: {plain(value)}" for n, value in section.facts.items())
    if section.chart and plots:
        yield f"![{section.title}]({plots}/{section.key}.svg)"
    yield from (table(numbers) for numbers in (*section.folded, *section.tables))
    if section.sentences:
        yield "\n".join(f"- {plain(sentence)}" for sentence in section.sentences)


def _fenced(text: str) -> str:
    """Return text as a code block; its fence is longer than any fence in the text."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text.strip()}\n{fence}"
