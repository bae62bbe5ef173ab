"""Which events of a history belong together: its clusters, formed as the events come.

    cluster = assigned(items, mask, number=6)     # [B, L], -1 at padding

Online clustering by cosine to a fading sum, each event against those before it: so that every
prefix of a history can be trained on in one pass.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

ALIKE = 0.3
"""Cosine below which an event starts a cluster of its own, while there is one left. From .2 to .4
are level on shared accounts of Beauty (docs/lab.md)."""
FADES = 0.8
"""By which what a cluster was weighs less with each event that joins it."""


@torch.no_grad()
def assigned(
    items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"], *, number: int
) -> Int[Tensor, "B L"]:
    """Put each event into the cluster that it is most like, oldest first.

    An event looks only at those before it, so a prefix is clustered as the whole is. It is held
    against the fading sum of each cluster's events by their cosine, joins the nearest, and starts
    a new one if none is ``ALIKE`` and fewer than ``number`` were started. No gradient.

    Returns:
        The cluster of each event, from 0 in the order in which they start; -1 at padding.

    Cost: O(B L D number) time in L steps, O(B D number) memory.
    """
    rows = torch.arange(len(items), device=items.device)
    units = normalize(items, dim=-1)
    sums = items.new_zeros(len(items), number, items.shape[-1])
    directions = torch.zeros_like(sums)
    likeness = items.new_full((len(items), number), ALIKE)
    found = torch.full(mask.shape, -1, device=items.device)
    for slot, here in enumerate(mask.unbind(dim=1)):
        # A product and a sum, not a matrix product: its rounding depends on the rest of the batch.
        cosine = (directions * units[:, slot, None]).sum(dim=-1)
        started = directions.any(dim=-1)
        joined = torch.where(started, cosine, likeness).argmax(dim=1)
        grown = FADES * sums[rows, joined] + items[:, slot]
        sums[rows, joined] = torch.where(here[:, None], grown, sums[rows, joined])
        directions[rows, joined] = normalize(sums[rows, joined], dim=-1)
        found[:, slot] = torch.where(here, joined, found[:, slot])
    return found
