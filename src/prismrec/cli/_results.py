"""Table of the main results of an evaluation, printed by ``evaluate`` and ``demo``."""

from collections.abc import Sequence

from prismrec.cli._output import table
from prismrec.evaluation import Entry, Report


def results_table(entries: Sequence[Entry], ks: Sequence[int]) -> list[str]:
    """Return the lines of the table and of its legend."""
    names = [f"recall@{k}" for k in ks] + [f"ndcg@{ks[-1]}"]
    short = [f"R@{k}" for k in ks] + [f"N@{ks[-1]}"]
    header = ["", *(f"{n} keep" for n in short), *(f"{n} filt" for n in short)]
    rows = [
        [e.name, *(cell(report, n) for report in (e.keep, e.filtered) for n in names)]
        for e in entries
    ]
    legend = [
        "",
        "R@k: recall@k; N@k: ndcg@k; keep: the list may have items of the history;",
        "filt: it does not.",
    ]
    names_of_models = {entry.name for entry in entries}
    legend += [
        f"{name}-k1: the same model as {name}, with one interest (K=1)."
        for name in sorted(names_of_models)
        if f"{name}-k1" in names_of_models
    ]
    return table(header, rows) + legend


def cell(report: Report, name: str) -> str:
    """Return one number of the table, such as ``.3273``."""
    return f"{report.metrics[name]:.4f}".removeprefix("0")
