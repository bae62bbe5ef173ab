"""Check that one function sets the number of threads of all libraries, and threads after a fork."""

import subprocess
import sys

import pytest
import threadpoolctl
import torch

from prismrec.errors import ConfigError
from prismrec.io.threads import set_threads


def test_torch_and_blas_use_the_same_number_of_threads():
    try:
        set_threads(2)
        blas = [
            p["num_threads"] for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"
        ]
        assert (torch.get_num_threads(), set(blas)) == (2, {2})
    finally:
        set_threads(1)  # the number that conftest.py sets


def test_zero_threads_are_an_error():
    with pytest.raises(ConfigError, match="threads is 0"):
        set_threads(0)


FORKED = """
import os, signal, torch
from prismrec.models.model import Model
torch.set_num_threads(2)
large = torch.rand(1_000_000)
large.exp().sum()
child = os.fork()
if child == 0:
    signal.alarm(10)
    large.exp().sum()
    os._exit(torch.get_num_threads() - 1)
print(os.waitpid(child, 0)[1], torch.get_num_threads())
"""


@pytest.mark.slow
def test_a_forked_process_does_not_wait_for_threads_that_it_does_not_have():
    run = subprocess.run([sys.executable, "-c", FORKED], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["0", "2"]
