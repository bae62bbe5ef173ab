"""Several processes, which torchrun starts, make the same steps as one."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import shared_steps
from prismrec.training.processes import ALONE, Processes
from prismrec.types import Batch
from shared_steps import run

STEPS = 200
SCRIPT = Path(shared_steps.__file__)


def run_in(processes, folder, *kill_at, restarts=0):
    """Train in several processes; return the exit code and what was printed."""
    words = [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        "--nproc-per-node", processes, "--max-restarts", restarts,
        SCRIPT, folder, STEPS, *kill_at,
    ]  # fmt: skip
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def losses_in(folder):
    losses = json.loads((folder / "losses.json").read_text())
    return {int(step): loss for step, loss in losses.items()}


def test_a_batch_is_divided_among_processes_without_loss_or_repetition():
    batch = Batch(*(torch.arange(10).reshape(5, 2) + number for number in range(3)))
    for count in (1, 2, 3, 7):
        parts = [Processes(rank, count).part_of_batch(batch) for rank in range(count)]
        assert all(part.weight is None for part in parts)
        for whole, *pieces in zip(batch[:3], *(part[:3] for part in parts), strict=True):
            assert sorted(torch.cat(pieces).tolist()) == whole.tolist()
        users = [user for rank in range(count) for user in Processes(rank, count).part_of("abcde")]
        assert sorted(users) == list("abcde")


@pytest.mark.slow
def test_several_processes_make_the_same_steps_as_one(tmp_path):
    expected = run(tmp_path / "alone", STEPS, ALONE)
    assert len(expected) == STEPS
    # One of two processes is killed at step 110; both start again from the checkpoint of step 100.
    code, output = run_in(2, tmp_path / "two", 110, restarts=1)
    assert code == 0, output
    found = [losses_in(tmp_path / "two")]
    # The checkpoint of two processes continues in one and in three.
    shutil.copytree(tmp_path / "two" / "copy", tmp_path / "three")
    found.append(run(tmp_path / "two" / "copy", STEPS, ALONE))
    code, output = run_in(3, tmp_path / "three")
    assert code == 0, output
    found.append(losses_in(tmp_path / "three"))
    for losses in found:
        assert list(losses) == list(range(101, STEPS + 1)), "not repeated from the start"
        assert losses == pytest.approx({step: expected[step] for step in losses}, rel=1e-5)
