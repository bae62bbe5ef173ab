"""Log of the summed exponentials of an interest's scores over the catalog: its log normalizer.

    sample = sample_items(model.item_vectors(), has_bias=True)
    normalizers = log_normalizers(vectors, row, history, sample, mask_history=False)      # [P]

Subtracted from the scores of an interest it makes them log probabilities. Over a large catalog the
sum is estimated from a fixed sample of the items.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import pad

MAX_SCORES = 1 << 19
"""Scores in memory at once, 2 MiB: they stay in the cache."""
MAX_ITEMS = 1 << 14
"""Items in the sum at most. On the 12,101 items of Beauty, samples of 512 and more changed no
metric by more than 0.0003 (docs/lab.md)."""


class ItemSample(NamedTuple):
    """The items that are summed over; column 0 is for padding, and for all items that are not."""

    vectors: Float[Tensor, "W S"]  # contiguous, which is faster for few interests
    log_weight: Float[Tensor, " S"]  # added to the scores: how many items each one represents
    column: Int[Tensor, " V"]  # of each item


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
        numbers = torch.arange(1, items + 1, device=device)
        log_weight = torch.zeros(items, device=device)
    else:
        bias = torch.zeros(items, dtype=torch.float64, device=device)
        if has_bias:
            bias += vectors[1:, -1]
        share = bias.softmax(dim=0)
        edges = share.cumsum(0)
        points = (torch.arange(number, device=device) + 0.5) / number * edges[-1]
        drawn = torch.searchsorted(edges, points)  # ascending
        chosen, times = torch.unique_consecutive(drawn, return_counts=True)
        numbers, log_weight = chosen + 1, (times / (share[chosen] * number)).log().float()
    column = torch.zeros(len(vectors), dtype=torch.int64, device=device)
    column[numbers] = torch.arange(1, len(numbers) + 1, device=device)
    rows = vectors[pad(numbers, (1, 0))]
    return ItemSample(rows.T.contiguous(), pad(log_weight, (1, 0), value=-torch.inf), column)


def log_normalizers(
    vectors: Float[Tensor, "P W"],
    row: Int[Tensor, " P"],
    history: Int[Tensor, "B L"],
    sample: ItemSample,
    *,
    mask_history: bool,
) -> Float[Tensor, " P"]:
    """Return the log normalizer of each interest; 0 if no item is left to sum.

    Args:
        vectors: Interests.
        row: The history of each interest.
        history: Item numbers, padded with 0.
        sample: From ``sample_items``.
        mask_history: Whether to leave the items of the history out of the sum.

    Cost: O(P S W) time, O(``MAX_SCORES``) memory.
    """
    columns = sample.column[history] if mask_history else None
    rows = max(1, MAX_SCORES // len(sample.log_weight))
    sums = []
    for some, own in zip(torch.split(vectors, rows), torch.split(row, rows), strict=True):
        scores = (some @ sample.vectors).add_(sample.log_weight)
        if columns is not None:
            scores.scatter_(1, columns[own], -torch.inf)
        # logsumexp, but in place: three times as fast.
        high = scores.amax(dim=1).clamp_(min=torch.finfo(scores.dtype).min)
        sums.append(scores.sub_(high[:, None]).exp_().sum(dim=1).log_().add_(high))
    normalizers = torch.cat(sums)
    return normalizers.masked_fill(torch.isneginf(normalizers), 0)
