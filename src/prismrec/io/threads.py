"""Set the number of threads of all numeric libraries.

    set_threads(2)        # torch, the BLAS of NumPy and SciPy, and faiss

By default each library uses all cores, so that several processes on one machine slow each other
down. faiss has its own OpenMP runtime and a separate number for each calling thread; therefore
``prismrec.retrieval.index.faiss`` sets it to torch's number in every call.
"""

import threadpoolctl
import torch

from prismrec.errors import ConfigError


def set_threads(threads: int) -> None:
    """Set the number of threads that the numeric libraries use in this process.

    Raises:
        ConfigError: ``threads`` is less than 1.
    """
    if threads < 1:
        raise ConfigError(f"threads is {threads}; it must be at least 1.")
    torch.set_num_threads(threads)
    threadpoolctl.threadpool_limits(threads)
