"""Regularizers: terms of the loss that depend on the interests, not on scores of items."""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import normalize

from prismrec.types import Interests


def routing_variance(interests: Interests, mask: Bool[Tensor, "B L"]) -> Float[Tensor, ""]:
    """Compute how unevenly interests weigh the n items of a history: Σ_j (A_kj - 1/n)².

    It is a mean over users and interests, so its coefficient does not depend on the batch size.

    Source: Xie et al., REMI, RecSys 2023, routing regularisation.
    """
    length = mask.sum(dim=1).clamp(min=1)[:, None, None]
    spread = (interests.weights - 1 / length).square() * mask[:, None]  # [B, K, L]
    return spread.sum(dim=-1).mean()


def disagreement(interests: Interests, mask: Bool[Tensor, "B L"]) -> Float[Tensor, ""]:
    """Compute the mean cosine of two different active interests of a user: 1 if all are equal.

    It is a mean over the pairs of the batch; 0 if there are no pairs.
    """
    del mask
    vectors = normalize(interests.vectors, dim=-1)
    cosine = vectors @ vectors.transpose(1, 2)  # [B, K, K]
    pairs = interests.active[:, :, None] & interests.active[:, None]
    pairs = pairs & ~torch.eye(pairs.shape[1], dtype=torch.bool, device=pairs.device)
    return (cosine * pairs).sum() / pairs.sum().clamp(min=1)


REGULARIZERS: dict[str, Callable[[Interests, Tensor], Tensor]] = {
    "routing_variance": routing_variance,
    "disagreement": disagreement,
}
