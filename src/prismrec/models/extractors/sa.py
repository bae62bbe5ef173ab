"""Self-attentive extractor: ComiRec-SA and its variants.

    published    SelfAttentive(…, positions="slot")
    tutorial     SelfAttentive(…, positions="none", bias=False)
    default      SelfAttentive(…)                       recency positions

Source: Cen et al., "Controllable Multi-Interest Framework for Recommendation", KDD 2020, the
self-attentive method; authors' code, src/model.py, Model_ComiRec_SA.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.functional import embedding, pad

from prismrec.errors import ConfigError
from prismrec.models.extractors.base import Extractor, without_prior
from prismrec.types import Interests

POSITIONS = ("slot", "recency", "none")


class SelfAttentive(Extractor):
    """K attention heads over the history; each computes one interest as a weighted mean.

    Head k weighs item j by the softmax over the history of W2ₖ·tanh(W1 eⱼ + b1) + b2ₖ and averages
    the item vectors, so an interest lies among its items and has their scale. These logits do not
    depend on where a prefix ends. The recency bias does, but not on the items. So ``prefixes``
    computes both once, and all prefixes of a row cost one softmax and one matrix product, with
    O(L² K) weights per row.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; positions are learned up to it.
        hidden: Width of the attention's hidden layer; None means 4 * dim, as published.
        bias: Whether W1 and W2 have a bias, as published. (b2 adds the same number to all logits of
            a head and so changes no weight; it is kept to match the published parameters.)
        positions: "recency": a learned bias per head and distance from the newest item (0) is added
            to the logits; more old items do not change the position of the newest one. "slot": as
            published, a learned vector per slot, counted from the oldest, is added to the item
            before it is weighed; the position of the newest item depends on the length. "none":
            the order has no effect.

    Raises:
        ConfigError: ``hidden`` below 1, or other ``positions``.

    Cost: O(B L D hidden) time, O(B L (hidden + K)) memory; ``prefixes`` O(B L² K D) time and
        O(B L² K) memory more.

    Source: Cen et al., KDD 2020, the self-attentive method (ComiRec-SA).
    """

    def __init__(
        self,
        *,
        dim: int,
        interests: int,
        max_len: int,
        hidden: int | None = None,
        bias: bool = True,
        positions: str = "recency",
    ) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        check_positions(positions)
        hidden = 4 * dim if hidden is None else hidden
        if hidden < 1:
            raise ConfigError(f"hidden is {hidden}; it must be at least 1 (4 * dim is usual).")
        self.to_hidden = nn.Linear(dim, hidden, bias=bias)
        self.to_heads = nn.Linear(hidden, interests, bias=bias)
        for layer in (self.to_hidden, self.to_heads):
            nn.init.xavier_uniform_(layer.weight)  # and biases of 0: as published
            if bias:
                nn.init.zeros_(layer.bias)
        self.slots = nn.Parameter(torch.empty(max_len, dim)) if positions == "slot" else None
        if self.slots is not None:
            nn.init.xavier_uniform_(self.slots)
        recency = recency_slopes(interests, max_len) if positions == "recency" else None
        self.recency = None if recency is None else nn.Parameter(recency)

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of each history: see ``Extractor.forward``."""
        self.check_length(mask)
        logits = self._logits(items)
        if self.recency is not None:
            slots = torch.arange(mask.shape[1], device=mask.device)
            distance = (mask.sum(dim=1, keepdim=True) - 1 - slots).clamp(min=0)  # [B, L]
            logits = logits + at_distance(self.recency, distance).transpose(1, 2)
        is_event = mask[:, None]
        # The lowest finite value, not -inf: the softmax of a history of padding alone would be NaN,
        # and NaN gradients would remain after any correction in the forward pass.
        logits = logits.masked_fill(~is_event, torch.finfo(logits.dtype).min)
        weights = logits.softmax(dim=-1) * is_event
        return without_prior(weights @ items, weights, items)

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of every prefix, in one pass: see ``Extractor.prefixes``."""
        self.check_length(mask)
        bias = causal_bias(self.recency, items).transpose(0, 1)  # [T, K or 1, L]
        # A prefix that ends at an item has items only: padding is to the right of it.
        weights = (self._logits(items)[:, None] + bias).softmax(dim=-1)  # [B, T, K, L]
        weights = weights * mask[:, :, None, None]
        vectors = weights.flatten(1, 2) @ items  # [B, T * K, D]
        return without_prior(vectors.view(-1, self.interests, self.dim), weights.flatten(0, 1))

    def _logits(self, items: Float[Tensor, "B L D"]) -> Float[Tensor, "B K L"]:
        """Return the logits of each item, without recency and padding."""
        placed = items if self.slots is None else items + self.slots[: items.shape[1]]
        logits: Tensor = self.to_heads(torch.tanh(self.to_hidden(placed)))
        return logits.transpose(1, 2)


def check_positions(positions: str) -> None:
    """Check the option ``positions``.

    Raises:
        ConfigError: It is not in ``POSITIONS``.
    """
    if positions not in POSITIONS:
        raise ConfigError(f"positions is {positions!r}; it must be one of {', '.join(POSITIONS)}.")


def recency_slopes(heads: int, max_len: int) -> Float[Tensor, "K L"]:
    """Return the initial recency bias of each head: −γ·log(1 + distance), γ from 0 to 1 by head.

    So the heads start as long-term to short-term interests, not as copies of each other, and an
    untrained model already prefers the newest items. A single head has γ = ½.
    """
    slopes = torch.linspace(0, 1, heads) if heads > 1 else torch.tensor([0.5])
    return -slopes[:, None] * torch.log1p(torch.arange(max_len))


def causal_bias(
    recency: Float[Tensor, "K max_len"] | None, items: Float[Tensor, "B L D"]
) -> Float[Tensor, "K_or_1 L L"]:
    """Return the recency bias of every prefix of a row: ``[k, t, j]``, −inf where j > t.

    −inf is safe: every prefix has slot 0. Without ``recency`` the bias is 0 or −inf.
    """
    length = items.shape[1]
    if recency is None:
        recency = items.new_zeros(1, length)
    if not torch.is_grad_enabled():
        # Row t is a window on one sequence, which is many times faster than a lookup. In training,
        # gradients are summed in the order of ``at_distance``.
        newest_last = pad(recency[:, :length].flip(1), (0, length - 1), value=float("-inf"))
        return newest_last.unfold(1, length, 1).flip(1)
    slots = torch.arange(length, device=items.device)
    distance = slots[:, None] - slots  # [t, j]
    bias = at_distance(recency, distance.clamp(min=0)).permute(2, 0, 1)
    return bias.masked_fill(distance < 0, float("-inf"))


def at_distance(
    bias: Float[Tensor, "K max_len"], distance: Int[Tensor, "*places"]
) -> Float[Tensor, "*places K"]:
    """Return the bias of each head at some distances, from 0 to max_len - 1.

    The lookup is an embedding: the gradient of an indexed tensor would be summed by several threads
    in an undefined order, so a run with two threads would not be reproducible bit by bit.
    """
    return embedding(distance, bias.T)
