"""The main numbers of an evaluation as a table of text: what ``evaluate`` and ``demo`` print."""

from collections.abc import Sequence

from prismrec.cli._output import table
from prismrec.evaluation import Entry, Report


def results_table(entries: Sequence[Entry], ks: Sequence[int]) -> list[str]:
    """Lay the main numbers out as a table: seen items kept, and filtered."""
    names = [f"recall@{k}" for k in ks] + [f"ndcg@{ks[-1]}"]
    short = [f"R@{k}" for k in ks] + [f"N@{ks[-1]}"]
    header = ["", *(f"{n} keep" for n in short), *(f"{n} filt" for n in short)]
    rows = [
        [e.name, *(cell(report, n) for report in (e.keep, e.filtered) for n in names)]
        for e in entries
    ]
    return table(header, rows)


def cell(report: Report, name: str) -> str:
    """Give one number of the table: ``.3273``."""
    return f"{report.metrics[name]:.4f}".removeprefix("0")
