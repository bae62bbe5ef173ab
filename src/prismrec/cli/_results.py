"""Tables of the main results of an evaluation, printed by ``evaluate`` and ``demo``."""

from collections.abc import Sequence

from prismrec.cli._output import table
from prismrec.evaluation import INTEREST_LENGTH, Entry, Report

NOTHING = "–"


def results_table(entries: Sequence[Entry], ks: Sequence[int]) -> list[str]:
    """Return the lines of the tables and of their legends.

    Args:
        entries: The evaluated recommenders.
        ks: Lengths of the lists, ascending.
    """
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
    legend += [
        f"{entry.name}: the same model as {entry.one_interest_of}, with one interest (K=1)."
        for entry in sorted(entries, key=lambda entry: entry.name)
        if entry.one_interest_of is not None
    ]
    return [*table(header, rows), *legend, "", *interests_table(entries, ks)]


def interests_table(entries: Sequence[Entry], ks: Sequence[int]) -> list[str]:
    """Return the lines of the table of S-recall and of the interests in a list, and its legend.

    Seen items are left out of these lists. A baseline has no interests.
    """
    names = [f"subtopic_recall@{k}" for k in ks]
    header = ["", *(f"S@{k}" for k in ks), "largest", "used"]
    rows = []
    for entry in entries:
        report, row = entry.filtered, [cell(entry.filtered, name) for name in names]
        largest, used = report.largest_share, report.interests_used
        if entry.baseline or largest is None or used is None:
            rows.append([entry.name, *row, NOTHING, NOTHING])
        else:
            rows.append([entry.name, *row, f"{100 * largest:.0f} %", f"{used:g}"])
    return [
        *table(header, rows),
        "",
        "S@k: S-recall, the share of the categories of the targets that the list has.",
        f"largest: share of the first {min(ks[-1], INTEREST_LENGTH)} items that belong to the "
        "largest interest;",
        "used: number of interests that these items belong to (medians over users; filt).",
    ]


def cell(report: Report, name: str) -> str:
    """Return one number of the table, such as ``.3273``; a dash if it was not measured."""
    if name not in report.metrics:
        return NOTHING
    return f"{report.metrics[name]:.4f}".removeprefix("0")
