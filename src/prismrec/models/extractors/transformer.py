"""Causal transformer: the last state as in SASRec, or K attention heads over the states.

Source: Kang and McAuley, "Self-Attentive Sequential Recommendation", ICDM 2018, with the layer
norm before each sub-layer and a feed-forward layer four times as wide, as is usual since.
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from prismrec.errors import ConfigError
from prismrec.models.extractors.base import Extractor
from prismrec.models.extractors.gru import every_state, last_state
from prismrec.models.extractors.sa import (
    SelfAttentive,
    causal_bias,
    check_positions,
    recency_slopes,
)
from prismrec.types import Interests

MOST_LAYERS = 1_000
"""Largest number of layers, and of heads."""


class Transformer(Extractor):
    """Pre-LN transformer blocks in which each slot attends to itself and to earlier slots.

    With K = 1 the interest is the state at the newest item, where ``weights`` are 1. With more, K
    learned heads attend to the states as ``SelfAttentive`` does to items; ``weights`` are their
    attention weights, with sum 1 over the history.

    Padding is on the right, so causal attention alone excludes it.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; positions are learned up to it.
        layers: Number of blocks.
        heads: Attention heads per block; ``dim`` must be a multiple of it.
        dropout: Probability of setting to 0, in training, a number of the input, of the attention
            weights and of the output of a sub-layer; from 0, below 1.
        positions: "recency": a learned bias per head and distance, in every block and in the K
            heads. "slot": a learned vector per slot, counted from the oldest, as in SASRec.
            "none": only causal attention depends on the order.

    After the final layer norm states have length about √D, at any scale of the items.

    Raises:
        ConfigError: ``layers`` or ``heads`` not from 1 to ``MOST_LAYERS``, ``dim`` not a
            multiple of ``heads``, ``dropout`` outside [0, 1), or other ``positions``.

    Cost: O(layers B L D (D + L)) time, O(layers B L (D + heads L)) memory; ``prefixes`` shares
        the states and adds the cost of ``SelfAttentive.prefixes``.
    """

    def __init__(
        self,
        *,
        dim: int,
        interests: int,
        max_len: int,
        layers: int = 2,
        heads: int = 2,
        dropout: float = 0.2,
        positions: str = "recency",
    ) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        check_positions(positions)
        for name, value in (("layers", layers), ("heads", heads)):
            if not 1 <= value <= MOST_LAYERS:
                raise ConfigError(f"{name} is {value}; it must be from 1 to {MOST_LAYERS:,}.")
        if dim % heads:
            raise ConfigError(
                f"heads is {heads}, which does not divide dim {dim}; change one of them."
            )
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout is {dropout}; it must be at least 0 and below 1.")
        slots = 0.02 * torch.randn(max_len, dim)
        self.slots = nn.Parameter(slots) if positions == "slot" else None
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            Block(
                dim=dim,
                heads=heads,
                dropout=dropout,
                recency=recency_slopes(heads, max_len) if positions == "recency" else None,
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(dim)
        self.read: SelfAttentive | None = None
        if interests > 1:
            among_states = "recency" if positions == "recency" else "none"
            self.read = SelfAttentive(
                dim=dim, interests=interests, max_len=max_len, positions=among_states
            )

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of each history: see ``Extractor.forward``."""
        states = self._states(items, mask)
        return last_state(states, mask) if self.read is None else self.read(states, mask)

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of every prefix, in one pass: see ``Extractor.prefixes``."""
        states = self._states(items, mask)
        return every_state(states, mask) if self.read is None else self.read.prefixes(states, mask)

    def _states(
        self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]
    ) -> Float[Tensor, "B L D"]:
        """Return the state at each slot; it depends on this and earlier slots only."""
        self.check_length(mask)
        states = items if self.slots is None else items + self.slots[: items.shape[1]]
        states = self.dropout(states)
        for block in self.blocks:
            states = block(states)
        normed: Tensor = self.norm(states)
        return normed


class Block(nn.Module):
    """One pre-LN block: causal attention, then a feed-forward layer, each added to its input."""

    def __init__(
        self, *, dim: int, heads: int, dropout: float, recency: Float[Tensor, "H L"] | None
    ) -> None:
        super().__init__()
        self.heads = heads
        self.recency = None if recency is None else nn.Parameter(recency)
        self.attention_norm, self.feed_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.to_parts, self.to_states = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.feed = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
        self.dropout = nn.Dropout(dropout)

    def forward(self, states: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return the states after this block."""
        parts = self.to_parts(self.attention_norm(states)).unflatten(-1, (3, self.heads, -1))
        query, key, value = parts.permute(2, 0, 3, 1, 4)  # each [B, heads, L, D / heads]
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=causal_bias(self.recency, states)[None].to(query.dtype),
            dropout_p=self.dropout.p if self.training else 0.0,
        )
        states = states + self.dropout(self.to_states(mixed.transpose(1, 2).flatten(2)))
        added: Tensor = self.dropout(self.feed(self.feed_norm(states)))
        return states + added
