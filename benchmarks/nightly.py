"""Is a model that is trained a little each night as good as one that is trained from the beginning?

    python benchmarks/nightly.py                       # MovieLens-100K, ten nights
    python benchmarks/nightly.py --epochs 2 --nights 3

The log is cut by time. The first half of the events is the log of the first day; each of ten nights
adds a twentieth of all events. The newest twentieth of a night's log is for test, the one before it
for validation, the rest for training. In the first night a model is trained from the beginning.
Then each night has two models: one trained from the beginning, and one from the warm start of the
night before. Both are measured on the same test users, as they are served, on lists without items
of the history.

Prints one JSON line per night, and one line with the paired difference over all nights, its 95 %
interval, and the CPU seconds of both.
"""

import argparse
import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from machine import report
from prismrec.data import build_dataset, open_named, split_by_time
from prismrec.evaluation import evaluate, list_lengths
from prismrec.io import set_threads
from prismrec.recommend import save
from prismrec.training import RunConfig, Sources, TrainConfig, WarmStart, fit

FIRST, EACH = 0.5, 0.05
"""Shares of the events: in the log of the first day, and added by each night."""


def split_of_night(log, items, night):
    """Return the data set of a night, and its split by time."""
    frame = log.frame.collect().sort("time", maintain_order=True)
    times, share = frame["time"], FIRST + EACH * night
    valid, test = (int(times[round((share - EACH * back) * len(times))]) for back in (2, 1))
    until = frame.head(round(share * len(frame)))
    dataset = build_dataset(replace(log, frame=until.lazy()), items=items)
    return dataset, split_by_time(dataset, valid_from=valid, test_from=test)


def trained(dataset, split, folder, start=None, **flags):
    """Train and save a model; return its artifact's recommender and the CPU seconds."""
    began = time.process_time()
    config, training = RunConfig(), TrainConfig(**flags)
    start = start and WarmStart.read(start)
    if start:
        config, training = start.settings(config, training)
    made = fit(split, dataset.catalog, config, training, sources=Sources(start=start))
    seconds = time.process_time() - began
    save(made.recommender, folder)
    return made, seconds


def measured(made, dataset, split):
    """Return recall per test user."""
    lengths = list_lengths(dataset.catalog.size - 1, 50)
    recommend = partial(made.recommender.ranked, exclude_seen=True)
    found = evaluate(recommend, split.test, ks=lengths, only=("recall",))
    return found.per_user[f"recall@{lengths[0]}"]


def main() -> None:
    """Compare warm starts with trainings from the beginning."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", default="ml-100k", help="a named data set with times")
    parser.add_argument("--nights", type=int, default=10)
    parser.add_argument("--epochs", type=int, help="of a warm start")
    parser.add_argument("--rate", type=float, help="learning rate of a warm start")
    arguments = parser.parse_args()
    set_threads(1)
    log, items = open_named(arguments.data, Path("~/.cache/prismrec").expanduser())
    flags = {"epochs": arguments.epochs, "learning_rate": arguments.rate}
    with TemporaryDirectory() as folder:
        warm = Path(folder) / "warm"
        dataset, split = split_of_night(log, items, 0)
        trained(dataset, split, warm)
        differences, seconds = [], np.zeros(2)
        for night in range(1, arguments.nights + 1):
            dataset, split = split_of_night(log, items, night)
            new, warm_seconds = trained(dataset, split, warm, warm, **flags)
            full, full_seconds = trained(dataset, split, Path(folder) / "full")
            one, other = (measured(made, dataset, split) for made in (new, full))
            differences.append(one - other)
            seconds += warm_seconds, full_seconds
            report(
                f"recall@50, warm start, night {night}", one.mean(), "share",
                full=round(float(other.mean()), 4), users=len(one),
                new_items=new.start["new_items"], cpu_seconds=round(warm_seconds, 1),
                full_cpu_seconds=round(full_seconds, 1),
            )  # fmt: skip
    every = np.concatenate(differences)
    half_width = 1.96 * every.std(ddof=1) / np.sqrt(len(every))
    report(
        "recall@50, warm start minus full training", every.mean(), "share",
        interval=round(float(half_width), 4), users=len(every), nights=len(differences),
        epochs=arguments.epochs, cpu_seconds=round(seconds[0]), full_cpu_seconds=round(seconds[1]),
        time_ratio=round(seconds[0] / seconds[1], 3),
    )  # fmt: skip


if __name__ == "__main__":
    main()
