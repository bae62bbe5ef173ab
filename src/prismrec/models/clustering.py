"""Online clustering of a history: which of its events belong together.

    cluster = assign_clusters(items, mask, number=6)     # [B, L], -1 at padding

Each event is compared by cosine with clusters of the events before it. A prefix of a history has
therefore the same clusters as the whole history, and one pass serves all prefixes in training.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import normalize

MIN_COSINE = 0.3
"""Below this cosine to every cluster an event starts a new one, if one is left. Values from 0.2 to
0.4 give equal results on shared accounts of Beauty (docs/lab.md)."""
DECAY = 0.8
"""Factor on the earlier events of a cluster whenever an event joins it."""


@torch.no_grad()
def assign_clusters(
    items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"], *, number: int
) -> Int[Tensor, "B L"]:
    """Assign each event to the most similar cluster, oldest event first.

    The similarity is the cosine between the event's item vector and the decayed sum of the
    cluster's earlier item vectors. An event joins the most similar cluster. It starts a new one if
    all cosines are below ``MIN_COSINE`` and fewer than ``number`` clusters exist. No gradient.

    Returns:
        The cluster of each event, numbered from 0 in order of their first events; -1 at padding.

    Cost: O(B L D number) time in L steps, O(B D number) memory.
    """
    rows = torch.arange(len(items), device=items.device)
    units = normalize(items, dim=-1)
    sums = items.new_zeros(len(items), number, items.shape[-1])
    directions = torch.zeros_like(sums)
    threshold = items.new_full((len(items), number), MIN_COSINE)
    cluster = torch.full(mask.shape, -1, device=items.device)
    for slot, is_event in enumerate(mask.unbind(dim=1)):
        # A product and a sum, not a matrix product: its rounding depends on the rest of the batch.
        cosine = (directions * units[:, slot, None]).sum(dim=-1)
        started = directions.any(dim=-1)
        joined = torch.where(started, cosine, threshold).argmax(dim=1)
        grown = DECAY * sums[rows, joined] + items[:, slot]
        sums[rows, joined] = torch.where(is_event[:, None], grown, sums[rows, joined])
        directions[rows, joined] = normalize(sums[rows, joined], dim=-1)
        cluster[:, slot] = torch.where(is_event, joined, cluster[:, slot])
    return cluster
