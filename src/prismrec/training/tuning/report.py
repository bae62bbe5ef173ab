"""The report of a tuning: what was tried, what was best, and what was decided, as text and JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from prismrec.evaluation import describe_environment, markdown_table
from prismrec.io import atomic_file
from prismrec.training.tuning.decide import Decision, Tried
from prismrec.training.tuning.task import TrialRecord


def write_report(
    folder: Path,
    records: Sequence[TrialRecord],
    candidates: Sequence[Tried],
    decision: Decision,
    metric: str,
) -> None:
    """Write ``report.json`` and ``report.md``.

    Args:
        folder: Folder of the tuning.
        records: All trials.
        candidates: What the repeated runs of the default and the finalists measured.
        decision: Which settings to use.
        metric: Name of the metric.
    """
    content = report_content(records, candidates, decision, metric)
    lines = report_lines(records, candidates, decision, metric)
    texts = {
        "report.json": json.dumps(content, ensure_ascii=False, indent=2, default=str),
        "report.md": "\n".join(lines) + "\n",
    }
    for name, text in texts.items():
        with atomic_file(folder / name) as temporary:
            temporary.write_text(text, encoding="utf-8")


def report_content(
    records: Sequence[TrialRecord],
    candidates: Sequence[Tried],
    decision: Decision,
    metric: str,
) -> dict[str, Any]:
    """Return the report as JSON values; see ``write_report``."""
    repeated = []
    for each in candidates:
        difference = decision.differences.get(each.number)
        repeated.append(
            {
                "trial": each.number,
                "mean": each.mean,
                "means_by_seed": each.means,
                "difference": difference and difference.mean,
                "interval": difference and difference.interval,
                "users": each.values.shape[1],
            }
        )
    return {
        "decision": decision.sentence,
        "chosen": decision.chosen,
        "settings": records[decision.chosen].settings,
        "metric": metric,
        "trials": [asdict(record) for record in records],
        "repeated": repeated,
        **describe_environment(),
    }


def report_lines(
    records: Sequence[TrialRecord],
    candidates: Sequence[Tried],
    decision: Decision,
    metric: str,
) -> Iterator[str]:
    """Yield the lines of the report as Markdown; see ``write_report``."""
    environment = describe_environment()
    yield "# Tuning"
    yield ""
    yield decision.sentence
    yield ""
    yield (
        f"`{environment['command']}`, commit {environment['commit'] or 'unknown'}, "
        f"{environment['date']}, {environment['machine']}."
    )
    if candidates:
        yield ""
        yield "## Repeated runs"
        yield ""
        yield (
            f"{metric} on validation of the recommender as it is served, per training seed. Trial "
            "0 has the default settings. The intervals are 95 % for all differences together."
        )
        yield ""
        head = ("trial", "mean", "by seed", "difference to trial 0")
        yield markdown_table(head, [_repeated(each, decision) for each in candidates])
    names = list(records[0].settings)
    yield ""
    yield "## Trials"
    yield ""
    yield f"{metric} on validation of the interests alone, with the seed of the search."
    yield ""
    ordered = sorted(records, key=lambda each: (each.state != "complete", -(each.value or 0.0)))
    columns = ("trial", metric, "", "seconds", *names)
    yield markdown_table(columns, [_tried(record, names) for record in ordered])


def _repeated(each: Tried, decision: Decision) -> list[str]:
    found = decision.differences.get(each.number)
    shown = f"{found.mean:+.4f} ± {found.interval:.4f}" if found else "–"
    means = " ".join(f"{mean:.4f}" for mean in each.means)
    return [str(each.number), f"{each.mean:.4f}", means, shown]


def _tried(record: TrialRecord, names: Sequence[str]) -> list[str]:
    value = "–" if record.value is None else f"{record.value:.4f}"
    seconds = "–" if record.seconds is None else f"{record.seconds:.0f}"
    values = [record.settings.get(name) for name in names]
    shown = [
        f"{v:.3g}" if isinstance(v, float) else "auto" if v is None else str(v) for v in values
    ]
    return [str(record.number), value, record.state, seconds, *shown]
