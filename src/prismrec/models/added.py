"""Interests that a caller adds to those of a history: a category, or an item.

    interests = add_interests(extractor, interests, mask, vectors)      # K + A interests

An added interest is a source vector, which the extractor reads as a history of one event.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prismrec.models.extractors.base import Extractor
from prismrec.types import Interests


def add_interests(
    extractor: Extractor,
    interests: Interests,
    mask: Bool[Tensor, "B L"],
    vectors: Float[Tensor, "A D"],
) -> Interests:
    """Return the interests of a batch with A more at the end.

    Each added interest has the mean prior of the shown interests of its history; without events the
    added ones are the only active interests.

    Args:
        extractor: The extractor that computed the interests.
        interests: Of B histories, with log priors as their bias.
        mask: True at the events of these histories.
        vectors: Source vectors.

    Cost: one pass of the extractor for A histories of one event.
    """
    batch, added = len(mask), len(vectors)
    one_event = torch.ones(added, 1, dtype=torch.bool, device=mask.device)
    read = extractor(vectors[:, None], one_event)
    first = read.active.long().argmax(dim=1)  # of several heads the first active one
    queries = read.vectors[torch.arange(added, device=mask.device), first].expand(batch, -1, -1)
    shown, known = interests.shown, mask.any(dim=1, keepdim=True)
    hidden = ~(shown & known)
    prior = interests.bias.masked_fill(hidden, float("-inf")).logsumexp(dim=1, keepdim=True)
    prior = (prior - (~hidden).sum(dim=1, keepdim=True).clamp(min=1).log()).where(known, 0.0)
    active = torch.ones(batch, added, dtype=torch.bool, device=mask.device)
    none = interests.weights.new_zeros(batch, added, mask.shape[1])
    parts = interests.parts
    if parts is not None:
        parts = torch.cat([parts, parts.new_zeros(batch, added, parts.shape[2])], dim=1)
    return Interests(
        torch.cat([interests.vectors, queries.to(interests.vectors.dtype)], dim=1),
        torch.cat([interests.weights, none], dim=1),
        torch.cat([interests.bias, prior.expand(-1, added)], dim=1),
        torch.cat([interests.active & known, active], dim=1),
        interests.states,
        parts,
    )
