"""Compare an artifact of a large log with popular items and with rules, on some test users.

    python benchmarks/large_log.py large.parquet
    prismrec prepare large.parquet --out data
    prismrec train data --out model
    python benchmarks/bench_scale.py data model --users 2000

The users are drawn from the test users; lists are exact, of the whole catalog. Differences are
paired, user by user.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from machine import report
from prismrec.data import load_dataset, load_split
from prismrec.evaluation import BASELINES, by_score, compare, evaluate
from prismrec.recommend import load

METRIC = "recall@50"
NAMES = ("popularity", "sequential-rules")


def main() -> None:
    """Measure the artifact and the baselines."""
    parser = argparse.ArgumentParser(description="Compare an artifact of a large log with rules.")
    parser.add_argument("data", type=Path, help="data set folder")
    parser.add_argument("artifact", type=Path)
    parser.add_argument("--users", type=int, default=2_000, help="test users to draw")
    given = parser.parse_args()
    dataset = load_dataset(given.data)
    split = load_split(given.data, dataset)
    drawn = np.random.default_rng(0).permutation(len(split.test))[: given.users]
    cases = [split.test[number] for number in np.sort(drawn).tolist()]
    recommender = load(given.artifact)
    ranked = partial(recommender.ranked, exclude_seen=False)
    own = evaluate(ranked, cases, ks=(50,), only=("recall",), batch_size=64)
    report("prism", own.metrics[METRIC], METRIC, interval=own.interval[METRIC], users=len(cases))
    for name in NAMES:
        score = BASELINES[name](split.train, split.valid[:1_000], dataset.catalog.size).score
        rules = by_score(score, exclude_seen=False)
        other = evaluate(rules, cases, ks=(50,), only=("recall",), batch_size=16)
        difference = compare(own, other, METRIC)
        report(name, other.metrics[METRIC], METRIC, against_prism=str(difference))


if __name__ == "__main__":
    main()
