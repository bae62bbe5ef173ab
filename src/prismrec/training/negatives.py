"""Draw the negatives of a batch, and check what a sampler returns."""

import torch
from torch import Tensor

from prismrec.errors import ConfigError, described
from prismrec.models import Sampler
from prismrec.types import Negatives


def draw_negatives(
    sampler: Sampler, generator: torch.Generator, targets: Tensor, size: int
) -> Negatives:
    """Return what a sampler draws for the targets of a batch, after a check of it.

    Args:
        sampler: One of ``SAMPLERS``, built, or another function.
        generator: Random numbers; on the CPU.
        targets: Item numbers, ``[P]``.
        size: V of the model.

    Raises:
        ConfigError: The sampler returned no ``Negatives``, no negatives, padding, an item that the
            model does not have, or something else than one log q per item.
    """
    drawn = sampler(generator, targets)
    fault = _fault_of(drawn, targets.device, size)
    if fault:
        raise ConfigError(
            f"A sampler returned {fault}; return Negatives(items, log_q) on the device of the "
            f"targets: at least one item number from 1 to {size - 1}, int64, and the log of the "
            "expected count of each, floating point."
        )
    return drawn


def _fault_of(drawn: object, device: torch.device, size: int) -> str:
    """Return what is wrong with a sample of negatives; "" if nothing is."""
    if not isinstance(drawn, Negatives):
        return f"a value {described(drawn)}"
    for name, part in drawn._asdict().items():
        if not isinstance(part, Tensor) or part.device != device:
            return f"{name} {_words(part)}"
    items, log_q = drawn
    if items.ndim != 1 or items.dtype != torch.int64 or not len(items):
        return f"items {_words(items)}"
    if log_q.shape != items.shape or not log_q.is_floating_point():
        return f"log_q {_words(log_q)} for {len(items)} items"
    low, high = torch.stack(torch.aminmax(items)).tolist()  # waits once for the device
    return "" if low >= 1 and high < size else f"the item {low if low < 1 else high}"


def _words(part: object) -> str:
    """Return shape, type and device of a tensor, or the type of another value."""
    if not isinstance(part, Tensor):
        return described(part)
    return f"of shape {tuple(part.shape)} and type {part.dtype} on {part.device}"
