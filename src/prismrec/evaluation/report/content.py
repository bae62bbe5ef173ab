"""What a report says, before it is laid out."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from prismrec.errors import DataError
from prismrec.evaluation.compare import compare
from prismrec.evaluation.diagnostics import Diagnostics
from prismrec.evaluation.evaluate import Report


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One recommender, evaluated both ways on the same cases."""

    name: str
    how: str
    """Its settings in words."""
    keep: Report
    """With ``keep_seen``: items of the history may be listed."""
    filtered: Report
    """With ``exclude_seen``."""
    seconds: float | None = None
    """Time to fit or train it; ``None`` if it was not taken."""
    baseline: bool = False
    """Whether it is there to be beaten."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """All that a report says. Names in the mappings are those of the entries."""

    title: str
    dataset: Mapping[str, str | int]
    """Facts of the data set: name, users, items, events."""
    protocol: str
    """How users were split and histories cut, in words."""
    entries: Sequence[Entry]
    """At least one, in the order of the table; names distinct."""
    depth: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    """Name → {k: recall@k}, with ``exclude_seen``."""
    tradeoff: Mapping[str, Sequence[tuple[float, float, float]]] = field(default_factory=dict)
    """Name → (strength, recall, diversity), as ``diagnostics.tradeoff`` gives them."""
    tradeoff_k: int = 50
    """Length of the lists of ``tradeoff``."""
    diagnostics: Mapping[str, Diagnostics] = field(default_factory=dict)
    differences: Sequence[str] = ()
    """Sentences of ``differences``."""
    command: str = ""
    """What makes this report again."""
    commit: str = ""
    machine: str = ""
    date: str = ""

    def __post_init__(self) -> None:
        """Refuse a report of nothing, and one in which a name is two things.

        Raises:
            DataError: It is.
        """
        names = [entry.name for entry in self.entries]
        if not names or len(set(names)) < len(names):
            raise DataError(
                f"A report was to be made of the entries {names}; give at least one, and each a "
                "name of its own."
            )

    @property
    def notes(self) -> list[str]:
        """What a reader should know, a sentence each, with whom it is about."""
        return list(dict.fromkeys(_notes(self)))


def differences(entries: Sequence[Entry], metric: str = "recall@50") -> list[str]:
    """Hold every model against the best baseline, user by user, a sentence each.

    The best is the one of the highest mean under ``exclude_seen``, which is also what is
    compared. Without baselines or models there is nothing to say.

    Raises:
        UnknownName: The metric was not computed for each user.
        DataError: The entries were evaluated on different users.
    """
    baselines = [entry for entry in entries if entry.baseline]
    if not baselines:
        return []
    best = max(baselines, key=lambda entry: entry.filtered.metrics.get(metric, -math.inf))
    return [
        f"{entry.name} against {best.name}, "
        f"{compare(entry.filtered, best.filtered, metric)}."
        for entry in entries
        if not entry.baseline
    ]  # fmt: skip


def numbers(content: Content) -> dict[str, object]:
    """Give everything as JSON has it: undefined numbers are null, k is text."""
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
