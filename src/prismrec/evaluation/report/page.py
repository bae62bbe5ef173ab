"""A report as one HTML page without scripts, other files or network."""

from collections.abc import Iterator

from prismrec.evaluation.report.content import Content
from prismrec.evaluation.report.sections import Section, sections
from prismrec.evaluation.report.svg import CHART_STYLE, text
from prismrec.evaluation.report.tables import Cell, Table

STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2126; --soft: #5b6670;
  --rule: #dfe3e7; --wash: #f4f6f8; }
@media (prefers-color-scheme: dark) { :root { --paper: #15181c; --ink: #e8eaed; --soft: #a3adb7;
  --rule: #363d45; --wash: #1e2328; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 66rem; background: var(--paper);
  color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 0 0 .75rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; }
p { max-width: 44rem; margin: .5rem 0 1rem; color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .9rem; }
a { color: inherit; text-underline-offset: .2em; text-decoration-color: var(--soft); }
pre { background: var(--wash); padding: .75rem 1rem; border-radius: .4rem; overflow-x: auto;
  font-size: .85rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1.25rem; margin: .75rem 0; }
dt { color: var(--soft); }
dd { margin: 0; overflow-wrap: anywhere; }
ul { max-width: 48rem; padding-left: 1.2rem; }
li { margin: .35rem 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .5rem; text-align: right; white-space: nowrap; vertical-align: top;
  border-bottom: 1px solid var(--rule); }
thead th { color: var(--soft); font-weight: 500; }
th:first-child { text-align: left; position: sticky; left: 0; background: var(--paper);
  padding-left: 0; white-space: normal; overflow-wrap: anywhere; min-width: 8.5rem;
  max-width: 16rem; font-weight: 500; }
.best { font-weight: 700; }
.muted, small { color: var(--soft); font-weight: 400; }
small { display: block; font-size: .75rem; line-height: 1.2; }
figure { margin: 1rem 0; max-width: 36rem; }
svg { display: block; width: 100%; height: auto; }
summary { cursor: pointer; color: var(--soft); font-size: .9rem; }
@media (max-width: 30rem) { dl { grid-template-columns: 1fr; gap: 0; }
  dd { margin-bottom: .5rem; } }
"""


def page(content: Content) -> str:
    """Return a report as an HTML page, for small screens too, in a light and a dark theme."""
    shown = sections(content)
    links = "".join(f'<a href="#{text(s.key)}">{text(s.title)}</a>' for s in shown)
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{text(content.title)}</title>",
        f"<style>{STYLE}{CHART_STYLE}</style>",
        f"<h1>{text(content.title)}</h1>",
        f"<nav>{links}</nav>",
        "<main>",
        *(line for section in shown for line in _section(section)),
        "</main>",
        "</html>",
    ]
    return "\n".join(lines) + "\n"


def table(content: Table) -> str:
    """Return a table as HTML; it scrolls if it is wider than the page."""
    head = "".join(f'<th scope="col">{_two_lines(cell)}</th>' for cell in content.head)
    rows = [
        f'<tr><th scope="row">{_two_lines(first)}</th>{"".join(_cell(cell) for cell in rest)}</tr>'
        for first, *rest in content.rows
    ]
    opened = '<div class="scroll" tabindex="0"><table>'
    return "\n".join(
        [opened, f"<thead><tr>{head}</tr></thead>", "<tbody>", *rows, "</tbody></table></div>"]
    )


def _cell(cell: Cell) -> str:
    kind = "best" if cell.best else "muted" if cell.muted else ""
    opened = f'<td class="{kind}">' if kind else "<td>"
    return f"{opened}{_two_lines(cell)}</td>"


def _two_lines(cell: Cell) -> str:
    """Return a cell as HTML, with the text below in a small font."""
    below = f"<small>{text(cell.below)}</small>" if cell.below else ""
    return f"{text(cell.text)}{below}"


def _section(section: Section) -> Iterator[str]:
    yield f'<section id="{text(section.key)}">'
    yield f"<h2>{text(section.title)}</h2>"
    if section.about:
        yield f"<p>{text(section.about)}</p>"
    if section.code:
        yield f"<pre>{text(section.code)}</pre>"
    if section.facts:
        facts = section.facts.items()
        yield f"<dl>{''.join(f'<dt>{text(n)}</dt><dd>{text(v)}</dd>' for n, v in facts)}</dl>"
    if section.chart:
        yield f"<figure>{section.chart}</figure>"
    if section.folded:
        yield "<details><summary>The numbers</summary>"
        yield from (table(numbers) for numbers in section.folded)
        yield "</details>"
    yield from (table(numbers) for numbers in section.tables)
    if section.sentences:
        yield f"<ul>{''.join(f'<li>{text(s)}</li>' for s in section.sentences)}</ul>"
    yield "</section>"
