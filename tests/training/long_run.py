"""Train a model in a process that a test kills: ``python long_run.py FOLDER dense``.

A second call continues after the last checkpoint. The script prints "ready" before its first step.
At the end it saves the weights as ``FOLDER/done.safetensors``.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from prismrec.data.histories import Histories
from prismrec.models.extractors import SelfAttentive
from prismrec.models.model import Model
from prismrec.models.samplers import mixed
from prismrec.training import Objective, TrainConfig, train
from prismrec.training.checkpoint import LAST, save_tensors

STEPS, SIZE = 400, 3_000


def main(folder: Path, gradients: str) -> None:
    """Train with a checkpoint every third step, so that a kill often interrupts its writing."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    histories = Histories.of([rng.integers(1, SIZE, rng.integers(2, 30)) for _ in range(300)])
    model = Model(SIZE, SelfAttentive(dim=16, interests=3, max_len=12), dropout=0.2)
    negatives = mixed(torch.from_numpy(histories.counts(SIZE)), 64)
    config = TrainConfig(
        steps=STEPS, batch_size=128, horizon=3, validate_every=3, patience=10**6,
        sparse=gradients == "sparse", ema_decay=0.9 if gradients == "sparse" else 0.0,
    )  # fmt: skip
    print("ready", flush=True)  # noqa: T201
    train(
        model, histories, config, Objective(negatives=negatives),
        validate=lambda: -float(model.items.weight.norm()),
        folder=folder, resume=(folder / LAST).exists(),
    )  # fmt: skip
    save_tensors(folder / "done.safetensors", dict(model.state_dict()), {})


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
