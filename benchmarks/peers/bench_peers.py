"""Peers from the package index beside prism: the same split, the same evaluator, in one run.

    python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    python benchmarks/peers/bench_peers.py DATA --python peers/bin/python --split-seed 2020

Lists go in, numbers come out: a peer is trained in its own environment (``peers.py``) on the
training histories, reads as much of a history as prism, gives each test user a list without what
was seen, and is measured as prism is. One JSON line a model: recall and NDCG, seconds of training,
how it compares with prism.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import report
from peers import LENGTH, PEERS
from prismrec.data.split import make_split
from prismrec.data.storage import load_dataset
from prismrec.evaluation.compare import compare
from prismrec.evaluation.evaluate import evaluate
from prismrec.training import RunConfig, fit
from prismrec.types import RankedItems

KS, METRICS = (10, 20, 50), ("recall", "ndcg")


def write(path, some):
    """Write histories for a peer."""
    lengths = [len(one) for one in some]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    np.savez(path, indptr=indptr, items=np.concatenate(some))


def peer_of(asked, name, split, newest):
    """Train a peer, which reads the newest events of a history; give its report and seconds."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write(folder / "train.npz", list(split.train))
        write(folder / "cases.npz", [case.history for case in split.test])
        script = Path(__file__).with_name("peers.py")
        python = asked.python.absolute()  # not resolved: it would leave its environment
        words = [python, script.absolute(), name, folder, "--threads", str(asked.threads)]
        words += ["--newest", str(newest)]
        # There, for some write logs where they stand.
        done = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-2_000:])
        lists = np.load(folder / "lists.npy", allow_pickle=False)
        seconds = json.loads((folder / "seconds.json").read_text())
    given = iter(lists)

    def recommend(histories, k):
        items = np.array([next(given)[:k] for _ in histories])
        return RankedItems(items, np.zeros(items.shape, np.float32), np.zeros_like(items))

    return evaluate(recommend, split.test, ks=KS, only=METRICS), seconds


def main(asked):
    """Measure prism, then every peer."""
    torch.set_num_threads(asked.threads)
    dataset = load_dataset(asked.data)
    split = make_split(dataset, "by-user", seed=asked.split_seed)
    began = time.perf_counter()
    trained = fit(split, dataset.catalog, RunConfig(index="exact"))
    seconds = time.perf_counter() - began
    recommend = partial(trained.recommender.ranked, exclude_seen=True)
    prism = evaluate(recommend, split.test, ks=KS, only=METRICS)
    newest = trained.recommender.model.extractor.max_len
    told("prism", prism, seconds, asked, {"rules": trained.notes["rules"], "newest": newest})
    for name in asked.peer or PEERS:
        found, seconds = peer_of(asked, name, split, newest)
        against = compare(prism, found, f"recall@{LENGTH}")
        told(name, found, seconds, asked, {"prism over it": f"{against}"})


def told(name, found, seconds, asked, more):
    """Report one model."""
    metrics = {metric: round(value, 4) for metric, value in found.metrics.items()}
    report(
        name, seconds, "s of training", data=asked.data.name, split=asked.split_seed,
        **metrics, **more,
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--python", type=Path, required=True, help="of the peers' environment")
    parser.add_argument("--peer", action="append", choices=PEERS)
    parser.add_argument("--split-seed", type=int, default=2020)
    parser.add_argument("--threads", type=int, default=2)
    main(parser.parse_args())
