"""Killing a run at random and resuming it changes nothing, bit for bit.

``PRISMREC_KILLS=20`` kills oftener than the three times of the ordinary suite.
"""

import os
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
import torch

from prismrec.training.checkpoint import read_tensors

RUN = Path(__file__).with_name("long_run.py")
KILLS = int(os.environ.get("PRISMREC_KILLS", "3"))


def started(folder):
    process = subprocess.Popen([sys.executable, RUN, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def finished(folder):
    """Give the weights at the end."""
    with started(folder) as process:
        assert process.wait() == 0
    return read_tensors(folder / "done.safetensors")[0]


def saved_at(folder):
    """Tell when the checkpoint was last written, in nanoseconds; 0 before the first."""
    last = folder / "last.safetensors"
    return last.stat().st_mtime_ns if last.exists() else 0


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_weights_of_an_unbroken_one(tmp_path):
    expected = finished(tmp_path / "unbroken")
    folder, random = tmp_path / "killed", Random(0)
    for kill in range(KILLS):
        before = saved_at(folder)
        with started(folder) as process:
            # Two in three meet a run that has gone on since the last kill; one in three, any.
            while kill % 3 and saved_at(folder) == before:
                time.sleep(0.001)
            time.sleep(random.uniform(0, 0.05))
            process.kill()
        assert not (folder / "done.safetensors").exists(), "too short a run to be killed so often"
    assert saved_at(folder)

    found = finished(folder)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
