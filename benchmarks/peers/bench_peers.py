"""Compare prism with other packages: the same split, the same evaluator, in one run.

    python -m venv peers && peers/bin/pip install -r benchmarks/peers/requirements.txt
    python benchmarks/peers/bench_peers.py DATA --python peers/bin/python --split-seed 2020

Each peer is trained in its own environment (``peers.py``) on the training histories. It reads as
many events of a history as prism, and returns one list per test user without the items of the
history. Its lists are evaluated like those of prism. Prints one JSON line per model: recall and
NDCG, seconds of training, and the difference to prism.
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

sys.path.insert(0, str(Path(__file__).parents[1]))

from machine import report
from peers import LENGTH, PEERS
from prismrec.data import load_dataset, make_split
from prismrec.evaluation import compare, evaluate
from prismrec.io import set_threads
from prismrec.training import RunConfig, fit
from prismrec.types import RankedItems

KS, METRICS = (10, 20, 50), ("recall", "ndcg")


def write(path, histories):
    """Write histories for a peer."""
    lengths = [len(history) for history in histories]
    indptr = np.concatenate([[0], np.cumsum(lengths)])
    np.savez(path, indptr=indptr, items=np.concatenate(histories))


def evaluate_peer(args, name, split, newest):
    """Train and evaluate a peer on the newest events; return its report and its seconds."""
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        write(folder / "train.npz", list(split.train))
        write(folder / "cases.npz", [case.history for case in split.test])
        script = Path(__file__).with_name("peers.py")
        python = args.python.absolute()  # resolve() would leave the environment
        words = [python, script.absolute(), name, folder, "--threads", str(args.threads)]
        words += ["--newest", str(newest)]
        # Some peers write logs to the working directory.
        done = subprocess.run(words, cwd=folder, check=False, capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr[-2_000:])
        lists = np.load(folder / "lists.npy", allow_pickle=False)
        seconds = json.loads((folder / "seconds.json").read_text())
    rows = iter(lists)

    def recommend(histories, k):
        items = np.array([next(rows)[:k] for _ in histories])
        return RankedItems(items, np.zeros(items.shape, np.float32), np.zeros_like(items))

    return evaluate(recommend, split.test, ks=KS, only=METRICS), seconds


def main(args):
    """Evaluate prism, then every peer."""
    set_threads(args.threads)
    dataset = load_dataset(args.data)
    split = make_split(dataset, "by-user", seed=args.split_seed)
    began = time.perf_counter()
    trained = fit(split, dataset.catalog, RunConfig(index="exact"))
    seconds = time.perf_counter() - began
    recommend = partial(trained.recommender.ranked, exclude_seen=True)
    prism = evaluate(recommend, split.test, ks=KS, only=METRICS)
    newest = trained.recommender.model.extractor.max_len
    report_model("prism", prism, seconds, args, {"rules": trained.notes["rules"], "newest": newest})
    for name in args.peer or PEERS:
        found, seconds = evaluate_peer(args, name, split, newest)
        against = compare(prism, found, f"recall@{LENGTH}")
        report_model(name, found, seconds, args, {"prism - peer": f"{against}"})


def report_model(name, found, seconds, args, more):
    """Report one model."""
    metrics = {metric: round(value, 4) for metric, value in found.metrics.items()}
    report(
        name, seconds, "s of training", data=args.data.name, split=args.split_seed,
        **metrics, **more,
    )  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--python", type=Path, required=True, help="Python of the peers")
    parser.add_argument("--peer", action="append", choices=PEERS)
    parser.add_argument("--split-seed", type=int, default=2020)
    parser.add_argument("--threads", type=int, default=2)
    main(parser.parse_args())
