"""What was read of an event log: counts, rejected rows and warnings, as lines and as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from prismrec.cli._output import wrapped
from prismrec.data import EventLog, LogWarning


def reading_json(log: EventLog, warnings: Sequence[LogWarning] | None = None) -> Mapping[str, Any]:
    """Return what was read, rejected and left out, as JSON values."""
    value = {
        "rows_read": log.rows_read,
        "rows_kept": log.rows_kept,
        "notes": list(log.notes),
        "rejected": {rejected.reason: rejected.count for rejected in log.rejected},
        "rejected_lines": {rejected.reason: list(rejected.lines) for rejected in log.rejected},
        "events_left_out": log.events_left_out,
        "users_left_out": log.users_left_out,
    }
    return value if warnings is None else value | {"warnings": [asdict(one) for one in warnings]}


def reading_lines(log: EventLog) -> Iterator[str]:
    """Yield the lines that report what was read, rejected and left out."""
    yield f"read        {log.rows_read:,} rows, kept {log.rows_kept:,}"
    for note in log.notes:
        yield wrapped(f"note        {note}", indent=" " * 12)
    for rejected in log.rejected:
        where = f", for example line {rejected.lines[0]:,}" if rejected.lines else ""
        yield wrapped(
            f"rejected    {rejected.count:,}: {rejected.reason}{where}", indent=" " * 12
        )  # fmt: skip
    if log.events_left_out:
        yield wrapped(
            f"other       {log.events_left_out:,} events of other kinds were left out, "
            f"{log.users_left_out:,} users have no other events",
            indent=" " * 12,
        )


def warning_lines(warnings: Sequence[LogWarning]) -> Iterator[str]:
    """Yield the lines of warnings about a log."""
    for each in warnings:
        yield wrapped(f"warning     {each}", indent=" " * 12)
