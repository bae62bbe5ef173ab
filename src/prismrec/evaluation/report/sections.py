"""A report in order: what each section says and shows, before Markdown or HTML lays it out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prismrec.evaluation.report.charts import draw_depth, draw_tradeoff, draw_usage
from prismrec.evaluation.report.content import Content
from prismrec.evaluation.report.tables import (
    Table,
    depth_table,
    interests_table,
    models_table,
    results_table,
    tradeoff_table,
)


@dataclass(frozen=True, kw_only=True)
class Section:
    """One section; what is empty is not shown. In the order of the fields."""

    key: str
    """Its anchor, and the file name of its chart."""
    title: str
    about: str = ""
    code: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    chart: str = ""
    """SVG."""
    folded: Sequence[Table] = ()
    """The numbers behind the chart."""
    tables: Sequence[Table] = ()
    sentences: Sequence[str] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        parts = (self.code, self.facts, self.chart, self.folded, self.tables, self.sentences)
        return not any(parts)


def sections(content: Content) -> list[Section]:
    """Give the sections that have something to show."""
    made = [
        _run(content), _dataset(content), _protocol(content), _results(content),
        _differences(content), _depth(content), _tradeoff(content), _interests(content),
        _settings(content), Section(key="notes", title="Notes", sentences=content.notes),
    ]  # fmt: skip
    return [section for section in made if not section.empty]


def _run(content: Content) -> Section:
    known = {"commit": content.commit, "machine": content.machine, "date": content.date}
    facts = {name: value for name, value in known.items() if value}
    return Section(key="run", title="What was run", code=content.command, facts=facts)


def _dataset(content: Content) -> Section:
    facts = {name: _spaced(value) for name, value in content.dataset.items()}
    return Section(key="data", title="Data set", facts=facts)


def _protocol(content: Content) -> Section:
    report = content.entries[0].filtered
    left_out = {
        f"{n}: {users}" for e in content.entries for n, users in e.filtered.excluded.items()
    }
    facts = {
        "split": content.protocol,
        "users": f"{_spaced(report.users)}, all of them; {_spaced(report.repeat_users)} have a "
        "target in their history",
        "ranking": "over the whole catalog, never against sampled items",
        "keep": "items of the history may be listed",
        "filter": "items of the history are never listed",
        "±": "95 % half-width of the mean over users",
        "left out": ", ".join(sorted(left_out)) or "nobody",
    }
    return Section(key="protocol", title="Protocol", facts=facts)


def _results(content: Content) -> Section:
    about = (
        "Bold is the best mean of its column; a lead smaller than ± may be chance, which the "
        "differences paired by user tell better. Where neither keep nor filter is said, filter is "
        "meant. Seconds are for fitting or training. Of diversity and coverage, more is not "
        "better in itself."
    )
    return Section(key="results", title="Results", about=about, tables=[results_table(content)])


def _settings(content: Content) -> Section:
    facts = {entry.name: entry.how for entry in content.entries if entry.how}
    return Section(key="settings", title="Settings", facts=facts)


def _differences(content: Content) -> Section:
    about = "Each model against the best baseline, user by user, under filter."
    title = "Differences, paired by user"
    sentences = content.differences
    return Section(key="differences", title=title, about=about, sentences=sentences)


def _depth(content: Content) -> Section:
    return Section(
        key="depth",
        title="Recall by depth",
        about="Share of a user's targets among the first k, under filter. Retrieval feeds a "
        "ranker, so what counts is often far down. Dashed: baselines.",
        chart=draw_depth(content) if content.depth else "",
        folded=[depth_table(content)] if content.depth else [],
    )


def _tradeoff(content: Content) -> Section:
    return Section(
        key="tradeoff",
        title="Relevance against diversity",
        about="What each setting λ of the diversity dial costs and brings: up is more relevant, "
        "right is more diverse. λ = 0 is the list by score alone.",
        chart=draw_tradeoff(content) if content.tradeoff else "",
        folded=[tradeoff_table(content)] if content.tradeoff else [],
    )


def _interests(content: Content) -> Section:
    there = bool(content.diagnostics)
    return Section(
        key="interests",
        title="Interests",
        about="Usage is the share of targets that an interest wins; it is dead below 1 %. Cosine "
        "and overlap, of the interests' vectors and of their own lists, are near 1 for copies. "
        "Marginal recall is what the list loses without the interest; the pool is all "
        "interests' own lists together.",
        chart=draw_usage(content) if there else "",
        tables=(models_table(content), interests_table(content)) if there else (),
    )


def _spaced(value: str | int) -> str:
    """Give a number in groups of three, and text as it is."""
    return f"{value:,}".replace(",", " ") if isinstance(value, int) else value
