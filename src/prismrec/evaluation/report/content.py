"""The content of a report, before its layout."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prismrec.errors import DataError
from prismrec.evaluation.compare import Difference, compare_if_possible
from prismrec.evaluation.diagnostics import Diagnostics
from prismrec.evaluation.metric_report import Report


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One recommender, evaluated twice on the same cases: seen items kept, and left out."""

    name: str
    how: str
    """Settings in words."""
    keep: Report
    """Report with ``keep_seen``: items of the history may be in the list."""
    filtered: Report
    """Report with ``exclude_seen``: items of the history are left out."""
    seconds: float | None = None
    """Time to fit or train it; None if not measured."""
    baseline: bool = False
    """Whether it is a baseline."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """Everything in a report. The keys of the mappings are names of entries."""

    title: str
    dataset: Mapping[str, str | int]
    """Facts about the data set, such as users, items and events."""
    protocol: str
    """The split of users and histories, in words."""
    entries: Sequence[Entry]
    """At least one entry, in the order of the table; the names differ."""
    depth: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """Per name, recall@k by k, with ``exclude_seen``."""
    tradeoff: Mapping[str, Sequence[tuple[float, float, float]]] = field(default_factory=dict)
    """Per name, the points (strength, recall, diversity) of ``tradeoff``."""
    tradeoff_k: int = 50
    """Length k of the lists of ``tradeoff``."""
    diagnostics: Mapping[str, Diagnostics] = field(default_factory=dict)
    differences: Sequence[str] = ()
    """Sentences of ``differences`` and other comparisons."""
    command: str = ""
    """Command that writes this report."""
    commit: str = ""
    machine: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        """Check the entries.

        Raises:
            DataError: There is no entry, or two entries have the same name.
        """
        names = [entry.name for entry in self.entries]
        if not names or len(set(names)) < len(names):
            raise DataError(
                f"A report cannot have the entries {names}; use at least one entry and different "
                "names."
            )

    @property
    def notes(self) -> list[str]:
        """Warnings, one sentence each, that begin with the name of the entry."""
        return list(dict.fromkeys(_notes(self)))


def differences(entries: Sequence[Entry], metric: str = "recall@50") -> list[str]:
    """Compare every model with the best baseline, user by user, with ``exclude_seen``.

    The best baseline has the highest mean with ``exclude_seen``.

    Returns:
        One sentence per model, and one that names the models that are no better than popularity;
        none without baselines. With fewer than two users, a sentence states this instead.

    Raises:
        UnknownName: The metric was not computed per user.
        DataError: The entries were evaluated on different users.
    """
    baselines = [entry for entry in entries if entry.baseline]
    if not baselines:
        return []
    best = max(baselines, key=lambda entry: entry.filtered.metrics.get(metric, -math.inf))
    models = [entry for entry in entries if not entry.baseline]
    sentences = [
        f"{entry.name} against {best.name}, "
        f"{compare_if_possible(entry.filtered, best.filtered, metric)}."
        for entry in models
    ]
    no_better = [
        entry.name
        for entry in models
        for popular in baselines
        if popular.name == "popularity" and _no_better(entry, popular, metric)
    ]
    if no_better:
        sentences.append(f"No better than popularity in {metric}: {', '.join(no_better)}.")
    return sentences


def _no_better(entry: Entry, popular: Entry, metric: str) -> bool:
    """Return whether the users show that an entry is no better than popularity."""
    difference = compare_if_possible(entry.filtered, popular.filtered, metric)
    return isinstance(difference, Difference) and difference.verdict != "better"


def numbers(content: Content) -> dict[str, object]:
    """Return the report as JSON values: undefined numbers are null, k is text."""
    entries = [
        {
            "name": entry.name, "how": entry.how, "baseline": entry.baseline,
            "seconds": entry.seconds,
            "keep": json.loads(entry.keep.to_json()),
            "filtered": json.loads(entry.filtered.to_json()),
        }
        for entry in content.entries
    ]  # fmt: skip
    return {
        "title": content.title,
        "command": content.command,
        "commit": content.commit,
        "machine": content.machine,
        "date": content.date,
        "dataset": dict(content.dataset),
        "protocol": content.protocol,
        "entries": entries,
        "differences": list(content.differences),
        "depth": {
            name: {str(k): _or_null(value) for k, value in curve.items()}
            for name, curve in content.depth.items()
        },
        "tradeoff_k": content.tradeoff_k,
        "tradeoff": {
            name: [
                {"strength": strength, "recall": _or_null(recall), "diversity": _or_null(diverse)}
                for strength, recall, diverse in points
            ]
            for name, points in content.tradeoff.items()
        },
        "diagnostics": {n: json.loads(d.to_json()) for n, d in content.diagnostics.items()},
        "notes": content.notes,
    }


def _or_null(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _notes(content: Content) -> Iterator[str]:
    for entry in content.entries:
        for way, report in (("keep_seen", entry.keep), ("exclude_seen", entry.filtered)):
            yield from (f"{entry.name}, {way}: {note}" for note in report.notes)
    for name, found in content.diagnostics.items():
        yield from (f"{name}: {note}" for note in found.notes)
