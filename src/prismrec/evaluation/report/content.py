"""The content of a report, before its layout."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

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
    one_interest_of: str | None = None
    """Name of the entry that is the same model with several interests, if this one has K=1."""
    artifact: str | None = None
    """Short hash of the manifest of its artifact; None if it is of none."""


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


@dataclass(frozen=True)
class ModelComparison:
    """Two entries, compared user by user with ``exclude_seen``."""

    model: str
    other: str
    difference: Difference | str
    """The first minus the other, or the reason why there is none."""

    @classmethod
    def of(cls, model: Entry, other: Entry, metric: str) -> Self:
        """Compare two entries; see ``compare_if_possible``."""
        difference = compare_if_possible(model.filtered, other.filtered, metric)
        return cls(model.name, other.name, difference)

    def __str__(self) -> str:
        return f"{self.model} against {self.other}, {self.difference}."


def compare_with_best(entries: Sequence[Entry], metric: str) -> list[ModelComparison]:
    """Compare every model with the baseline that has the highest mean; none without baselines."""
    baselines = [entry for entry in entries if entry.baseline]
    if not baselines:
        return []
    best = max(baselines, key=lambda entry: entry.filtered.metrics.get(metric, -math.inf))
    return [ModelComparison.of(entry, best, metric) for entry in entries if not entry.baseline]


def name_with_one_interest(name: str) -> str:
    """Return the name of the same model with one interest (K=1), as an entry and as a folder."""
    return f"{name}-k1"


def compare_with_single_interest(entries: Sequence[Entry], metric: str) -> list[ModelComparison]:
    """Compare each model with the same model with K=1, where there is one."""
    singles = {entry.one_interest_of: entry for entry in entries}
    pairs = [(entry, singles[entry.name]) for entry in entries if entry.name in singles]
    return [ModelComparison.of(model, single, metric) for model, single in pairs]


def differences(entries: Sequence[Entry], metric: str = "recall@50") -> list[str]:
    """Compare every model with the best baseline, user by user, with ``exclude_seen``.

    Returns:
        One sentence per model, and one that names the models that are no better than popularity;
        none without baselines. With fewer than two users, a sentence states this instead.

    Raises:
        UnknownName: The metric was not computed per user.
        DataError: The entries were evaluated on different users.
    """
    sentences = [str(each) for each in compare_with_best(entries, metric)]
    no_better = [
        entry.name
        for entry in entries
        for popular in entries
        if popular.name == "popularity" and popular.baseline and not entry.baseline
        and _no_better(entry, popular, metric)
    ]  # fmt: skip
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
            "seconds": entry.seconds, "artifact": entry.artifact,
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
        "comparisons": _comparisons(content),
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


def _comparisons(content: Content) -> list[dict[str, object]]:
    """Return the numbers of the comparisons with the best baseline and with K=1."""
    metric = f"recall@{content.tradeoff_k}"
    if any(metric not in entry.filtered.per_user for entry in content.entries):
        return []
    compared = [
        *compare_with_best(content.entries, metric),
        *compare_with_single_interest(content.entries, metric),
    ]
    return [
        {
            "model": each.model, "other": each.other, "metric": found.metric, "mean": found.mean,
            "interval": found.interval, "verdict": found.verdict, "users": found.users,
        }
        for each in compared
        if isinstance(found := each.difference, Difference)
    ]  # fmt: skip


def _or_null(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _notes(content: Content) -> Iterator[str]:
    for entry in content.entries:
        for way, report in (("keep_seen", entry.keep), ("exclude_seen", entry.filtered)):
            yield from (f"{entry.name}, {way}: {note}" for note in report.notes)
    for name, found in content.diagnostics.items():
        yield from (f"{name}: {note}" for note in found.notes)
