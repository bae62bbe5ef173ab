"""The generated tables of docs/scale.md: coefficients, and costs that follow from them.

``bench_capacity --write`` writes them; a test compares the page with the coefficients.
"""

from collections.abc import Iterator
from pathlib import Path

from prismrec.io import atomic_file, duration
from prismrec.training import Coefficients, Line, Sizes, plan_costs, read_coefficients
from prismrec.training.capacity import QUANTITIES

PAGE = Path(__file__).parents[1] / "docs" / "scale.md"
MARKS = "<!-- capacity: begin -->", "<!-- capacity: end -->"
EXAMPLES = {
    "the log above": Sizes(users=1_495_373, items=976_992, events=19_900_000),
    "1 M users": Sizes(users=10**6, items=200_000, events=5 * 10**7),
    "10 M users": Sizes(users=10**7, items=10**6, events=5 * 10**8),
    "1 B users": Sizes(users=10**9, items=10**8, events=2 * 10**10),
}
"""Examples of the second table; the names of the columns."""


def tables() -> str:
    """Return both tables and the machine."""
    measured = read_coefficients()
    training = measured.training
    about = (
        f"Measured on {measured.machine}, commit {measured.commit}, {measured.date}; one thread, "
        f"CPU seconds. The memory of a whole training ({of_sizes(training['sizes'])}) was "
        f"{training['value'] / 1e9:.2f} GB in addition to process and data, and is estimated as "
        f"{training['predicted'] / 1e9:.2f} GB ({percent(training['error'])})."
    )
    parts = [about, "\n".join(of_coefficients(measured)), "\n".join(of_examples(measured))]
    return "\n\n".join(parts)


def of_sizes(sizes: dict[str, int]) -> str:
    """Return sizes in words."""
    return ", ".join(f"{sizes[name]:,} {name}" for name in ("users", "items", "events"))


def percent(error: float) -> str:
    """Return a relative error in words."""
    return f"{100 * error:+.0f} %"


def of_coefficients(measured: Coefficients) -> Iterator[str]:
    """Yield the table of coefficients."""
    yield "| quantity | formula | a, b, … | largest measured sizes | error at the last size |"
    yield "|---|---|---|---|---|"
    for name, record in measured.quantities.items():
        quantity = QUANTITIES[name]
        points = [Sizes(**point["sizes"]) for point in (*record["fitted"], record["check"])]
        largest = ", ".join(
            f"{size} {max(getattr(point, size) for point in points):,.0f}"
            for size in quantity.depends
        )
        numbers = ", ".join(f"{number:.3g}" for number in record["coefficients"])
        error = percent(record["check"]["error"])
        yield f"| `{name}` | {quantity.formula} | {numbers} | {largest} | {error} |"


def of_examples(measured: Coefficients) -> Iterator[str]:
    """Yield the table of examples; a number beyond the measured sizes has a star."""
    plans = {name: plan_costs(sizes, measured) for name, sizes in EXAMPLES.items()}
    yield "| computed, not run | " + " | ".join(EXAMPLES) + " |"
    yield "|---|" + "---|" * len(EXAMPLES)
    for size in ("users", "items", "events"):
        cells = " | ".join(f"{getattr(sizes, size):,}" for sizes in EXAMPLES.values())
        yield f"| {size} | {cells} |"
    for key in ROWS:
        found = (next(line for line in lines if named(line) == key) for lines in plans.values())
        yield f"| {', '.join(key)} | {' | '.join(map(cell, found))} |"


ROWS = (
    ("prepare", "time"),
    ("prepare", "memory"),
    ("train", "all of it"),
    ("train", "memory"),
    ("artifact", "disk"),
    ("lists of all users", "time"),
    ("service", "requests of one core"),
    ("service", "memory of a process"),
)
"""Step and number of each row."""


def named(line: Line) -> tuple[str, str]:
    """Return the step and the number of a line; without the index that was chosen."""
    return line.step, line.what.partition(",")[0]


def cell(line: Line) -> str:
    """Return a number in a unit that people read; with a star beyond the measured sizes."""
    star = " *" if line.beyond else ""
    if line.unit == "CPU-s":
        hours = line.value / 3_600
        return (f"{hours:,.0f} h" if hours >= 100 else duration(line.value)) + star
    if line.unit == "bytes":
        return f"{line.value / 1e9:,.1f} GB{star}"
    return f"{line.value:,.3g} per second{star}"


def write_page() -> None:
    """Write the tables into docs/scale.md, between the marks."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    with atomic_file(PAGE) as beside:
        page = f"{before}{MARKS[0]}\n\n{tables()}\n\n{MARKS[1]}{after}"
        beside.write_text(page, encoding="utf-8")
