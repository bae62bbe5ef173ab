"""What every benchmark prints: one JSON line a result, and where it was measured."""

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
    """Print one result: what, value, unit, machine, commit, and what else there is to say."""
    line = {"what": what, "value": float(f"{value:.4g}"), "unit": unit, **more}
    print(json.dumps(line | {"machine": machine(), "commit": commit()}), flush=True)


def machine() -> str:
    """Name the processor and say how busy it is: figures of a busy machine are not absolute."""
    names = Path("/proc/cpuinfo")
    lines = names.read_text().splitlines() if names.exists() else []
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "")
    return f"{model or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


def commit() -> str:
    """Give the short hash of the commit, with a + where the tree has changes."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def shared_data() -> Path:
    """Give the folder where real data sets would be; see tests/conftest.py."""
    return Path(os.environ.get("PRISMREC_SHARED_DATA", ROOT.parent / "shared" / "data"))


def medians(runs: dict[str, Callable[[], object]], *, rounds: int) -> dict[str, float]:
    """Time each in turn, round after round, so that noise hits all alike: median CPU seconds.

    Of the processor, not of the clock: with one thread the two are the same on an idle machine,
    and on a shared one only the first means anything.
    """
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            began = time.process_time()
            run()
            seconds[name].append(time.process_time() - began)
    return {name: statistics.median(values) for name, values in seconds.items()}
