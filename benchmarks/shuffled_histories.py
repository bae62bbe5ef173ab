"""Compare prism with the baselines on histories whose order is random.

    prismrec prepare ml-100k --out ml-100k
    python benchmarks/shuffled_histories.py ml-100k toys --threads 1

Each DATA is a data set folder. The events of each user are shuffled before the split by user, so
the history and the targets of a user are random parts of one set. Prism is trained with default
options, and validation chooses the rules that are blended with it. Prints one JSON line per data
set: recall on the test users (items of the history left out) and the paired difference of blended
prism to each other row with its 95 % half-width.

All baselines but popularity weight newer events more, which costs recall here. The rows "recency 1"
are item-kNN and EASE with equal weights.
"""

import argparse
import json
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from machine import commit, machine
from prismrec.data import load_dataset, make_split
from prismrec.evaluation import BASELINES, by_score, compare, evaluate
from prismrec.evaluation.baselines import ease, item_knn
from prismrec.io import set_threads
from prismrec.training import RunConfig, TrainConfig, fit

KS = (10, 20, 50)


def shuffled(histories, seed):
    """Return the histories with the items of each user in a random order."""
    user = np.repeat(np.arange(len(histories)), histories.lengths)
    order = np.lexsort((np.random.default_rng(seed).random(len(user)), user))
    return replace(histories, items=np.asarray(histories.items)[order])


def baselines(split, size):
    """Yield the name and the scores of each baseline."""
    for name, fit_baseline in BASELINES.items():
        yield name, fit_baseline(split.train, split.valid, size).score
    yield (
        "item-knn, recency 1",
        item_knn(split.train, size, neighbours=1000, shrink=20.0, recency=1.0),
    )
    yield "ease, recency 1", ease(split.train, size, l2=500.0, recency=1.0)


def measure(folder, args):
    """Return the results of one data set."""
    dataset = load_dataset(folder)
    dataset = replace(dataset, histories=shuffled(dataset.histories, args.shuffle_seed))
    split = make_split(dataset, "by-user", seed=args.split_seed)
    began = time.perf_counter()
    trained = fit(split, dataset.catalog, RunConfig(index="exact"), TrainConfig(seed=args.seed))
    seconds = time.perf_counter() - began

    def report_of(recommend):
        return evaluate(recommend, split.test, ks=KS, only=("recall",))

    blended = trained.recommender
    reports = {
        name: report_of(partial(recommender.ranked, exclude_seen=True))
        for name, recommender in (
            ("prism, blended", blended),
            ("prism without rules", blended.with_rules(None)),
        )
    }
    for name, score in baselines(split, dataset.catalog.size):
        reports[name] = report_of(by_score(score, exclude_seen=True))
    first = reports["prism, blended"]
    found = {}
    for name, report in reports.items():
        found[name] = {metric: round(value, 4) for metric, value in report.metrics.items()}
        differences = [compare(first, report, f"recall@{k}") for k in KS if report is not first]
        found[name] |= {
            f"{d.metric} difference": [round(d.mean, 4), round(d.interval, 4)] for d in differences
        }
    return {
        "data": folder.name, "protocol": split.how, "shuffle_seed": args.shuffle_seed,
        "seed": args.seed, "models": found, "notes": trained.notes, "seconds": round(seconds),
        "training_seconds": round(trained.result.seconds),
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, nargs="+")
    parser.add_argument("--split-seed", type=int, default=2020)
    parser.add_argument("--shuffle-seed", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    set_threads(args.threads)
    for folder in args.data:
        line = measure(folder, args) | {"machine": machine(), "commit": commit()}
        print(json.dumps(line), flush=True)
