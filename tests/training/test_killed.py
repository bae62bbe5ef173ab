"""Check that a run that is killed at random times and resumed has the same weights, bit for bit.

The default is three kills. ``PRISMREC_KILLS=20`` sets another number.
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


def start_run(folder):
    words = [sys.executable, RUN, folder, folder.parent.name]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def weights_after_run(folder):
    """Run to the end and return the weights."""
    with start_run(folder) as process:
        assert process.wait() == 0
    return read_tensors(folder / "done.safetensors")[0]


def saved_at(folder):
    """Return the time of the last checkpoint in nanoseconds, or 0 if there is none."""
    last = folder / "last.safetensors"
    return last.stat().st_mtime_ns if last.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize("gradients", ["dense", "sparse"])
def test_a_run_killed_at_random_times_ends_with_the_weights_of_an_uninterrupted_one(
    tmp_path, gradients
):
    expected = weights_after_run(tmp_path / gradients / "uninterrupted")
    folder, random = tmp_path / gradients / "killed", Random(0)
    for kill in range(KILLS):
        before = saved_at(folder)
        with start_run(folder) as process:
            # Two of three kills wait for a new checkpoint. The others come at any time.
            while kill % 3 and saved_at(folder) == before:
                time.sleep(0.001)
            time.sleep(random.uniform(0, 0.05))
            process.kill()
        assert not (folder / "done.safetensors").exists(), "the run is too short for so many kills"
    assert saved_at(folder)

    found = weights_after_run(folder)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
