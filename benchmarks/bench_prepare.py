"""Compare the cost of ``build_dataset`` with a plain Polars and NumPy script on the same file.

    python benchmarks/bench_prepare.py --events 20000000

Writes a Parquet log (Zipf items, log-normal users, times in random order), then runs both, each in
its own process, and prints one JSON line per result. The plain script does only what is necessary
(distinct ids, codes, 5/5 core, order, item numbers by count): no duplicates, no ties, no catalog,
no counts of the steps.
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
    """Write a log of ``events`` events, on average 20 per user and 20 per item."""
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


def run_plain(path):
    """Compute offsets, items and times with as little work as possible."""
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
    """Compute the same with the package."""
    from prismrec.data import build_dataset, read_events

    histories = build_dataset(
        read_events(path), min_user_events=CORE, min_item_events=CORE
    ).histories
    return histories.indptr, histories.items, histories.times


RUNS = {"plain": run_plain, "prismrec": run_prismrec}


def measure(name, path):
    """Run one implementation in this process; print its cost and a checksum of its result."""
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
    """Write the log, run both, print the results."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--events", type=int, default=20_000_000, help="events of the log")
    options.add_argument("--run", nargs=2, metavar=("NAME", "FILE"), help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.run:
        measure(*args.run)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "events.parquet"
        command = [sys.executable, __file__, "--run"]
        make = f"import bench_prepare; bench_prepare.make_log({str(path)!r}, {args.events})"
        subprocess.run([sys.executable, "-c", make], check=True, cwd=Path(__file__).parent)
        report(f"log of {args.events} events", path.stat().st_size / 1e9, "GB of Parquet")
        found = {}
        for name in RUNS:
            ran = subprocess.run(
                [*command, name, str(path)], check=True, capture_output=True, text=True
            )
            found[name] = json.loads(ran.stdout)
            for what, value in found[name]["cost"].items():
                report(f"{name}: {what}", value, what.rsplit("_", 1)[-1])
        assert {**found["plain"], "cost": 0} == {**found["prismrec"], "cost": 0}, "results differ"
        for what, value in found["prismrec"]["cost"].items():
            report(f"prismrec / plain: {what}", value / found["plain"]["cost"][what], "ratio")


if __name__ == "__main__":
    main()
