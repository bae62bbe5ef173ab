"""Measure and fit the coefficients of ``prismrec plan``, and check them at another size.

    python benchmarks/bench_capacity.py                 # all quantities, about ten minutes
    python benchmarks/bench_capacity.py --only step     # one measurement
    python benchmarks/bench_capacity.py --write         # also write capacity.json and docs/scale.md
    python benchmarks/bench_capacity.py --page          # write docs/scale.md from capacity.json

Each measurement runs at several sizes, each in a process of its own with one thread, and counts CPU
seconds. The coefficients are fitted to all sizes but the last one, which is larger: its error is
printed, one JSON line per quantity.
"""

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import capacity_runs as runs
from capacity_docs import write_page
from capacity_fit import Point, fitted, point_of, rounded
from capacity_service import measure_service
from machine import ROOT, commit, machine, report
from prismrec.io import atomic_file, set_threads
from prismrec.training import Sizes
from prismrec.training.capacity import COEFFICIENTS, QUANTITIES, read_coefficients
from prismrec.training.planning import settings_of
from prismrec.training.training_cost import bytes_of_training

TARGET = ROOT / "src" / "prismrec" / "training" / COEFFICIENTS
TIMEOUT = 600
"""Seconds that one size may take."""
Run = Callable[[Sizes, Path], runs.Found]


def sizes_of(rows: Sequence[tuple[int, ...]]) -> list[Sizes]:
    """Return sizes from rows of users, items, events and, if not 64 and 1, dim and interests."""
    names = ("users", "items", "events", "dim", "interests")
    return [Sizes(**dict(zip(names, row, strict=False))) for row in rows]


TRAINING = Sizes(users=100_000, items=150_000, events=1_500_000)
"""A whole training, of few steps: its memory checks the model of all stages."""
CATALOGS = sizes_of([
    (1_000, 20_000, 20_000), (1_000, 50_000, 50_000, 128), (1_000, 50_000, 50_000),
    (1_000, 100_000, 100_000, 32), (1_000, 200_000, 200_000), (1_000, 400_000, 400_000),
])  # fmt: skip
"""Catalogs that are searched; see ``of_length``."""
MEASUREMENTS: dict[str, tuple[Sequence[Run], list[Sizes]]] = {
    "prepare": ((runs.measure_log, runs.measure_prepare, runs.measure_load), sizes_of([
        (40_000, 25_000, 500_000), (150_000, 50_000, 1_000_000), (100_000, 150_000, 3_000_000),
        (300_000, 50_000, 3_000_000), (450_000, 300_000, 6_000_000),
    ])),
    "initial": ((runs.measure_initial,), sizes_of([
        (30_000, 20_000, 300_000), (70_000, 120_000, 1_000_000), (70_000, 120_000, 1_000_000, 16),
        (150_000, 300_000, 2_000_000), (60_000, 120_000, 3_000_000), (300_000, 250_000, 4_000_000),
    ])),
    "step": ((runs.measure_step,), sizes_of([
        (50_000, 10_000, 200_000), (20_000, 10_000, 600_000), (50_000, 50_000, 500_000, 128),
        (20_000, 100_000, 900_000), (30_000, 150_000, 300_000, 32), (50_000, 150_000, 2_000_000),
        (20_000, 20_000, 2_000_000), (100_000, 1_000_000, 1_000_000), (20_000, 5_000, 300_000),
        (60_000, 400_000, 1_200_000),
    ])),
}  # fmt: skip


def of_length(sizes: Sizes, length: int) -> Sizes:
    """Return the same catalog with other histories."""
    events = max(sizes.items, 1_000 * length)
    return Sizes(**asdict(sizes) | {"users": events // length, "events": events})


SEARCHED = [of_length(sizes, 40) for sizes in CATALOGS]
MEASUREMENTS |= {
    f"lists of {kind}": ((partial(runs.measure_lists, kind),), SEARCHED)
    for kind in ("exact", "ivf-flat", "ivf-sq8")
}
MEASUREMENTS |= {
    "rules": ((runs.measure_rules,), sizes_of([
        (10_000, 5_000, 100_000), (10_000, 50_000, 250_000), (30_000, 20_000, 300_000),
        (25_000, 100_000, 500_000), (75_000, 100_000, 1_500_000),
    ])),
    "item-knn": ((runs.measure_item_knn,), sizes_of([
        (10_000, 5_000, 100_000), (10_000, 50_000, 250_000), (30_000, 20_000, 600_000),
        (100_000, 100_000, 1_000_000), (20_000, 8_000, 1_000_000), (5_000, 4_000, 1_000_000),
        (10_000, 1_000, 1_000_000), (75_000, 100_000, 1_500_000),
    ])),
    "ease": ((runs.measure_ease,), sizes_of([
        (10_000, 2_000, 50_000), (10_000, 4_000, 100_000), (10_000, 6_000, 100_000),
        (10_000, 8_000, 100_000),
    ])),
    "blend": ((runs.measure_blend,), sizes_of([
        (20_000, 20_000, 200_000), (10_000, 20_000, 300_000), (30_000, 10_000, 200_000),
        (5_000, 20_000, 200_000), (10_000, 50_000, 250_000),
    ])),
    "service": ((measure_service,), [
        of_length(sizes, 40) for sizes in (*CATALOGS[:2], *CATALOGS[3:])
    ]),
}  # fmt: skip


def measure(name: str) -> dict[str, list[Point]]:
    """Run one measurement at all of its sizes; return the points of each quantity."""
    steps, all_sizes = MEASUREMENTS[name]
    points: dict[str, list[Point]] = {}
    for sizes in all_sizes:
        left = sizes
        with tempfile.TemporaryDirectory() as folder:
            for step in steps:
                left, found = in_new_process(step, left, Path(folder))
                for quantity, value in found.items():
                    points.setdefault(quantity, []).append((left, value))
    return points


def measure_and_fit(name: str) -> dict[str, Any]:
    """Run one measurement, print its quantities, and return their records."""
    records = {}
    for quantity, points in measure(name).items():
        records[quantity] = record = fitted(quantity, points)
        more = {key: record[key] for key in ("coefficients", "check")}
        unit = "CPU-s" if quantity.endswith("seconds") else "bytes"
        values = [rounded(value) for _, value in points]
        report(quantity, record["check"]["value"], unit, values=values, **more)
    return {"quantities": records}


def in_new_process(run: Run, sizes: Sizes, folder: Path) -> runs.Found:
    """Run one step of a measurement in a process that has only imported the package."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["capacity_service"])
    with ProcessPoolExecutor(1, context, set_threads, (1,)) as pool:
        return pool.submit(run, sizes, folder).result(TIMEOUT)


def check_training() -> dict[str, Any]:
    """Measure the memory of a whole training, and compare it with its estimate from the sizes."""
    with tempfile.TemporaryDirectory() as folder:
        _, found = in_new_process(runs.measure_training, TRAINING, Path(folder))
    value = found["train.memory"]
    estimate = bytes_of_training(*settings_of(TRAINING), TRAINING, read_coefficients()).value
    more = {"predicted": rounded(estimate), "error": round(estimate / value - 1, 4)}
    report("memory of a whole training", value, "bytes", **more)
    return point_of(TRAINING, value) | more


def write(about: dict[str, str], **changes: Any) -> None:
    """Write the table of coefficients; quantities that were not measured stay as they are."""
    table = json.loads(TARGET.read_text("utf-8")) if TARGET.exists() else {"quantities": {}}
    quantities = table["quantities"] | changes.pop("quantities", {})
    table |= about | changes
    table |= {
        "quantities": {name: quantities[name] for name in QUANTITIES if name in quantities},
    }
    with atomic_file(TARGET) as beside:
        beside.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


def is_complete() -> bool:
    """Return whether the table of coefficients has every quantity; else there is no page yet."""
    table = json.loads(TARGET.read_text("utf-8"))
    return "training" in table and list(table["quantities"]) == list(QUANTITIES)


def main() -> None:
    """Measure, fit, print and write."""
    parser = argparse.ArgumentParser(description="Measure the coefficients of prismrec plan.")
    parser.add_argument("--only", choices=[*MEASUREMENTS, "training"], action="append")
    parser.add_argument("--write", action="store_true", help="write the coefficients and the page")
    parser.add_argument("--page", action="store_true", help="only write the page")
    given = parser.parse_args()
    if given.page:
        write_page()
        return
    about = {
        "machine": machine().rpartition(", load")[0],
        "commit": commit(),  # before a file is written
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
    }
    for name in given.only or [*MEASUREMENTS, "training"]:
        changes = {"training": check_training()} if name == "training" else measure_and_fit(name)
        if given.write:
            write(about, **changes)
    if given.write and is_complete():
        write_page()


if __name__ == "__main__":
    main()
