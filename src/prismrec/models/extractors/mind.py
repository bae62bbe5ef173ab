"""MIND: routing with one shared bilinear map; the number of interests grows with the history.

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
    """Routing in which the vote of an item, S e, is the same for every interest.

    The interests differ by the logits at which routing starts: random numbers per interest and
    slot. They are drawn once, from ``seed``, and saved with the weights (the published code draws
    them at every call, so that equal requests get different answers).

    A history of n items has max(1, min(K, ⌊log2 n⌋)) active interests, the first ones. The others
    are 0, and items distribute their weight among the active ones only.

    Args:
        dim: Width D of item and interest vectors.
        interests: Largest number K of interests.
        max_len: Longest history L.
        project: Apply max(0, W v + b) after routing, as the published code does by default. Then no
            number of an interest is negative, an interest may be longer than 1, and recommended
            items have no reasons.
        seed: Seed of the initial routing logits, standard normal.

    Cost: O(B L D² + B L K D) time, O(B L (K + D)) memory; ``prefixes`` O(B L² K D) time and
        O(B L² K) memory more.
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
        """Return the interests of each history: see ``Extractor.forward``."""
        self.check_length(mask)
        states = self.shared(items)
        return self._route(items, mask[:, None])._replace(states=states[:, None])

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of every prefix, in one pass: see ``Extractor.prefixes``."""
        self.check_length(mask)
        return self._route(items, prefix_mask(mask))

    def _route(self, items: Float[Tensor, "B L D"], seen: Bool[Tensor, "B T L"]) -> Interests:
        """Route each of T prefixes of a history; the batch axis becomes B * T."""
        counts = seen.sum(dim=-1)
        active = active_interests(counts, self.interests)  # [B, T, K]
        votes = self.shared(items)[:, None]  # [B, 1, L, D]: the same for every interest
        start = self.start[:, None, : items.shape[1]]
        start = start.where(active.transpose(1, 2)[..., None], float("-inf"))  # [B, K, T, L]
        routed, weights = route(votes, seen, start)
        vectors, active = per_view(routed), active.flatten(0, 1)
        if self.projection is not None:
            # Inactive interests and empty histories stay 0 in spite of the bias.
            live = active & (counts.flatten() > 0)[:, None]
            vectors = self.projection(vectors).relu() * live[..., None]
        bias = torch.zeros_like(active, dtype=vectors.dtype)
        return Interests(vectors, per_view(weights), bias, active)


def active_interests(counts: Int[Tensor, "*batch"], interests: int) -> Bool[Tensor, "*batch K"]:
    """Return which of K interests are active for histories of n items: max(1, min(K, ⌊log2 n⌋)).

    Computed in whole numbers, since a floating-point logarithm may be too small at a power of two:
    the first interest is always active, and interest k, counted from 1, needs 2ᵏ items.
    """
    least = 2 ** torch.arange(1, interests + 1, device=counts.device).clamp(max=62)
    least[0] = 0
    return counts[..., None] >= least
