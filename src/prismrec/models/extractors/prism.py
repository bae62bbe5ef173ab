"""Prism's extractor: heads that differ by how far back they look, and clusters of the history.

The project's own; METHODS §8. It is meant for item vectors that already know what follows what
(``cooccurrence``): untrained, it pools these by recency alone, and so answers as sequential
rules do. Clusters are for histories that hold several tastes: each is an interest of its own.
"""

from collections.abc import Collection

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from prismrec.errors import ConfigError
from prismrec.models.clustering import assigned
from prismrec.models.extractors.base import Extractor, prefix_mask
from prismrec.models.extractors.sa import at_distance
from prismrec.models.extractors.transformer import Block
from prismrec.types import Interests

STEEPNESS = 1.5
"""Recency of a head of γ = 1: an item at distance d starts at (1 + d)^-1.5 of the newest."""


class Prism(Extractor):
    """Attention heads that start as short- to long-term interests, and clusters beside them.

    Head k weighs item j of the prefix that ends at slot t by the softmax over j of
    w2ₖ·tanh(W1 hⱼ) + rₖ[t - j], with r learned per head and distance, started at
    -1.5·γₖ·log(1 + distance), and w2 started at 0. Interest k is Σⱼ weightₖⱼ hⱼ, and has a
    learned log prior.

    The last ``clusters`` of the interests are clusters of the events (``clustering.assigned``), as
    far as the history has them. A cluster weighs its own events in the same way, by how many of
    its own came after; w2 and r are the same for all clusters. They share one log prior by the
    softmax over the events of q[t - j], q learned, started at -½·log(1 + distance): the more and
    the newer its events, the likelier a cluster.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; distances are learned up to it.
        clusters: How many of the interests are clusters; the others are heads. Without heads the
            first cluster stands for a history without events.
        block: Read items in context: hⱼ = eⱼ + α ⊙ (block(e)ⱼ - eⱼ), a causal transformer block
            behind a gate α per number, started at 0. For data with many events an item; without
            it hⱼ is the item's own vector. Clusters are of the items' own vectors, in training
            after dropout, which is better than without (docs/lab.md).
        dropout: Probability of dropping an entry of what the block adds, in training only.
        retired: Interests, from 0, that are active for nobody: see ``prune``.

    Raises:
        ConfigError: Too many clusters, or fewer than none; see ``prune`` for the rest.

    Cost: O(B L D (D + K)) time and O(B L D) memory, with a block O(B L² D) time more;
        ``prefixes`` O(B L² K D) time and O(B L² K) memory beside. Clusters take L steps.
    """

    enabled: Tensor
    """``[K]``: False for retired interests."""

    def __init__(
        self,
        *,
        dim: int,
        interests: int,
        max_len: int,
        clusters: int = 0,
        block: bool = False,
        dropout: float = 0.2,
        pruned: Collection[int] = (),
    ) -> None:
        super().__init__(dim=dim, interests=interests, max_len=max_len)
        if not 0 <= clusters <= interests:
            raise ConfigError(
                f"{clusters} of {interests} interests were to be clusters; give from 0 to "
                f"{interests}."
            )
        self.clusters, self.heads = clusters, interests - clusters
        kinds = self.heads + (clusters > 0)
        self.to_hidden = nn.Linear(dim, dim)
        self.to_heads = nn.Linear(dim, kinds, bias=False)
        nn.init.zeros_(self.to_heads.weight)
        gammas = torch.cat([starting_gammas(self.heads), torch.ones(kinds - self.heads)])
        farness = torch.log1p(torch.arange(max_len))
        self.recency = nn.Parameter(-STEEPNESS * gammas[:, None] * farness)
        self.prior = nn.Parameter(torch.zeros(kinds))
        if clusters:
            self.nearness = nn.Parameter(-0.5 * farness)
        self.block: Block | None = None
        if block:
            heads = 2 if dim % 2 == 0 else 1
            recency = (-0.5 * farness).expand(heads, -1)
            self.block = Block(dim=dim, heads=heads, dropout=dropout, recency=recency.clone())
            self.norm, self.gate = nn.LayerNorm(dim), nn.Parameter(torch.zeros(dim))
        self.prune(pruned)

    def prune(self, interests: Collection[int]) -> None:
        """Let these interests, from 0, be active for nobody, and all the others for everyone.

        Raises:
            ConfigError: A number that no interest has, or all that a history without events has:
                the heads, or the first cluster where there is no head.
        """
        self.pruned = sorted(set(interests))
        others = set(range(self.interests)) - set(self.pruned)
        if len(others) + len(self.pruned) != self.interests or not others & self.always_active:
            raise ConfigError(
                f"Interests {self.pruned} were to be retired of {self.interests}, from 0; name "
                f"some of these, and leave one of the first {len(self.always_active)}."
            )
        enabled = [number in others for number in range(self.interests)]
        here = torch.tensor(enabled, device=self.prior.device)
        self.register_buffer("enabled", here, persistent=False)  # the options hold it
        self.options.pop("pruned", None)
        if self.pruned:
            self.options["pruned"] = self.pruned

    @property
    def always_active(self) -> set[int]:
        """The interests that every history has, even one without events."""
        return set(range(max(self.heads, 1)))

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """See ``Extractor.forward``."""
        self.check_length(mask)
        states = self._states(items)
        slots = torch.arange(mask.shape[1], device=mask.device)
        distance = (mask.sum(dim=1, keepdim=True) - 1 - slots).clamp(min=0)[:, None]  # [B, 1, L]
        return self._interests(items, states, mask, distance, mask[:, None])

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """See ``Extractor.prefixes``; one pass."""
        self.check_length(mask)
        states = self._states(items)
        slots = torch.arange(mask.shape[1], device=mask.device)
        back = slots[:, None] - slots  # [T, L]
        return self._interests(items, states, mask, back.clamp(min=0)[None], prefix_mask(mask))

    def _states(self, items: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Give what stands for each item: itself, or itself in its context."""
        if self.block is None:
            return items
        states: Tensor = items + self.gate * (self.norm(self.block(items)) - items)
        return states

    def _interests(
        self,
        items: Float[Tensor, "B L D"],
        states: Float[Tensor, "B L D"],
        mask: Bool[Tensor, "B L"],
        distance: Int[Tensor, "_ T L"],
        seen: Bool[Tensor, "B T L"],
    ) -> Interests:
        """Give the interests of T moments of each history: what each sees, and from how far."""
        content = self.to_heads(torch.tanh(self.to_hidden(states))).transpose(1, 2)[:, None]
        recency = at_distance(self.recency[: self.heads], distance).transpose(2, 3)  # [_, T, H, L]
        logits = content[:, :, : self.heads] + recency
        taken = seen[:, :, None].expand_as(logits)  # [B, T, K, L] from here on
        prior = self.prior[: self.heads].expand(*seen.shape[:2], -1)
        active = self.enabled.expand(*seen.shape[:2], -1)
        if self.clusters:
            member, later = self._membership(items, mask, seen)
            own = at_distance(self.recency[self.heads :], later).transpose(2, 3)  # [B, T, 1, L]
            own = content[:, :, self.heads :] + own
            logits = torch.cat([logits, own.expand_as(member)], dim=2)
            taken = torch.cat([taken, member], dim=2)
            nearness = at_distance(self.nearness[None], distance).transpose(2, 3)
            near = _only(nearness, seen[:, :, None])
            share = _only(near.log_softmax(dim=-1), member).logsumexp(dim=-1)  # [B, T, C]
            prior = torch.cat([prior, self.prior[self.heads :] + share], dim=2)
            formed = member.any(dim=-1)
            if not self.heads:
                formed[..., 0] |= ~seen.any(dim=-1)
            active = torch.cat([active[..., : self.heads], active[..., self.heads :] & formed], 2)
        weights = _only(logits, taken).softmax(dim=-1) * taken
        prior = _only(prior, active).log_softmax(dim=2).masked_fill(~active, 0)
        vectors = weights.flatten(1, 2) @ states
        return Interests(
            vectors.view(-1, self.interests, self.dim),
            weights.flatten(0, 1),
            prior.flatten(0, 1),
            active.flatten(0, 1),
        )

    def _membership(
        self,
        items: Float[Tensor, "B L D"],
        mask: Bool[Tensor, "B L"],
        seen: Bool[Tensor, "B T L"],
    ) -> tuple[Bool[Tensor, "B T C L"], Int[Tensor, "B T L"]]:
        """Tell which events each cluster has at each moment, and how many of its own came after."""
        cluster = assigned(items, mask, number=self.clusters)
        numbers = torch.arange(self.clusters, device=mask.device)
        belongs = cluster[:, None] == numbers[:, None]  # [B, C, L]
        member = belongs[:, None] & seen[:, :, None]
        alike = belongs.double()  # what is counted below must not be rounded by autocast
        same = alike.transpose(1, 2) @ alike  # [B, L, L]: whether two events share a cluster
        after = torch.triu(same, diagonal=1)  # [j, i]: i is of j's cluster and came after
        later = seen.double() @ after.transpose(1, 2)  # [B, T, L]
        return member, later.long()


def _only(logits: Tensor, here: Tensor) -> Tensor:
    """Leave nothing but what is here to a softmax.

    The lowest finite value, not -inf: see SelfAttentive.
    """
    return logits.masked_fill(~here, torch.finfo(logits.dtype).min)


def starting_gammas(heads: int) -> Float[Tensor, " K"]:
    """Give the steepness of each head's recency: geometric around 1, a span that grows with K.

    One head: 1. Two: 1.5 and .5. Four: 3, 1.1, .42 and .15. Eight: 4 down to .05.
    """
    if heads == 1:
        return torch.ones(1)
    steepest = min(1.5 * 2 ** ((heads - 2) / 2), 4.0)
    flattest = max(0.5 * 3.33 ** ((2 - heads) / 2), 0.05)
    return torch.logspace(0, 1, heads, base=flattest / steepest) * steepest
