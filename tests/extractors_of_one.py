"""Build extractors of one interest with random weights, and random histories for them."""

import torch

from prismrec.models.extractors import EXTRACTORS


def extractor_of_one(name, own, seed=0, max_len=9):
    torch.manual_seed(seed)
    extractor = EXTRACTORS[name](dim=4, interests=1, max_len=max_len, **own).eval()
    for parameter in extractor.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return extractor


def drawn(seed, batch=5, length=9, dim=4):
    """Draw item vectors of histories of 0 to ``length`` events."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(0, length + 1, (batch,), generator=generator)
    mask = torch.arange(length) < lengths[:, None]
    return torch.randn(batch, length, dim, generator=generator) * mask[..., None], mask
