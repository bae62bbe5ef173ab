"""Measure the speed of exact and approximate search, and what an approximate search misses.

    python benchmarks/bench_search.py --items 1000000
    python benchmarks/bench_search.py --items 10000 --items 100000 --items 1000000    # growth

Vectors of width 64 from a mixture: 2,000 clusters of Zipf sizes under 60 topics; norms are
log-normal (1, 50, 99 %: 0.51, 1.19, 2.79). A request searches 50 items for one user with four
interests. One thread. Recall is measured on other users than those that set the search budget.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from machine import medians, report
from prismrec.errors import DataError, MissingExtra
from prismrec.io import set_threads
from prismrec.retrieval.index import INDEXES, ExactIndex, choose_index, load_index, recall_of

WIDTH, INTERESTS, M = 64, 4, 50
CLUSTERS, TOPICS = 2_000, 60


def mixture(items, users):
    """Return the vectors of some items and the interests of some users."""
    rng = np.random.default_rng(0)
    topics = rng.standard_normal((TOPICS, WIDTH))[rng.integers(TOPICS, size=CLUSTERS)]
    topics /= np.linalg.norm(topics, axis=1, keepdims=True)
    centres = topics + 0.7 / 8 * rng.standard_normal((CLUSTERS, WIDTH))
    share = 1 / np.arange(1, CLUSTERS + 1)

    def near(n):
        drawn = centres[rng.choice(CLUSTERS, n, p=share / share.sum())].astype(np.float32)
        drawn += 0.6 / 8 * rng.standard_normal((n, WIDTH), dtype=np.float32)
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    norms = rng.lognormal(np.log(1.19), 0.364, (items, 1)).astype(np.float32)
    return near(items) * norms, near(users * INTERESTS).reshape(users, INTERESTS, WIDTH)


def search_in_torch(vectors, queries):
    """Search exactly in plain torch, 64 queries at a time."""
    flat = torch.from_numpy(queries).view(-1, WIDTH)
    for start in range(0, len(flat), 64):
        (flat[start : start + 64] @ vectors.T).topk(M, dim=1)


def bench_exact(vectors, ids, queries):
    """Compare the exact index with plain torch; return its CPU seconds per single request."""
    began = time.process_time()
    index = ExactIndex.build(vectors, ids)
    more = {"items": len(ids), "index": "exact"}
    report("build", time.process_time() - began, "CPU-s", **more)
    single, batch = queries[:1], queries[:32]
    for users, queried, rounds in ((1, single, 9), (32, batch, 3)):
        runs = {
            "exact": lambda queried=queried: index.search(queried, M),
            "torch": lambda queried=queried: search_in_torch(index.vectors, queried),
        }
        cost = medians(runs, rounds=rounds)
        report(f"search of {users} users", cost["exact"] * 1e3, "CPU-ms", **more)
        report(f"torch, {users} users", cost["torch"] * 1e3, "CPU-ms", **more)
        report(f"exact / torch, {users} users", cost["exact"] / cost["torch"], "ratio", **more)
    latency(index, queries[:15], more)
    return medians({"exact": lambda: index.search(single, M)}, rounds=9)["exact"]


def latency(index, queries, more):
    """Report the wall times of single requests."""
    walls = []
    for query in queries:
        began = time.perf_counter()
        index.search(query[None], M)
        walls.append(time.perf_counter() - began)
    report("request, p50", statistics.median(walls) * 1e3, "ms wall", **more)
    report("request, p99", np.quantile(walls, 0.99) * 1e3, "ms wall", **more)


def bench_approximate(name, vectors, ids, queries, exact_seconds):
    """Build and tune one index, then measure its recall, speed and memory."""
    more = {"items": len(ids), "index": name}
    tuning, tested = queries[:100], queries[100:]
    began = time.process_time()
    try:
        index = choose_index(vectors, ids, tuning, name=name).index
    except (DataError, MissingExtra) as error:
        report(f"no index: {error}", 0, "", **more)
        return
    more["search_budget"] = index.search_budget
    report("build and tuning", time.process_time() - began, "CPU-s", **more)
    some = tested[:200]
    recall = recall_of(index.search(some, M), index.exact_index.search(some, M))
    report(f"recall@{M}", recall, "share", **more)
    for query in tested[:20]:
        index.search(query[None], M)
    began = time.process_time()
    for query in tested:
        index.search(query[None], M)
    seconds = (time.process_time() - began) / len(tested)
    report("single requests", INTERESTS / seconds, "queries / CPU-s", **more)
    report("rate / exact", exact_seconds / seconds, "ratio", **more)
    latency(index, tested, more)
    with tempfile.TemporaryDirectory() as folder:
        index.save(f"{folder}/index")
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        report("files", sum(path.stat().st_size for path in files) / 2**20, "MiB", **more)
        np.save(f"{folder}/queries.npy", tested[:200])
        command = [sys.executable, __file__, "--open", folder]
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        report("resident for 200 requests", float(run.stdout), "MiB", **more)


def open_and_search(folder):
    """Print how much memory this process gains by opening an index and answering requests."""
    queries = np.load(f"{folder}/queries.npy")
    ExactIndex.build(queries[0], np.arange(1, INTERESTS + 1)).search(queries[:1], 3)
    before = resident()
    index = load_index(f"{folder}/index")
    for query in queries:
        index.search(query[None], M)
    print(resident() - before)


def resident():
    """Return the resident memory of this process in MiB, private and mapped."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main():
    """Measure every index at every size."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--items", type=int, action="append", help="catalog size")
    options.add_argument(
        "--index",
        action="append",
        help="default: all but pgvector",
    )
    options.add_argument("--open", help=argparse.SUPPRESS)
    args = options.parse_args()
    set_threads(1)
    if args.open:
        open_and_search(args.open)
        return
    for items in args.items or [100_000]:
        vectors, queries = mixture(items, 500)
        ids = np.arange(1, items + 1)
        seconds = bench_exact(vectors, ids, queries)
        for name in args.index or sorted(set(INDEXES) - {"exact", "pgvector"}):
            bench_approximate(name, vectors, ids, queries, seconds)


if __name__ == "__main__":
    main()
