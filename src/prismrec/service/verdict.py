"""The verdict: the first lines of the health report, from diagnostics and evaluation report.

Both are read with care: another version of this package may have written another shape.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from prismrec.errors import is_number
from prismrec.evaluation import name_with_one_interest
from prismrec.service.page_responses import Verdict


def verdict(
    diagnostics: Mapping[str, Any] | None, report: Mapping[str, Any] | None, model: str | None
) -> Verdict | None:
    """Return the verdict; None if neither the diagnostics nor the report have a part of it.

    Args:
        diagnostics: Measures of the interests; see ``evaluation.diagnose``.
        report: What ``prismrec evaluate --report`` wrote.
        model: Name of the entry of the artifact: see ``find_entry``.
    """
    measured, compared = diagnostics or {}, _against_single(report or {}, model)
    found = Verdict(
        interests_used_median=_number(measured.get("interests_used")),
        largest_share_median=_number(measured.get("largest_share")),
        **compared,
    )
    return found if any(value is not None for value in vars(found).values()) else None


def find_entry(
    report: Mapping[str, Any] | None, artifact: str, folder: str
) -> tuple[str | None, list[str]]:
    """Find the entry of an artifact in a report.

    Args:
        report: What ``prismrec evaluate --report`` wrote.
        artifact: Name of the artifact: the short hash of its manifest.
        folder: Name of its folder, for a report of an earlier version, which has no hashes.

    Returns:
        Its name, None if there is none; and a sentence if there is none, although the report has
        entries, or if it was found by the folder.
    """
    entries = _entries(report or {})
    hashes = {name: row["artifact"] for name, row in entries.items() if row.get("artifact")}
    if not hashes and folder in entries:
        return folder, [
            "The report does not state the artifacts of its entries; the entry shown has the name "
            f"of this folder ({folder}), and may be of an earlier artifact."
        ]
    found = next((name for name, value in hashes.items() if value == artifact), None)
    if not entries or found is not None:
        return found, []
    shown = f"{folder}, {artifact}" if hashes else folder
    names = [f"{name} ({hashes[name]})" if name in hashes else name for name in sorted(entries)]
    return None, [
        f"The report has no entry of this artifact ({shown}), so it is not compared; the entries "
        f"are {', '.join(names)}."
    ]


def _against_single(report: Mapping[str, Any], model: str | None) -> dict[str, Any]:
    """Return the fields that compare the model with the same model with one interest."""
    entries = _entries(report)
    if model is None:
        return {}
    first = next((one for one in _with_single(report) if one["model"] == model), None)
    if first is None:
        return _recall_alone(model, entries.get(model))
    return {
        "model": model,
        "metric": first["metric"],
        "recall": _metric(entries.get(first["model"]), first["metric"]),
        "recall_single": _metric(entries.get(first["other"]), first["metric"]),
        "difference": first["mean"],
        "interval": first["interval"],
        "level": first["verdict"] == "level",
    }


def _with_single(report: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the comparisons of a model with the same model with one interest."""
    compared = report.get("comparisons")
    for one in compared if isinstance(compared, list) else ():
        fields = one if isinstance(one, dict) else {}
        texts = {name: fields.get(name) for name in ("model", "other", "metric", "verdict")}
        numbers = {name: _number(fields.get(name)) for name in ("mean", "interval")}
        whole = all(isinstance(text, str) for text in texts.values())
        if not whole or None in numbers.values():
            continue
        if texts["other"] == name_with_one_interest(str(texts["model"])):
            yield texts | numbers


def _recall_alone(model: str, entry: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the recall of the longest lists of an entry that is compared with nothing."""
    names = [name for name in _metrics(entry) if re.fullmatch(r"recall@\d+", name)]
    if not names:
        return {}
    metric = max(names, key=lambda name: int(name.partition("@")[2]))
    return {"model": model, "metric": metric, "recall": _metric(entry, metric)}


def _entries(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    entries = report.get("entries")
    rows = entries if isinstance(entries, list) else []
    return {str(row.get("name")): row for row in rows if isinstance(row, dict)}


def _metrics(entry: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the metrics of an entry, with the items of the history left out of the lists."""
    filtered = (entry or {}).get("filtered")
    metrics = filtered.get("metrics") if isinstance(filtered, dict) else None
    return metrics if isinstance(metrics, dict) else {}


def _metric(entry: Mapping[str, Any] | None, name: str) -> float | None:
    return _number(_metrics(entry).get(name))


def _number(value: object) -> float | None:
    """Return a finite number as it is; None for anything else."""
    return float(value) if is_number(value) else None
