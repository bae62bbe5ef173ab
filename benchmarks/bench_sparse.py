"""Measure what sparse gradients of the item tables save, by the size of the catalog.

Prism with K = 2, two tables, averaged weights, 1,024 negatives and the targets of the
batch, on random histories of 20 events, one thread. Dense and sparse steps take turns; times are
CPU milliseconds per step.

    python benchmarks/bench_sparse.py           # dense against sparse
    python benchmarks/bench_sparse.py --flat    # sparse steps up to 4 M items (9 GB of memory)
    python benchmarks/bench_sparse.py --flat --dim 32     # up to 10 M items (11 GB)

Torch uses large pages of memory, as on the command line; THP_MEM_ALLOC_ENABLE=0 turns this off.
"""

import argparse
import os

os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # read when torch is imported

import numpy as np
import torch

from machine import medians, report
from prismrec.data import Histories
from prismrec.io import set_threads
from prismrec.models import Model, Prism
from prismrec.models.readouts import MIXTURE
from prismrec.models.samplers import union
from prismrec.training import Objective, TrainConfig
from prismrec.training.run import Run

SIZES = (12_000, 25_000, 50_000, 100_000, 360_000)
FLAT = {64: (10_000, 100_000, 1_000_000, 4_000_000), 32: (10_000, 100_000, 1_000_000, 10_000_000)}
"""Sizes by the dimension of vectors."""
STEPS = 10


def step_of(size: int, *, sparse: bool, dim: int = 64):
    """Return a function that runs ``STEPS`` steps, after a first step, which allocates."""
    histories = Histories.of(np.random.default_rng(0).integers(1, size + 1, (2_000, 20)))
    extractor = Prism(dim=dim, interests=2, max_len=20)
    model = Model(size + 1, extractor, tie_embeddings=False, dropout=0.3, normalized=True)
    negatives = union(torch.from_numpy(histories.counts(size + 1)), 1_024)
    config = TrainConfig(learning_rate=8e-3, ema_decay=0.98, sparse=sparse, device="cpu")
    objective = Objective(readout=MIXTURE, negatives=negatives)
    run = Run(model, histories, config, objective, folder=None, device=torch.device("cpu"))
    run.step()
    return lambda: [run.step() for _ in range(STEPS)]


def measure_flat(dim: int) -> None:
    """Measure sparse steps of every size of ``FLAT``, one after another: one model in memory."""
    milliseconds = {}
    for size in FLAT[dim]:
        seconds = medians({"sparse": step_of(size, sparse=True, dim=dim)}, rounds=5)["sparse"]
        milliseconds[str(size)] = round(1_000 * seconds / STEPS, 1)
    largest, smallest = max(milliseconds.values()), min(milliseconds.values())
    report("longest over shortest sparse step", largest / smallest, "", dim=dim, **milliseconds)


def main() -> None:
    """Measure every size."""
    parser = argparse.ArgumentParser(description="Measure steps with sparse gradients.")
    parser.add_argument("--flat", action="store_true", help="only sparse steps, more items")
    parser.add_argument("--dim", type=int, choices=FLAT, default=64, help="of --flat")
    given = parser.parse_args()
    set_threads(1)
    if given.flat:
        measure_flat(given.dim)
        return
    for size in SIZES:
        ways = {"dense": step_of(size, sparse=False), "sparse": step_of(size, sparse=True)}
        seconds = medians(ways, rounds=5)
        milliseconds = {way: round(1_000 * value / STEPS, 1) for way, value in seconds.items()}
        ratio = seconds["dense"] / seconds["sparse"]
        report("dense over sparse", ratio, "times as long", items=size, **milliseconds)


if __name__ == "__main__":
    main()
