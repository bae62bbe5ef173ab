"""Is the default model better than its own single interest, and than the baselines?

    python benchmarks/quality.py DATA --splits 3 --seeds 1 --protocol by-user

DATA is a data set folder. For each split and training seed, ``fit`` trains the default model once.
Measured are the recommender as it is served, the same without formed interests (K = 1), and both
without the rule retriever, on lists without the items of the history. With the protocol
leave-last-out there is one split, and ``--every`` takes every n-th user.

Prints one JSON line per run, with paired differences to K = 1 and to the best baseline, their 95 %
intervals, and how interests are formed; and one line with the means over all runs.
"""

import argparse
import json
import time
from functools import partial
from pathlib import Path

import numpy as np

from machine import commit
from prismrec.data import load_dataset, split_by_user, split_leave_last_out
from prismrec.evaluation import (
    BASELINES,
    by_score,
    compare,
    describe_environment,
    evaluate,
)
from prismrec.io import set_threads
from prismrec.training import RunConfig, TrainConfig, fit

KS = (10, 20, 50)
NAMES = ("recall", "ndcg", "subtopic_recall")


def measure(recommend, cases, catalog):
    """Return the report of a recommender."""
    return evaluate(recommend, cases, ks=KS, catalog=catalog, only=NAMES)


def differences(report, other):
    """Return the paired difference of every metric, as text."""
    return {
        name: [round(d.mean, 5), round(d.interval, 5), d.verdict]
        for name in report.per_user
        for d in [compare(report, other, name)]
    }


def baselines(split, cases, catalog):
    """Return the report of every baseline that the catalog allows."""
    reports = {}
    for name, fit_baseline in BASELINES.items():
        fitted = fit_baseline(split.train, split.valid, catalog.size)
        recommend = by_score(fitted.score, exclude_seen=True)
        reports[name] = measure(recommend, cases, catalog)
    return reports


def run(dataset, split, seed, cases, known):
    """Train the default model and return its numbers, and the reports of the baselines."""
    catalog, start = dataset.catalog, time.perf_counter()
    trained = fit(split, catalog, RunConfig(exclude_seen=True), TrainConfig(seed=seed))
    seconds = time.perf_counter() - start
    recommender = trained.recommender
    variants = {
        "served": recommender,
        "served K=1": recommender.with_forming(None),
        "without rules": recommender.with_rules(None),
        "without rules, K=1": recommender.with_rules(None).with_forming(None),
    }
    reports = {
        name: measure(partial(one.ranked, exclude_seen=True), cases, catalog)
        for name, one in variants.items()
    }
    known = known or baselines(split, cases, catalog)
    best = max(known, key=lambda name: known[name].metrics["recall@50"])
    served = reports["served"]
    row = {
        "split": split.how, "seed": seed, "users": served.users, "seconds": round(seconds, 1),
        "notes": trained.notes,
        "metrics": {name: rounded(report) for name, report in (known | reports).items()},
        "served - K=1": differences(served, reports["served K=1"]),
        "without rules - K=1": differences(
            reports["without rules"], reports["without rules, K=1"]
        ),
        "best baseline": best,
        "served / best": round(served.metrics["recall@50"] / known[best].metrics["recall@50"], 4),
        "served - best": differences(served, known[best]),
    }  # fmt: skip
    return row, known


def rounded(report):
    """Return the metrics of a report with five digits."""
    return {name: round(value, 5) for name, value in report.metrics.items()}


def main(args):
    """Run all splits and seeds, and print their numbers."""
    set_threads(args.threads)
    dataset = load_dataset(args.data)
    rows = []
    splits = range(2020, 2020 + args.splits) if args.protocol == "by-user" else [0]
    for number in splits:
        split = (
            split_by_user(dataset, seed=number)
            if args.protocol == "by-user"
            else split_leave_last_out(dataset)
        )
        known = None
        for seed in range(args.seeds):
            row, known = run(dataset, split, seed, split.test[:: args.every], known)
            rows.append(row)
            print(json.dumps({"data": args.data.name, **row}), flush=True)
    means = {
        kind: {n: round(float(np.mean([r[kind][n][0] for r in rows])), 5) for n in rows[0][kind]}
        for kind in ("served - K=1", "without rules - K=1", "served - best")
    }
    how = {"commit": commit(), **describe_environment()}
    ratio = round(float(np.mean([row["served / best"] for row in rows])), 4)
    print(json.dumps({"data": args.data.name, "runs": len(rows), "mean": means,
                      "served / best": ratio, **how}))  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--protocol", choices=["by-user", "leave-last-out"], default="by-user")
    parser.add_argument("--splits", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    main(parser.parse_args())
