"""Compare the evaluation of many users on a large catalog with its matrix product and top-k.

    python benchmarks/bench_evaluate.py --items 1000000 --users 2000

The model is sa with one interest and is not trained, which takes the same time as a trained one. An
evaluation makes exact lists of 50 items of the whole catalog, a batch of users at a time, and all
metrics. "bare" multiplies the same interests with all item vectors and takes the largest 50 scores,
nothing else: no history, no ids, no metrics. One thread, CPU seconds, in turns.
"""

import argparse
import time
from functools import partial

import numpy as np
import torch

from bench_recommend import make_catalog
from bench_search import WIDTH, mixture
from machine import report
from prismrec.data import Case
from prismrec.evaluation import evaluate
from prismrec.io import set_threads
from prismrec.models import Model, SelfAttentive
from prismrec.recommend import Recommender

K, ROUNDS = 50, 3


def make_world(items, users):
    """Return a recommender of a model with vectors of a mixture, and cases."""
    torch.manual_seed(0)
    model = Model(items + 1, SelfAttentive(dim=WIDTH, interests=1, max_len=50))
    vectors, _ = mixture(items, 1)
    with torch.no_grad():
        for table in model.tables:
            table.weight[1:, :WIDTH] = torch.from_numpy(vectors)
    generator = np.random.default_rng(0)
    rows = generator.integers(1, items + 1, (users, 60))
    return Recommender.exact(model.eval(), make_catalog(items)), [
        Case(row[:50], row[50:]) for row in rows
    ]


def bare(table, queries, batch):
    """Return the largest ``K`` scores of each query over the whole table."""
    return [(queries[at : at + batch] @ table.T).topk(K) for at in range(0, len(queries), batch)]


def seconds_of(run):
    """Return the CPU seconds of a function."""
    began = time.process_time()
    run()
    return time.process_time() - began


def main():
    """Measure both in turns."""
    parser = argparse.ArgumentParser(description="Compare an evaluation with its matrix product.")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=2_000)
    given = parser.parse_args()
    set_threads(1)
    recommender, cases = make_world(given.items, given.users)
    catalog = recommender.catalog
    ranked = partial(recommender.ranked, exclude_seen=False)
    queries = recommender.model.interests_of([case.history for case in cases]).vectors[:, 0]
    table = torch.from_numpy(recommender.model.vectors_as_numpy(np.arange(1, given.items + 1)))
    runs = {
        "evaluation": lambda: evaluate(ranked, cases, ks=(20, K), catalog=catalog),
        "bare": lambda: bare(table, queries, 64),
    }
    found = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            found[name].append(seconds_of(run))
    medians = {name: float(np.median(values)) for name, values in found.items()}
    for name, value in medians.items():
        report(f"{name} of {given.users:,} users", value, "CPU-s", items=given.items)
    report("evaluation / bare", medians["evaluation"] / medians["bare"], "x", items=given.items)


if __name__ == "__main__":
    main()
