"""The tables of a report as text cells, the same for Markdown and HTML."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from prismrec.evaluation.metric_report import Report
from prismrec.evaluation.metrics import METRICS, split_metric
from prismrec.evaluation.report.content import Content, Entry

NOTHING = "–"
AT_LARGEST = ("ndcg", "hit_rate", "diversity", "coverage")
"""Metrics of the main table for the longest list."""
AT_SMALLEST = ("subtopic_recall",)
"""Metrics of the main table for the shortest list."""


class Cell(NamedTuple):
    """One cell; ``best`` is bold, ``muted`` is gray."""

    text: str
    below: str = ""
    """Text after it, on the same line or on the next one."""
    best: bool = False
    muted: bool = False

    @property
    def line(self) -> str:
        """The whole text on one line."""
        return f"{self.text} {self.below}".rstrip()


class Table(NamedTuple):
    """Rows with a header; the first column has the names of the rows."""

    head: list[Cell]
    rows: list[list[Cell]]


class Column(NamedTuple):
    """A metric, with seen items kept in the list or left out."""

    metric: str
    seen: str  # "keep" or "filter"
    head: Cell

    def of(self, entry: Entry) -> Report:
        """Return the report of the column."""
        return entry.keep if self.seen == "keep" else entry.filtered


def _columns(entries: Sequence[Entry]) -> list[Column]:
    """Return the columns of the main table: recall at every length of a list, and some others.

    A metric that no entry has is left out.
    """
    ks = sorted({split_metric(name)[1] for name in _metrics(entries)})
    names = [f"{name}@{k}" for k in ks[-1:] for name in AT_LARGEST]
    names += [f"{name}@{k}" for k in ks[:1] for name in AT_SMALLEST]
    columns = [
        Column(f"recall@{k}", seen, Cell(f"recall@{k}", seen))
        for k in ks
        for seen in ("keep", "filter")
    ]
    columns += [Column(name, "filter", Cell(name)) for name in names]
    return [c for c in columns if any(c.metric in c.of(entry).metrics for entry in entries)]


def _metrics(entries: Sequence[Entry]) -> list[str]:
    """Return the names of all metrics that an entry has, such as ``recall@20``."""
    return list(dict.fromkeys(name for entry in entries for name in entry.filtered.metrics))


def results_table(content: Content) -> Table:
    """Build the main table: one row per entry, "mean ± half-width" in each cell.

    The best mean of a column is bold, and so are means that print the same. No mean is bold if
    neither direction is better.
    """
    entries = content.entries
    columns = _columns(entries)
    best = [_best(column, entries) for column in columns]
    rows = []
    for entry in entries:
        cells = [Cell(entry.name, "(baseline)" if entry.baseline else "")]
        for column, top in zip(columns, best, strict=True):
            cells.append(_measured(column.of(entry), column.metric, top))
        rows.append([*cells, Cell(NOTHING if entry.seconds is None else f"{entry.seconds:.1f}")])
    return Table([Cell("model"), *(column.head for column in columns), Cell("seconds")], rows)


def metrics_table(content: Content) -> Table:
    """Build the table of all metrics: one row per metric, one column per entry, seen left out."""
    rows = []
    for name in _metrics(content.entries):
        column = Column(name, "filter", Cell(name))
        top = _best(column, content.entries)
        cells = [_measured(entry.filtered, name, top) for entry in content.entries]
        rows.append([column.head, Cell(_better(name) or NOTHING), *cells])
    return Table(_head("metric", "better", *(entry.name for entry in content.entries)), rows)


def _measured(report: Report, metric: str, top: str | None) -> Cell:
    if metric not in report.metrics:
        return Cell(NOTHING, muted=True)
    mean, _, spread = report.shown(metric).partition(" ")
    return Cell(mean, spread, best=mean == top)


def _shown(value: float) -> str:
    return f"{value:.4f}"


def _best(column: Column, entries: Sequence[Entry]) -> str | None:
    """Return the best mean of a column as text; None with one entry or without a direction."""
    better = _better(column.metric)
    reports = [column.of(entry) for entry in entries]
    means = [r.metrics[column.metric] for r in reports if column.metric in r.metrics]
    if not better or len(entries) < 2 or not means:
        return None
    return _shown(max(means) if better == "higher" else min(means))


def _better(metric: str) -> str:
    """Return the direction of a metric that is better, "higher" or "lower"; "" if neither is."""
    name, _ = split_metric(metric)
    return METRICS[name].better if name in METRICS else ""


def depth_table(content: Content) -> Table:
    """Build the table of recall by depth."""
    ks = sorted({k for curve in content.depth.values() for k in curve})
    rows = [
        [Cell(name), *(_number(curve.get(k)) for k in ks)] for name, curve in content.depth.items()
    ]
    return Table(_head("model", *(f"recall@{k}" for k in ks)), rows)


def tradeoff_table(content: Content) -> Table:
    """Build the table of recall and diversity by strength."""
    rows = [
        [Cell(name), Cell(f"{strength:g}"), _number(recall), _number(diversity)]
        for name, points in content.tradeoff.items()
        for strength, recall, diversity in points
    ]
    k = content.tradeoff_k
    return Table(_head("model", "λ", f"recall@{k}", f"diversity@{k}"), rows)


def models_table(content: Content) -> Table:
    """Build the table of diagnostics, one row per model."""
    head = _head("model", "interests", "usage entropy", "unused", "cosine", "overlap of lists",
                 "recall", "recall of pool", "items in pool", "distinct lists",
                 "largest interest", "interests used", "S-recall")  # fmt: skip
    rows = []
    for name, found in content.diagnostics.items():
        unused = ", ".join(str(number) for number in found.unused) or "none"
        cells = [
            Cell(name),
            Cell(str(len(found.present))),
            _number(found.usage_entropy),
            Cell(unused),
        ]
        cells += [_number(value) for value in (found.cosine, found.overlap)]
        cells += [_number(found.recall), _number(found.pool_recall), _number(found.pool_items, 1)]
        cells += [Cell(f"{100 * found.distinct_lists:.1f} %"), _percent(found.largest_share)]
        rows.append([*cells, _number(found.interests_used, 1), _number(found.subtopic_recall)])
    return Table(head, rows)


def interests_table(content: Content) -> Table:
    """Build the table of diagnostics, one row per interest."""
    rows = [
        [
            Cell(f"{name}, interest {number}"),
            Cell(f"{100 * found.active[number]:.1f} %"),
            Cell(f"{100 * found.usage[number]:.1f} %"),
            _number(found.effective_items[number], 1, of=found.read_items),
            _number(found.marginal_recall[number], signed=True),
        ]
        for name, found in content.diagnostics.items()
        for number in found.present
    ]
    return Table(_head("model", "active", "usage", "effective items", "marginal recall"), rows)


def _head(*titles: str) -> list[Cell]:
    return [Cell(title) for title in titles]


def _percent(share: float | None) -> Cell:
    return Cell(NOTHING, muted=True) if share is None else Cell(f"{100 * share:.1f} %")


def _number(
    value: float | None, digits: int = 4, *, signed: bool = False, of: float | None = None
) -> Cell:
    if value is None or not math.isfinite(value):
        return Cell(NOTHING, muted=True)
    return Cell(
        f"{value:{'+' if signed else ''}.{digits}f}", "" if of is None else f"of {of:.{digits}f}"
    )
