"""Several processes, which torchrun starts, make the same steps as one."""

import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from prismrec.data.histories import Histories
from prismrec.errors import ConfigError
from prismrec.models.extractors import SelfAttentive
from prismrec.models.model import Model
from prismrec.models.regularizers import routing_variance
from prismrec.models.samplers import mixed
from prismrec.training import Objective, TrainConfig
from prismrec.training.objective import with_relative_weights
from prismrec.training.processes import ALONE, Processes, join_processes
from prismrec.training.run import Run, _on_device
from prismrec.types import Batch
from shared_steps import run, run_in

STEPS = 200


def test_a_batch_is_divided_among_processes_without_loss_or_repetition():
    batch = Batch(*(torch.arange(10).reshape(5, 2) + number for number in range(3)))
    for count in (1, 2, 3, 7):
        parts = [Processes(rank, count).part_of_batch(batch) for rank in range(count)]
        assert all(part.weight is None for part in parts)
        for whole, *pieces in zip(batch[:3], *(part[:3] for part in parts), strict=True):
            assert sorted(torch.cat(pieces).tolist()) == whole.tolist()
        users = [user for rank in range(count) for user in Processes(rank, count).part_of("abcde")]
        assert sorted(users) == list("abcde")


class Divided(Processes):
    """One of several processes, of which the test adds up the results."""

    def sums(self, values, _device):
        return list(values)

    def sum_gradients(self, _model, _sparse):
        """Keep the gradients of the part."""


@pytest.mark.parametrize("count", [2, 3, 40])
@pytest.mark.slow
def test_the_parts_of_a_batch_have_its_gradients_with_weights_and_regularizers(count):
    random = np.random.default_rng(0)
    histories = Histories.of([random.integers(1, 20, random.integers(2, 9)) for _ in range(30)])
    weights = random.choice([0.0, 1.0, 5.0], len(histories.items)).astype(np.float32)
    objective = Objective(
        negatives=mixed(torch.from_numpy(histories.counts(20)), 8),
        regularizers={"routing": (routing_variance, 10.0)},
    )

    def losses_and_gradients(processes):
        torch.manual_seed(0)
        model = Model(20, SelfAttentive(dim=4, interests=2, max_len=8))
        run = Run(
            model, replace(histories, weights=weights), TrainConfig(batch_size=60), objective,
            folder=None, device=torch.device("cpu"), processes=processes,
        )  # fmt: skip
        batch = with_relative_weights(_on_device(run.batches.at(0), run.device))
        losses = run._compute_gradients(batch, torch.Generator().manual_seed(0))
        return list(losses.values()) + [
            torch.zeros_like(p) if p.grad is None else p.grad for p in model.parameters()
        ]

    whole = losses_and_gradients(ALONE)
    parts = [losses_and_gradients(Divided(rank, count)) for rank in range(count)]
    for value, *pieces in zip(whole, *parts, strict=True):
        torch.testing.assert_close(torch.as_tensor(sum(pieces)), torch.as_tensor(value))


def test_processes_that_torchrun_did_not_start_are_refused():
    environment = {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "localhost"}
    with (
        pytest.raises(ConfigError, match="WORLD_SIZE is 2, but LOCAL_RANK, MASTER_PORT is not"),
        join_processes(environment),
    ):
        pass


ENDING = """
import os, sys
from prismrec.errors import TrainingError
from prismrec.training import join_processes
from torch import device
try:
    with join_processes(os.environ) as processes:
        processes.sums([1.0], device("cpu"))
        if not processes.is_first:
            os._exit(2)
        processes.sums([1.0], device("cpu"))
except TrainingError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_process_that_loses_another_one_says_so_in_a_sentence():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = str(server.getsockname()[1])
    given = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    started = [
        subprocess.Popen(
            [sys.executable, "-c", ENDING], stdout=subprocess.PIPE, text=True,
            env=os.environ | given | {"RANK": rank, "LOCAL_RANK": rank},
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    first, other = (one.communicate(timeout=120)[0] for one in started)
    assert (first.startswith("Process 0 of 2 cannot continue, because another"), other) == (
        True,
        "",
    )
    assert [one.returncode for one in started] == [0, 2]


@pytest.mark.slow
def test_several_processes_make_the_same_steps_as_one(tmp_path):
    expected = run(tmp_path / "alone", STEPS, ALONE)
    assert len(expected) == STEPS
    # One of two processes is killed at step 110; both start again from the checkpoint of step 100.
    found = [run_in(2, tmp_path / "two", STEPS, 110, restarts=1)]
    # The checkpoint of two processes continues in one and in three.
    shutil.copytree(tmp_path / "two" / "copy", tmp_path / "three")
    found.append(run(tmp_path / "two" / "copy", STEPS, ALONE))
    found.append(run_in(3, tmp_path / "three", STEPS))
    for losses in found:
        assert list(losses) == list(range(101, STEPS + 1)), "not repeated from the start"
        assert losses == pytest.approx({step: expected[step] for step in losses}, rel=1e-5)
