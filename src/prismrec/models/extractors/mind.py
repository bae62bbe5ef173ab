"""MIND: routing through one shared bilinear map, with as many interests as a history bears.

Source: Li et al., "Multi-Interest Network with Dynamic Routing for Recommendation at Tmall",
CIKM 2019, the multi-interest extractor layer; ComiRec authors' code, src/model.py,
CapsuleNetwork with bilinear_type 0.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from prismrec.models.extractors.base import Extractor, prefix_mask
from prismrec.models.extractors.dr import per_view, route
from prismrec.types import Interests


class SharedRouting(Extractor):
    """Routing in which every interest is proposed the same vector S e by an item.

    What tells the interests apart is where routing starts: random logits per interest and slot.
    They are drawn once, from ``seed``, and saved with the weights (the published code draws
    them at every call, so that the same request gets another answer each time).

    A history of n items has max(1, min(K, ⌊log2 n⌋)) active interests, the first ones. The
    others are 0 and items share themselves out among the active ones only.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests at most.
        max_len: Longest history L.
        project: Put max(0, W v + b) after routing, as the published code does by default. It
            keeps every interest in the positive orthant and lets it be longer than 1.
        seed: Draws the routing's start, standard normal.

    Cost: O(B L D² + B L K D) time, O(B L (K + D)) memory; ``prefixes`` O(B L² K D) time and
        O(B L² K) memory beside.
    """

    start: Tensor

    def __init__(
        self, *, dim: int, interests: int, max_len: int, project: bool = False, seed: int = 0
    ) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        self.shared = nn.Linear(dim, dim, bias=False)
        nn.init.xavier_uniform_(self.shared.weight)  # as published
        self.projection = nn.Linear(dim, dim) if project else None
        drawn = torch.randn(interests, max_len, generator=torch.Generator().manual_seed(seed))
        self.register_buffer("start", drawn)

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """See ``Extractor.forward``."""
        self.check_length(mask)
        return self._route(items, mask[:, None])

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """See ``Extractor.prefixes``; one pass."""
        self.check_length(mask)
        return self._route(items, prefix_mask(mask))

    def _route(self, items: Float[Tensor, "B L D"], seen: Bool[Tensor, "B T L"]) -> Interests:
        """Route each of T views of a history; the batch axis becomes B * T."""
        counts = seen.sum(dim=-1)
        active = active_interests(counts, self.interests)  # [B, T, K]
        votes = self.shared(items)[:, None]  # [B, 1, L, D]: the same to every interest
        start = self.start[:, None, : items.shape[1]]
        start = start.where(active.transpose(1, 2)[..., None], float("-inf"))  # [B, K, T, L]
        routed, weights = route(votes, seen, start)
        vectors, active = per_view(routed), active.flatten(0, 1)
        if self.projection is not None:
            # Inactive interests and empty histories are 0, whatever the bias.
            live = active & (counts.flatten() > 0)[:, None]
            vectors = self.projection(vectors).relu() * live[..., None]
        bias = torch.zeros_like(active, dtype=vectors.dtype)
        return Interests(vectors, per_view(weights), bias, active)


def active_interests(counts: Int[Tensor, "*batch"], interests: int) -> Bool[Tensor, "*batch K"]:
    """Say which of K interests histories of so many items have: max(1, min(K, ⌊log2 n⌋)).

    In whole numbers, since a logarithm may fall short at a power of two: the first interest is
    always there and interest k, counted from 1, takes 2ᵏ items.
    """
    least = 2 ** torch.arange(1, interests + 1, device=counts.device).clamp(max=62)
    least[0] = 0
    return counts[..., None] >= least
