"""Measure what Spark adds on one machine: prepare and recommend with both engines in one run.

    python benchmarks/bench_spark.py --events 1000000 --users 3000

The log is that of ``bench_prepare``; the artifact is a model of its items that is not trained,
which takes the same time as a trained one. Each engine runs in its own process: the local one, and
Spark with two tasks at a time, ``local[2]``, whose workers and Java process count too. The data
sets must be equal byte for byte, and the lists must have the same items.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import psutil

from bench_prepare import make_log
from bench_recommend import make_model
from machine import report
from prismrec.data import (
    build_dataset,
    build_dataset_on_spark,
    load_dataset,
    read_events,
    save_dataset,
)
from prismrec.io import set_threads
from prismrec.recommend import Recommender, load, recommend_file, recommend_on_spark, save
from prismrec.rerank import ListOptions

OPTIONS = ListOptions(k=20)


def cpu_seconds():
    """Return the CPU seconds of this process and of all processes that it started."""
    me = psutil.Process()
    return sum(sum(each.cpu_times()[:4]) for each in [me, *me.children(recursive=True)])


def open_session():
    """Start Spark with two tasks at a time."""
    from pyspark.sql import SparkSession

    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.master("local[2]").config("spark.log.level", "OFF")
    builder = builder.config("spark.ui.enabled", "false").config("spark.driver.memory", "2g")
    return builder.config("spark.ui.showConsoleProgress", "false").getOrCreate()


def prepare(folder, session):
    """Build the data set of the log."""
    name = "local" if session is None else "spark"
    log = read_events(folder / "log")
    if session is None:
        dataset = build_dataset(log)
    else:
        dataset = build_dataset_on_spark(session, log, scratch=folder)
    save_dataset(dataset, folder / f"data-{name}")


def recommend(folder, session):
    """Make the lists of the histories."""
    model, histories = folder / "model", folder / "histories"
    if session is None:
        recommend_file(load(model), histories, folder / "lists.parquet", OPTIONS)
    else:
        recommend_on_spark(session, model, histories, folder / "lists", OPTIONS)


STEPS = {"prepare": prepare, "recommend": recommend}


def measure(step, engine, folder):
    """Run one step with one engine in this process; print the seconds as JSON."""
    set_threads(1)
    began, used = time.perf_counter(), cpu_seconds()
    session = open_session() if engine == "spark" else None
    started = time.perf_counter() - began
    STEPS[step](Path(folder), session)
    wall = time.perf_counter() - began
    print(json.dumps({"start": started, "wall": wall, "cpu": cpu_seconds() - used}))


def make_histories(folder, users):
    """Write an artifact of the items of the data set, and histories in two files."""
    dataset = load_dataset(folder / "data-local")
    save(Recommender.exact(make_model(len(dataset.catalog.items), "formed"), dataset.catalog),
         folder / "model")  # fmt: skip
    items = dataset.catalog.items
    rows = [items.external(dataset.histories[user].tolist()) for user in range(users)]
    table = pl.DataFrame({"user": dataset.users.external(range(users)), "history": rows})
    (folder / "histories").mkdir()
    for number in range(2):
        table[number::2].write_parquet(folder / "histories" / f"{number}.parquet")


def check_same(folder):
    """Check that both engines had the same results."""
    for path in (folder / "data-local").iterdir():
        assert path.read_bytes() == (folder / "data-spark" / path.name).read_bytes(), path.name
    lists = [pl.read_parquet(folder / name) for name in ("lists.parquet", "lists/*.parquet")]
    local, spark = (each.sort("user", "rank").drop("score") for each in lists)
    assert local.equals(spark)


def main():
    """Run both steps with both engines, print the results."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--events", type=int, default=1_000_000, help="events of the log")
    options.add_argument("--users", type=int, default=3_000, help="users who get lists")
    options.add_argument("--run", nargs=3, metavar=("STEP", "ENGINE", "FOLDER"), help="internal")
    args = options.parse_args()
    if args.run:
        measure(*args.run)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "log").mkdir()
        make_log(folder / "log" / "0.parquet", args.events)
        for step in STEPS:
            if step == "recommend":
                make_histories(folder, args.users)
            for engine in ("local", "spark"):
                command = [sys.executable, __file__, "--run", step, engine, name]
                ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                for what, value in json.loads(ran.stdout.splitlines()[-1]).items():
                    report(f"{step}, {engine}: {what}", value, "s")
        check_same(folder)


if __name__ == "__main__":
    main()
