"""The sections of a report in order, before Markdown or HTML lays them out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prismrec.evaluation.report.charts import draw_depth, draw_tradeoff, draw_usage
from prismrec.evaluation.report.content import Content
from prismrec.evaluation.report.tables import (
    Table,
    depth_table,
    interests_table,
    metrics_table,
    models_table,
    results_table,
    tradeoff_table,
)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section. Its parts are shown in the order of the fields; empty parts are left out."""

    key: str
    """Anchor of the section, and file name of its chart."""
    title: str
    about: str = ""
    code: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    chart: str = ""
    """SVG."""
    folded: Sequence[Table] = ()
    """The numbers of the chart."""
    tables: Sequence[Table] = ()
    sentences: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        parts = (self.code, self.facts, self.chart, self.folded, self.tables, self.sentences)
        return not any(parts)


def sections(content: Content) -> list[Section]:
    """Return the sections that are not empty."""
    made = [
        _run(content), _dataset(content), _protocol(content), _results(content),
        _differences(content), _depth(content), _tradeoff(content), _interests(content),
        _metrics(content), _settings(content),
        Section(key="notes", title="Notes", sentences=content.notes),
    ]  # fmt: skip
    return [section for section in made if not section.empty]


def _run(content: Content) -> Section:
    values = {"commit": content.commit, "machine": content.machine, "date": content.date}
    facts = {name: value for name, value in values.items() if value}
    return Section(key="run", title="Run", code=content.command, facts=facts)


def _dataset(content: Content) -> Section:
    facts = {name: _grouped(value) for name, value in content.dataset.items()}
    return Section(key="data", title="Data set", facts=facts)


def _protocol(content: Content) -> Section:
    report = content.entries[0].filtered
    left_out = {
        f"{n}: {users}" for e in content.entries for n, users in e.filtered.excluded.items()
    }
    facts = {
        "split": content.protocol,
        "users": f"{_grouped(report.users)}, all of them; {_grouped(report.repeat_users)} have a "
        "target in their history",
        "ranking": "over the whole catalog, never against sampled items",
        "keep": "items of the history may be in the list",
        "filter": "items of the history are left out of the list",
        "±": "95 % half-width of the mean over users",
        "left out": ", ".join(sorted(left_out)) or "nobody",
    }
    return Section(key="protocol", title="Protocol", facts=facts)


def _results(content: Content) -> Section:
    about = (
        "Bold: the best mean of the column. Differences smaller than ± may be chance; the "
        "differences paired by user are more precise. keep: items of the history may be in the "
        "list; filter, and columns without a word: they are left out. Seconds: time to fit or "
        "train. More diversity or coverage is not better in itself."
    )
    return Section(key="results", title="Results", about=about, tables=[results_table(content)])


def _metrics(content: Content) -> Section:
    about = "Every metric that was measured, with items of the history left out of the lists."
    return Section(key="metrics", title="All metrics", about=about, folded=[metrics_table(content)])


def _settings(content: Content) -> Section:
    facts = {entry.name: entry.how for entry in content.entries if entry.how}
    return Section(key="settings", title="Settings", facts=facts)


def _differences(content: Content) -> Section:
    about = (
        "Each model is compared with the best baseline, and with the same model with K=1 (named "
        "with -k1) if there is one. Differences are per user, with the items of the history left "
        "out."
    )
    title = "Differences, paired by user"
    sentences = content.differences
    return Section(key="differences", title=title, about=about, sentences=sentences)


def _depth(content: Content) -> Section:
    return Section(
        key="depth",
        title="Recall by depth",
        about="Share of the targets of a user in the first k, with items of the history left out. "
        "If a ranker reads the list, recall at a large k matters most. Dashed: baselines.",
        chart=draw_depth(content) if content.depth else "",
        folded=[depth_table(content)] if content.depth else [],
    )


def _tradeoff(content: Content) -> Section:
    return Section(
        key="tradeoff",
        title="Relevance against diversity",
        about="Recall and diversity at each diversity strength λ: higher is more relevant, further "
        "right is more diverse. At λ = 0 the list is ranked by score alone.",
        chart=draw_tradeoff(content) if content.tradeoff else "",
        folded=[tradeoff_table(content)] if content.tradeoff else [],
    )


def _interests(content: Content) -> Section:
    measured = bool(content.diagnostics)
    return Section(
        key="interests",
        title="Interests",
        about="Usage: share of the targets that belong to an interest; below 1 % an interest that "
        "the model computes for every user is unused. Cosine of the vectors and overlap of the "
        "lists of two interests: near 1 if they are almost equal. Marginal recall: recall that is "
        "lost without the interest. Pool: the lists of all interests together. Of the first 20 "
        "items of a list: the share that the largest interest of the median user brings; the "
        "number of interests that bring an item, for the median user; and S-recall, the share of "
        "the categories of the targets that they cover.",
        chart=draw_usage(content) if measured else "",
        tables=(models_table(content), interests_table(content)) if measured else (),
    )


def _grouped(value: str | int) -> str:
    """Return a number with thousands separators, and text unchanged."""
    return f"{value:,}" if isinstance(value, int) else value
