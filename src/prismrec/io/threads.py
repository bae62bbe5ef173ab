"""The one place that says how many threads compute.

    set_threads(2)        # torch, NumPy's and SciPy's BLAS, and faiss

Left alone, each of these libraries takes every core, so that several processes on one machine
work against one another. faiss brings an OpenMP runtime of its own beside torch's and keeps a
number for each thread that calls it: ``prismrec.retrieval.index.faiss`` hands it torch's at every call.
"""

import threadpoolctl
import torch

from prismrec.errors import ConfigError


def set_threads(threads: int) -> None:
    """Let numeric libraries use this many threads in this process, from now on.

    Raises:
        ConfigError: Fewer than 1.
    """
    if threads < 1:
        raise ConfigError(f"threads is {threads}; computing takes at least 1.")
    torch.set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads)
