"""Report benchmark results: one JSON line per result, with the machine and the commit."""

import json
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def report(what: str, value: float, unit: str, **more: object) -> None:
    """Print one result as a JSON line: what, value, unit, other fields, machine and commit."""
    line = {"what": what, "value": float(f"{value:.4g}"), "unit": unit, **more}
    print(json.dumps(line | {"machine": machine(), "commit": commit()}), flush=True)


def machine() -> str:
    """Return the processor, its cores and its load; compare results of a busy machine with care."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    return f"{model or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def commit() -> str:
    """Return the short hash of the commit, with a + if the tree has changes."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def shared_data() -> Path:
    """Return the folder of real data sets; see tests/conftest.py."""
    return Path(os.environ.get("PRISMREC_SHARED_DATA", ROOT.parent / "shared" / "data"))


def medians(runs: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Measure the median CPU seconds of several runs, one after another in each round.

    Taking turns spreads the noise evenly. CPU time is measured, not wall time: with one thread they
    are the same on an idle machine, and on a shared machine only CPU time is comparable.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}
