"""Random numbers of PyTorch's global generator, which layers and dropout use, from a seed."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_USING = RLock()


@contextmanager
def seeded(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Set the seed of the global generator for a block, and restore its state afterwards.

    The generator belongs to the whole process, so only one thread at a time is in such a block:
    trainings in several threads have the same results as one after the other.

    Args:
        seed: The seed.
        device: The device whose generator is used too, if it is not the CPU.
    """
    devices = [device] if device is not None and device.type == "cuda" else []
    with _USING, torch.random.fork_rng(devices):
        torch.manual_seed(seed)
        yield
