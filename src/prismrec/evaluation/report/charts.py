"""Draw the three charts of a report."""

from prismrec.evaluation.report.content import Content
from prismrec.evaluation.report.svg import Line, bar_chart, line_chart


def draw_depth(content: Content) -> str:
    """Draw recall against k, one line per entry."""
    baselines = {entry.name for entry in content.entries if entry.baseline}
    lines = [
        Line(name=name, points=sorted(curve.items()), baseline=name in baselines)
        for name, curve in content.depth.items()
    ]
    return line_chart(
        lines, key="depth", title="Recall by depth",
        about="Recall against the length k of the list, one line per model.",
        x_label="length of the list, k", y_label="recall@k", log_x=True,
    )  # fmt: skip


def draw_tradeoff(content: Content) -> str:
    """Draw recall against diversity, one line per model, with λ at its points."""
    lines = [
        Line(
            name=name,
            points=[(diversity, recall) for _, recall, diversity in points],
            marks=[f"λ {strength:g}" for strength, _, _ in points],
        )
        for name, points in content.tradeoff.items()
    ]
    k = content.tradeoff_k
    return line_chart(
        lines, key="tradeoff", title="Relevance against diversity",
        about=f"recall@{k} against diversity@{k} for rising strength λ, one line per model.",
        x_label=f"diversity@{k}", y_label=f"recall@{k}",
    )  # fmt: skip


def draw_usage(content: Content) -> str:
    """Draw the usage of the interests, one group of bars per model."""
    groups = [
        (name, {number: found.usage[number] for number in found.present})
        for name, found in content.diagnostics.items()
    ]
    return bar_chart(
        groups, key="interests", title="Usage of the interests",
        about="Share of the targets that belong to each interest; dotted: equal shares.",
    )  # fmt: skip
