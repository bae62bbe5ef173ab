"""Killing a run at random and resuming it changes nothing, bit for bit.

``PRISMREC_KILLS=20`` kills oftener than the five times of the ordinary suite.
"""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from prismrec.training.checkpoint import read_tensors

RUN = Path(__file__).with_name("long_run.py")
KILLS = int(os.environ.get("PRISMREC_KILLS", "5"))


def started(folder):
    process = subprocess.Popen([sys.executable, RUN, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def finished(folder):
    """Give the weights at the end, and the seconds from the first step to there."""
    with started(folder) as process:
        began = time.perf_counter()
        assert process.wait() == 0
        seconds = time.perf_counter() - began
    return read_tensors(folder / "done.safetensors")[0], seconds


@pytest.mark.slow
def test_a_run_killed_at_random_moments_ends_with_the_weights_of_an_unbroken_one(tmp_path):
    expected, seconds = finished(tmp_path / "unbroken")
    folder, delays, midway = tmp_path / "killed", random.Random(0), 0
    for _ in range(KILLS):
        with started(folder) as process:
            # So short that the last kill, too, meets a run that has steps left.
            time.sleep(delays.uniform(0, seconds / KILLS))
            process.kill()
        midway += (folder / "last.safetensors").exists()
        assert not (folder / "done.safetensors").exists()
    assert midway >= KILLS // 2

    found, _ = finished(folder)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
