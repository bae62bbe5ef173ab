"""Prism's extractor: K heads that differ by how far back they look.

The project's own; METHODS §8. It is meant for item vectors that already know what follows what
(``cooccurrence``): untrained, it pools these by recency alone, and so answers as sequential
rules do.
"""

from collections.abc import Collection

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from prismrec.errors import ConfigError
from prismrec.extractors.base import Extractor
from prismrec.extractors.sa import causal_bias
from prismrec.extractors.transformer import Block
from prismrec.types import Interests

STEEPNESS = 1.5
"""Recency of a head of γ = 1: an item at distance d starts at (1 + d)^-1.5 of the newest."""


class Prism(Extractor):
    """Attention heads over the history that start as short- to long-term interests.

    Head k weighs item j of the prefix that ends at slot t by the softmax over j of
    w2ₖ·tanh(W1 hⱼ) + rₖ[t - j], with r learned per head and distance, started at
    -1.5·γₖ·log(1 + distance), and w2 started at 0. Interest k is Σⱼ weightₖⱼ hⱼ, and has a
    learned log prior.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; distances are learned up to it.
        block: Read items in context: hⱼ = eⱼ + α ⊙ (block(e)ⱼ - eⱼ), a causal transformer block
            behind a gate α per number, started at 0. For data with many events an item; without
            it hⱼ is the item's own vector.
        dropout: Probability of dropping an entry of what the block adds, in training only.
        retired: Interests, from 0, that are active for nobody: see ``retire``.

    Raises:
        ConfigError: See ``retire``.

    Cost: O(B L D (D + K)) time and O(B L D) memory, with a block O(B L² D) time more;
        ``prefixes`` O(B L² K D) time and O(B L² K) memory beside.
    """

    at_work: Tensor
    """``[K]``: False for retired interests."""

    def __init__(
        self,
        *,
        dim: int,
        interests: int,
        max_len: int,
        block: bool = False,
        dropout: float = 0.2,
        retired: Collection[int] = (),
    ) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        self.to_hidden = nn.Linear(dim, dim)
        self.to_heads = nn.Linear(dim, interests, bias=False)
        nn.init.zeros_(self.to_heads.weight)
        slopes = -STEEPNESS * starting_gammas(interests)[:, None]
        self.recency = nn.Parameter(slopes * torch.log1p(torch.arange(max_len)))
        self.prior = nn.Parameter(torch.zeros(interests))
        self.block: Block | None = None
        if block:
            heads = 2 if dim % 2 == 0 else 1
            recency = -0.5 * torch.log1p(torch.arange(max_len)).expand(heads, -1)
            self.block = Block(dim=dim, heads=heads, dropout=dropout, recency=recency.clone())
            self.norm, self.gate = nn.LayerNorm(dim), nn.Parameter(torch.zeros(dim))
        self.retire(retired)

    def retire(self, interests: Collection[int]) -> None:
        """Let these interests, from 0, be active for nobody, and all the others for everyone.

        Raises:
            ConfigError: A number that no interest has, or all of them.
        """
        self.retired = sorted(set(interests))
        others = set(range(self.interests)) - set(self.retired)
        if len(others) + len(self.retired) != self.interests or not others:
            raise ConfigError(
                f"Interests {self.retired} were to be retired of {self.interests}, from 0; name "
                "some of these, and leave one."
            )
        at_work = [number in others for number in range(self.interests)]
        here = torch.tensor(at_work, device=self.prior.device)
        self.register_buffer("at_work", here, persistent=False)  # the options hold it
        self.options.pop("retired", None)
        if self.retired:
            self.options["retired"] = self.retired

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """See ``Extractor.forward``."""
        self.check_length(mask)
        states = self._states(items)
        slots = torch.arange(mask.shape[1], device=mask.device)
        distance = (mask.sum(dim=1, keepdim=True) - 1 - slots).clamp(min=0)  # [B, L]
        logits = self._logits(states) + self.recency[:, distance].permute(1, 0, 2)
        here = mask[:, None]
        # The lowest finite value, not -inf: see SelfAttentive.
        logits = logits.masked_fill(~here, torch.finfo(logits.dtype).min)
        weights = logits.softmax(dim=-1) * here
        return self._interests(weights @ states, weights)

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """See ``Extractor.prefixes``; one pass."""
        self.check_length(mask)
        states = self._states(items)
        bias = causal_bias(self.recency, items).transpose(0, 1)  # [T, K, L]
        weights = (self._logits(states)[:, None] + bias).softmax(dim=-1)  # [B, T, K, L]
        weights = weights * mask[:, :, None, None]
        vectors = weights.flatten(1, 2) @ states  # [B, T * K, D]
        return self._interests(vectors.view(-1, self.interests, self.dim), weights.flatten(0, 1))

    def _states(self, items: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Give what stands for each item: itself, or itself in its context."""
        if self.block is None:
            return items
        states: Tensor = items + self.gate * (self.norm(self.block(items)) - items)
        return states

    def _logits(self, states: Float[Tensor, "B L D"]) -> Float[Tensor, "B K L"]:
        """Weigh each item by itself, before recency and padding."""
        logits: Tensor = self.to_heads(torch.tanh(self.to_hidden(states)))
        return logits.transpose(1, 2)

    def _interests(
        self, vectors: Float[Tensor, "B K D"], weights: Float[Tensor, "B K L"]
    ) -> Interests:
        prior = self.prior.masked_fill(~self.at_work, float("-inf")).log_softmax(dim=0)
        prior, active = (part.expand(len(vectors), -1) for part in (prior, self.at_work))
        return Interests(vectors, weights, prior.masked_fill(~active, 0), active)


def starting_gammas(heads: int) -> Float[Tensor, " K"]:
    """Give the steepness of each head's recency: geometric around 1, a span that grows with K.

    One head: 1. Two: 1.5 and .5. Four: 3, 1.1, .42 and .15. Eight: 4 down to .05.
    """
    if heads == 1:
        return torch.ones(1)
    steepest = min(1.5 * 2 ** ((heads - 2) / 2), 4.0)
    flattest = max(0.5 * 3.33 ** ((2 - heads) / 2), 0.05)
    return torch.logspace(0, 1, heads, base=flattest / steepest) * steepest
