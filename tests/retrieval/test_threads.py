"""Check that one function sets the number of threads of all libraries."""

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
