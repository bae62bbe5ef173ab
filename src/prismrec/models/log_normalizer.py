"""Log of the summed exponentials of an interest's scores over the catalog: its log normalizer.

    sample = sample_items(model.item_vectors(), has_bias=True)
    normalizers = log_normalizers(vectors, history, sample, mask_history=False)     # [B, K]

Subtracted from the scores of an interest it makes them log probabilities. Over a large catalog the
sum is estimated from a fixed sample of the items.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prismrec.models.chunked_softmax import find_hits, mask_hits

MAX_SCORES = 1 << 19
"""Scores in memory at once, 2 MiB: they stay in the cache."""
MAX_ITEMS = 1 << 14
"""Items in the sum at most. On the 12,101 items of Beauty, samples of 512 and more changed no
metric by more than 0.0003 (docs/lab.md)."""


class ItemSample(NamedTuple):
    """The items that are summed over."""

    ids: Int[Tensor, " S"]
    vectors: Float[Tensor, "S W"]
    log_weight: Float[Tensor, " S"]  # added to the scores: how many items each one represents


def sample_items(vectors: Float[Tensor, "V W"], *, has_bias: bool) -> ItemSample:
    """Return all items, or ``MAX_ITEMS`` of them, spread by the exponentials of their biases.

    An item with a larger bias adds more to the sum of most interests, so it is more likely to be in
    the sample. The sample is the same every time.

    Args:
        vectors: Item vectors by item number; row 0 is padding.
        has_bias: Whether the last number of a vector is the item's bias.

    Cost: O(V) time.
    """
    device, items = vectors.device, len(vectors) - 1
    number = min(MAX_ITEMS, items)
    if number == items:
        everything = torch.arange(1, items + 1, device=device)
        return ItemSample(everything, vectors[1:], torch.zeros(number, device=device))
    bias = torch.zeros(items, dtype=torch.float64, device=device)
    if has_bias:
        bias += vectors[1:, -1]
    share = bias.softmax(dim=0)
    edges = share.cumsum(0)
    points = (torch.arange(number, device=device) + 0.5) / number * edges[-1]
    chosen = torch.searchsorted(edges, points)
    log_weight = -(share[chosen] * number).log().float()
    return ItemSample(chosen + 1, vectors[chosen + 1], log_weight)


def log_normalizers(
    vectors: Float[Tensor, "B K W"],
    history: Int[Tensor, "B L"],
    sample: ItemSample,
    *,
    mask_history: bool,
) -> Float[Tensor, "B K"]:
    """Return the log normalizer of each interest; 0 if no item is left to sum.

    Args:
        vectors: Interests.
        history: Item numbers, padded with 0.
        sample: From ``sample_items``.
        mask_history: Whether to leave the items of the history out of the sum.

    Cost: O(B K S W) time, O(``MAX_SCORES``) memory.
    """
    number, k, _ = vectors.shape
    hits = find_hits(history, sample.ids) if mask_history else None
    rows = max(1, MAX_SCORES // (k * len(sample.vectors)))
    sums = []
    for start in range(0, max(number, 1), rows):
        part = slice(start, min(start + rows, number))
        scores = vectors[part].flatten(0, 1) @ sample.vectors.T + sample.log_weight
        if hits is not None:
            mask_hits(scores, hits, part, k)
        # logsumexp, but in place: three times as fast.
        high = scores.amax(dim=-1, keepdim=True).clamp(min=torch.finfo(scores.dtype).min)
        sums.append((scores.sub_(high).exp_().sum(dim=-1, keepdim=True).log_() + high)[:, 0])
    normalizers = torch.cat(sums).view(number, k)
    return normalizers.masked_fill(torch.isneginf(normalizers), 0)
