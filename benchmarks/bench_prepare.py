"""How much does ``build_dataset`` cost beside a bare Polars + NumPy script on the same file?

    python benchmarks/bench_prepare.py --events 20000000

Makes a Parquet log (Zipf items, log-normal users, times in no order), then runs both in a process
of their own, in one go, and prints a JSON line a result. The bare script does what has to be done
(distinct ids, codes, 5/5 core, order, numbers by count) and nothing else: no duplicates, no ties,
no catalog, no counts of the steps.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

from machine import report

CORE = 5


def make_log(path, events):
    """Write a log of ``events`` events: 20 a user, 20 an item, on average."""
    rng = np.random.default_rng(0)
    size = events // 20
    weight = np.cumsum(rng.lognormal(0, 1, size))
    user = np.searchsorted(weight / weight[-1], rng.random(events))
    popular = np.cumsum(np.arange(10, size + 10) ** -0.9)
    item = np.searchsorted(popular / popular[-1], rng.random(events))
    seconds = rng.integers(1_500_000_000, 1_600_000_000, events)
    frame = pl.DataFrame(
        {
            "user": rng.permutation(size)[user] + 900_000_000,
            "item": rng.permutation(size)[item] + 9_000_000_000,
            "time": pl.from_epoch(pl.Series(seconds), time_unit="s").cast(pl.Datetime("us")),
        }
    )
    frame.write_parquet(path)


def run_bare(path):
    """Do the least that gives offsets, items and times."""
    scan = pl.scan_parquet(path)
    codes = {}
    for column in ("user", "item"):
        ids = scan.select(column).unique(maintain_order=True).collect()
        ids = ids.with_row_index("code").cast({"code": pl.Int32}).lazy()
        mapped = scan.select(column).join(ids, on=column, how="left", maintain_order="left")
        codes[column] = mapped.select("code").collect()["code"].to_numpy()
    users, items = codes.pop("user"), codes.pop("item")
    kept = np.ones(len(users), dtype=bool)
    u, i = users, items
    while True:
        enough = (np.bincount(u)[u] >= CORE) & (np.bincount(i)[i] >= CORE)
        if enough.all():
            break
        kept[kept] = enough
        u, i = u[enough], i[enough]
    del users, items
    times = scan.select("time").collect()["time"].to_physical().to_numpy()[kept]
    frame = pl.DataFrame({"user": u, "item": i, "time": times})
    del u, i, times
    frame = frame.sort("user", "time", maintain_order=True)
    counts = np.bincount(frame["item"])
    order = np.argsort(-counts, kind="stable")
    number = np.empty(len(counts), dtype=np.int64)
    number[order] = np.arange(1, len(counts) + 1)
    lengths = np.bincount(frame["user"])
    indptr = np.concatenate([[0], np.cumsum(lengths[lengths > 0])])
    return indptr, number[frame["item"].to_numpy()], frame["time"].to_numpy()


def run_prismrec(path):
    """Do the same with the package."""
    from prismrec.data.dataset import build_dataset
    from prismrec.data.events import read_events

    histories = build_dataset(
        read_events(path), min_user_events=CORE, min_item_events=CORE
    ).histories
    return histories.indptr, histories.items, histories.times


RUNS = {"bare": run_bare, "prismrec": run_prismrec}


def measure(name, path):
    """Run one way in this process; print its cost and a sum of what it gave."""
    start = time.perf_counter()
    arrays = RUNS[name](path)
    wall = time.perf_counter() - start
    used = resource.getrusage(resource.RUSAGE_SELF)
    cost = {
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "wall_seconds": wall,
        "peak_rss_gb": used.ru_maxrss * 1024 / 1e9,
    }
    print(
        json.dumps(
            {
                "cost": cost,
                "events": len(arrays[1]),
                "users": len(arrays[0]) - 1,
                "sum": int((arrays[1] * (1 + np.arange(len(arrays[1])) % 97)).sum()),
            }
        )
    )


def main():
    """Make the log, run both ways, print the lines."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--events", type=int, default=20_000_000, help="events of the log")
    options.add_argument("--run", nargs=2, metavar=("WAY", "FILE"), help=argparse.SUPPRESS)
    asked = options.parse_args()
    if asked.run:
        measure(*asked.run)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        command = [sys.executable, __file__, "--run"]
        make = f"import bench_prepare; bench_prepare.make_log({str(path)!r}, {asked.events})"
        subprocess.run([sys.executable, "-c", make], check=True, cwd=Path(__file__).parent)
        report(f"log of {asked.events} events", path.stat().st_size / 1e9, "GB of Parquet")
        found = {}
        for name in RUNS:
            ran = subprocess.run(
                [*command, name, str(path)], check=True, capture_output=True, text=True
            )
            found[name] = json.loads(ran.stdout)
            for what, value in found[name]["cost"].items():
                report(f"{name}: {what}", value, what.rsplit("_", 1)[-1])
        assert {**found["bare"], "cost": 0} == {**found["prismrec"], "cost": 0}, "results differ"
        for what, value in found["prismrec"]["cost"].items():
            report(f"prismrec / bare: {what}", value / found["bare"]["cost"][what], "ratio")


if __name__ == "__main__":
    main()
