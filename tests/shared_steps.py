"""Train a model in one or several processes: ``torchrun shared_steps.py FOLDER STEPS``.

With the environment variable ``SHARDED``, tables are divided among the processes.

The losses of all steps since the last checkpoint are written to ``FOLDER/losses.json``. With a
third argument, at that step the checkpoint is copied to ``FOLDER/copy`` and the last process ends
itself, unless it was restarted.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch

from prismrec.data.histories import Histories
from prismrec.models.extractors import SelfAttentive
from prismrec.models.model import Model
from prismrec.models.regularizers import routing_variance
from prismrec.models.samplers import mixed
from prismrec.training import Objective, Processes, TrainConfig, join_processes, train
from prismrec.training.checkpoint import LAST

SIZE = 500


def run(
    folder: Path, steps: int, processes: Processes, kill_at: int | None = None, *,
    sharded: bool = False,
) -> dict[int, float]:  # fmt: skip
    """Train without dropout; return the loss of each step."""
    torch.manual_seed(processes.rank)  # only the weights of the first process count
    rng = np.random.default_rng(0)
    histories = Histories.of([rng.integers(1, SIZE, rng.integers(2, 30)) for _ in range(300)])
    model = Model(SIZE, SelfAttentive(dim=16, interests=3, max_len=12), tie_embeddings=False)
    negatives = mixed(torch.from_numpy(histories.counts(SIZE)), 64)
    config = TrainConfig(
        steps=steps, batch_size=100, horizon=3, validate_every=20, patience=10**6, ema_decay=0.9,
        sparse=True, sharded=sharded,
    )  # fmt: skip
    regularizers = {"routing": (routing_variance, 0.1)}
    objective = Objective(negatives=negatives, regularizers=regularizers)
    losses: dict[int, float] = {}

    def on_step(step):
        losses[step.step] = step.losses["loss"]
        if step.step == kill_at and processes.is_first:
            shutil.copytree(folder, folder.with_suffix(".new"))
            folder.with_suffix(".new").rename(folder / "copy")
        if step.step == kill_at and processes.rank == processes.count - 1:
            while not (folder / "copy").exists():  # torchrun then ends the first process too
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGKILL)

    train(
        model, histories, config, objective,
        # Each process has a part of the metric.
        validate=lambda: processes.sums([-float(model.items.weight.norm()) / processes.count],
                                        model.device)[0],
        on_step=on_step, folder=folder, resume=(folder / LAST).exists(),
    )  # fmt: skip
    return losses


def run_in(
    processes: int, folder: Path, steps: int, *kill_at: int, restarts: int = 0,
    sharded: bool = False,
) -> dict[int, float]:  # fmt: skip
    """Train in several processes, which must succeed; return the loss of each step."""
    words = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", processes, "--max-restarts", restarts,
        __file__, folder, steps, *kill_at,
    ]  # fmt: skip
    environment = os.environ | {"SHARDED": "1" if sharded else ""}
    done = subprocess.run(
        list(map(str, words)), capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    losses = json.loads((folder / "losses.json").read_text())
    return {int(step): loss for step, loss in losses.items()}


def main(folder: Path, steps: int, kill_at: int | None) -> None:
    """Train in the processes that torchrun started; the first one writes the losses."""
    warnings.simplefilter("error")  # as in the process of the tests
    torch.set_num_threads(1)
    with join_processes(os.environ) as processes:
        kill_at = None if processes.restarted else kill_at
        sharded = bool(os.environ.get("SHARDED"))
        losses = run(folder, steps, processes, kill_at, sharded=sharded)
        if processes.is_first:
            (folder / "losses.json").write_text(json.dumps(losses))
    left = [name for name in thread_names() if "gloo" in name]
    assert not left, f"{left} may abort the process when Python ends"


def thread_names() -> list[str]:
    """Return the names of the threads of this process; none where the system does not list them."""
    return [path.read_text() for path in Path("/proc/self/task").glob("*/comm")]


if __name__ == "__main__":
    place, number, *kill = sys.argv[1:]
    main(Path(place), int(number), int(kill[0]) if kill else None)
