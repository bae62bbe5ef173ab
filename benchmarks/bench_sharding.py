"""Measure what shards of the item tables save, with two processes on one machine.

Prism with two tables, averaged weights and 1,024 negatives, on random histories of 20 events; one
thread per process. Whole tables and shards take turns, each in new processes. Memory is that of one
process after its steps; a validation needs whole tables without the state of Adam besides.

    python benchmarks/bench_sharding.py --items 2000000
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read when torch is imported

import numpy as np
import psutil
import torch

from machine import report
from prismrec.data import Histories
from prismrec.io import set_threads
from prismrec.models import Model, Prism
from prismrec.models.readouts import MIXTURE
from prismrec.models.samplers import union
from prismrec.training import Objective, TrainConfig, join_processes
from prismrec.training.run import Run

PROCESSES, STEPS, ROUNDS = 2, 30, 3


def measure(items: int, *, sharded: bool) -> None:
    """Run steps in one of several processes; the first one prints bytes and seconds per step."""
    set_threads(1)
    with join_processes(os.environ) as processes:
        histories = Histories.of(np.random.default_rng(0).integers(1, items + 1, (20_000, 20)))
        before = psutil.Process().memory_info().rss
        extractor = Prism(dim=64, interests=1, max_len=20)
        model = Model(items + 1, extractor, tie_embeddings=False, dropout=0.3, normalized=True)
        processes.copy_weights(model)
        negatives = union(torch.from_numpy(histories.counts(items + 1)), 1_024)
        config = TrainConfig(
            learning_rate=8e-3, ema_decay=0.98, sparse=True, sharded=sharded, device="cpu"
        )
        objective = Objective(readout=MIXTURE, negatives=negatives)
        device = torch.device("cpu")
        run = Run(
            model, histories, config, objective, folder=None, device=device, processes=processes
        )
        run.step()  # allocates
        began = time.perf_counter()
        for _ in range(STEPS):
            run.step()
        seconds = (time.perf_counter() - began) / STEPS
        if processes.is_first:
            held = psutil.Process().memory_info().rss - before
            print(json.dumps({"bytes": held, "seconds": seconds}))


def in_processes(items: int, *, sharded: bool) -> dict[str, float]:
    """Measure in new processes."""
    words = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", PROCESSES, Path(__file__), "--items", items, "--part", int(sharded),
    ]  # fmt: skip
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Measure both ways in turns."""
    parser = argparse.ArgumentParser(description="Measure steps with sharded item tables.")
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--part", type=int, choices=(0, 1), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part is not None:
        measure(given.items, sharded=bool(given.part))
        return
    whole, shards = [], []
    for _ in range(ROUNDS):
        whole.append(in_processes(given.items, sharded=False))
        shards.append(in_processes(given.items, sharded=True))
    for name, scale, unit in (("bytes", 1e9, "GB"), ("seconds", 1e-3, "ms")):
        first, second = (median(one[name] for one in found) for found in (whole, shards))
        numbers = {f"whole_{unit}": first / scale, f"sharded_{unit}": second / scale}
        numbers = {key: round(value, 2) for key, value in numbers.items()}
        report(f"{name} with shards over whole tables", second / first, "", **numbers)


if __name__ == "__main__":
    main()
