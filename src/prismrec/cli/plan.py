"""``prismrec plan``: what every step will cost, from the sizes of a log."""

from dataclasses import asdict

from prismrec.cli._headings import AsJson
from prismrec.cli._output import print_output, wrapped
from prismrec.io import duration
from prismrec.training import Line, Sizes, plan_costs, read_coefficients

NAMES = {"length": "events per user"}
"""Sizes with another name in the output."""


def plan(
    *,
    users: int,
    items: int,
    events: int,
    dim: int = 64,
    interests: int = 1,
    index: str = "auto",
    queries_per_second: float | None = None,
    as_json: AsJson = False,
) -> None:
    """Estimate time, memory and disk of every step from the sizes of a log.

    Nothing is run. The estimate follows from coefficients that were measured on one machine, with
    default settings; docs/scale.md has the formulas and where they are wrong.

    Args:
        users: Number of users, after filters.
        items: Number of items, after filters.
        events: Number of events, after filters.
        dim: Dimension of item vectors.
        interests: Number of trained interests.
        index: Index: exact, ivf-flat, ivf-sq8; auto: exact up to 200,000 items.
        queries_per_second: Lists per second that the service must answer.
        as_json: Print one JSON object.
    """
    sizes = Sizes(users=users, items=items, events=events, dim=dim, interests=interests)
    measured = read_coefficients()
    found = plan_costs(sizes, measured, index=index, rate=queries_per_second)
    machine = {"machine": measured.machine, "commit": measured.commit, "date": measured.date}
    value = {"sizes": asdict(sizes), **machine, "estimates": [asdict(line) for line in found]}
    print_output(value, _lines(found, measured.machine, measured.commit), as_json=as_json)


def _lines(found: list[Line], machine: str, commit: str) -> list[str]:
    """Return the numbers, one per line, and which machine they are for."""
    lines, step = [], ""
    for line in found:
        if line.step != step:
            step = line.step
            lines.append(step)
        sizes = ", ".join(NAMES.get(name, name) for name in line.beyond)
        note = f"  beyond the measured sizes: {sizes}" if sizes else ""
        text = f"  {line.what:<22}{_amount(line):>12}{note}"
        lines += wrapped(text, indent=" " * 38).splitlines() if len(text) > 80 else [text]
    about = (
        f"Times are CPU time of one core; the coefficients were measured on {machine}, commit "
        f"{commit}. Where a number is beyond the measured sizes, it is extrapolated."
    )
    return [*lines, "", wrapped(about, indent="")]


def _amount(line: Line) -> str:
    """Return a number with its unit, in words."""
    if line.unit == "CPU-s":
        return _hours(line.value)
    if line.unit == "bytes":
        return _bytes(line.value)
    if line.unit == "cores":
        return f"{line.value:,.1f} cores"
    return f"{line.value:,.3g} per s" if line.value < 100 else f"{line.value:,.0f} per s"


def _hours(seconds: float) -> str:
    return duration(seconds) if seconds < 360_000 else f"{seconds / 3_600:,.0f} h"


def _bytes(number: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= size:
            return f"{number / size:,.1f} {unit}"
    return f"{number / 1e3:,.1f} kB"
