"""Prism: attention heads that differ in recency, and clusters of the history.

This extractor was developed in this project. It is meant for item vectors that are initialised from
co-occurrence: untrained, it averages them by recency alone, and so ranks similarly to co-occurrence
rules. By default it has one head, and interests are formed from the clusters of a history when a
list is asked for (``models/forming.py``). Several heads, and clusters in training, are options.
"""

from collections.abc import Collection

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from prismrec.errors import ConfigError
from prismrec.models.clustering import assign_clusters
from prismrec.models.extractors.base import Extractor, prefix_mask
from prismrec.models.extractors.sa import at_distance
from prismrec.models.extractors.transformer import Block
from prismrec.types import Interests

STEEPNESS = 1.5
"""Initial recency of a head with γ = 1: an item at distance d has (1 + d)^-1.5 of the newest's
weight."""


class Prism(Extractor):
    """Attention heads that start as short-term to long-term interests, and clusters.

    Head k weighs item j of the prefix that ends at slot t by the softmax over j of
    w2ₖ·tanh(W1 hⱼ) + rₖ[t - j], with r learned per head and distance. r starts at
    -1.5·γₖ·log(1 + distance) and w2 at 0. Interest k is Σⱼ weightₖⱼ hⱼ; it has a learned log prior.

    The last ``clusters`` interests are clusters of the events (``clustering.assign_clusters``);
    those that a history does not have are inactive. A cluster weighs its events in the same way,
    but the distance counts the later events of the same cluster; w2 and r are shared by all
    clusters. All clusters share one log prior; it is divided among them by the softmax over the
    events of q[t - j], with q learned and initially -½·log(1 + distance). So a cluster with more
    and newer events is more likely.

    Args:
        dim: Width D of item and interest vectors.
        interests: Number K of interests.
        max_len: Longest history L; distances are learned up to it.
        clusters: Number of interests that are clusters; the others are heads. Without heads the
            first cluster is the interest of a history without events.
        block: Use items in context: hⱼ = eⱼ + α ⊙ (block(e)ⱼ - eⱼ), with a causal transformer block
            and one gate α per dimension, initially 0. For data with many events per item. Without
            it, hⱼ is the item vector. Clusters use the item vectors; in training after dropout,
            which gives better results than without (docs/lab.md).
        dropout: Probability of setting a number of the block's output to 0, in training only.
        pruned: Interests, from 0, that are never active: see ``prune``.

    Raises:
        ConfigError: ``clusters`` is below 0 or above ``interests``; or see ``prune``.

    Cost: O(B L D (D + K)) time and O(B L D) memory, with a block O(B L² D) time more;
        ``prefixes`` O(B L² K D) time and O(B L² K) memory more. Clustering runs in L steps.
    """

    enabled: Tensor
    """``[K]``: False for pruned interests."""

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
                f"clusters is {clusters} of {interests} interests; set it to a number from 0 to "
                f"{interests}."
            )
        self.clusters, self.heads = clusters, interests - clusters
        kinds = self.heads + (clusters > 0)  # the clusters share one set of weights
        self.to_hidden = nn.Linear(dim, dim)
        self.to_heads = nn.Linear(dim, kinds, bias=False)
        nn.init.zeros_(self.to_heads.weight)
        gammas = torch.cat([starting_gammas(self.heads), torch.ones(kinds - self.heads)])
        log_distance = torch.log1p(torch.arange(max_len))
        self.recency = nn.Parameter(-STEEPNESS * gammas[:, None] * log_distance)
        self.prior = nn.Parameter(torch.zeros(kinds))
        if clusters:
            self.nearness = nn.Parameter(-0.5 * log_distance)
        self.block: Block | None = None
        if block:
            heads = 2 if dim % 2 == 0 else 1
            recency = (-0.5 * log_distance).expand(heads, -1)
            self.block = Block(dim=dim, heads=heads, dropout=dropout, recency=recency.clone())
            self.norm, self.gate = nn.LayerNorm(dim), nn.Parameter(torch.zeros(dim))
        self.prune(pruned)

    def prune(self, interests: Collection[int]) -> None:
        """Make these interests, numbered from 0, inactive for all users, and enable all others.

        Raises:
            ConfigError: There is no interest of a number, or no interest would remain for a history
                without events: these are the heads, or the first cluster if there are no heads.
        """
        self.pruned = sorted(set(interests))
        others = set(range(self.interests)) - set(self.pruned)
        if len(others) + len(self.pruned) != self.interests or not others & self.always_active:
            raise ConfigError(
                f"Interests {self.pruned} of {self.interests} were to be pruned; use numbers from "
                f"0 to {self.interests - 1}, and keep one of the first {len(self.always_active)}."
            )
        enabled = [number in others for number in range(self.interests)]
        mask = torch.tensor(enabled, device=self.prior.device)
        self.register_buffer("enabled", mask, persistent=False)  # ``options`` has it
        self.options.pop("pruned", None)
        if self.pruned:
            self.options["pruned"] = self.pruned

    @property
    def always_active(self) -> set[int]:
        """The interests that are active for every history, even one without events."""
        return set(range(max(self.heads, 1)))

    def forward(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of each history: see ``Extractor.forward``."""
        self.check_length(mask)
        states = self._states(items)
        slots = torch.arange(mask.shape[1], device=mask.device)
        distance = (mask.sum(dim=1, keepdim=True) - 1 - slots).clamp(min=0)[:, None]  # [B, 1, L]
        found = self._interests(items, states, mask, distance, mask[:, None])
        return found._replace(states=states[:, None])

    def prefixes(self, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]) -> Interests:
        """Return the interests of every prefix, in one pass: see ``Extractor.prefixes``."""
        self.check_length(mask)
        states = self._states(items)
        slots = torch.arange(mask.shape[1], device=mask.device)
        back = slots[:, None] - slots  # [T, L]
        return self._interests(items, states, mask, back.clamp(min=0)[None], prefix_mask(mask))

    def states_of(self, items: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"] | None:
        """Return the states that ``group_weights`` pools: see ``Extractor.states_of``."""
        return self._states(items) if self.interests == 1 else None

    def group_weights(
        self, states: Float[Tensor, "B L D"], member: Bool[Tensor, "B C L"]
    ) -> Float[Tensor, "B C L"]:
        """Return the weights of each group; its distances count the later events of the group."""
        counted = member.cumsum(dim=2)
        later = counted[..., -1:] - counted
        content = self.to_heads(torch.tanh(self.to_hidden(states))).transpose(1, 2)  # [B, 1, L]
        logits = content + at_distance(self.recency, later)[..., 0]
        return _masked(logits, member).softmax(dim=-1) * member

    def _states(self, items: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return h: the item vectors, or the items in context."""
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
        """Compute the interests of T prefixes of each history.

        Args:
            items: Item vectors.
            states: h, from ``_states``.
            mask: True at items.
            distance: Distance of each slot from the end of the prefix.
            seen: Whether a slot belongs to the prefix.
        """
        content = self.to_heads(torch.tanh(self.to_hidden(states))).transpose(1, 2)[:, None]
        recency = at_distance(self.recency[: self.heads], distance).transpose(2, 3)  # [_, T, H, L]
        logits = content[:, :, : self.heads] + recency
        visible = seen[:, :, None].expand_as(logits)  # [B, T, K, L] from here on
        prior = self.prior[: self.heads].expand(*seen.shape[:2], -1)
        active = self.enabled.expand(*seen.shape[:2], -1)
        if self.clusters:
            member, later = self._membership(items, mask, seen)
            recency = at_distance(self.recency[self.heads :], later).transpose(2, 3)  # [B, T, 1, L]
            of_clusters = content[:, :, self.heads :] + recency
            logits = torch.cat([logits, of_clusters.expand_as(member)], dim=2)
            visible = torch.cat([visible, member], dim=2)
            nearness = at_distance(self.nearness[None], distance).transpose(2, 3)
            near = _masked(nearness, seen[:, :, None])
            share = _masked(near.log_softmax(dim=-1), member).logsumexp(dim=-1)  # [B, T, C]
            prior = torch.cat([prior, self.prior[self.heads :] + share], dim=2)
            formed = member.any(dim=-1)
            if not self.heads:
                formed[..., 0] |= ~seen.any(dim=-1)
            active = torch.cat([active[..., : self.heads], active[..., self.heads :] & formed], 2)
        weights = _masked(logits, visible).softmax(dim=-1) * visible
        prior = _masked(prior, active).log_softmax(dim=2).masked_fill(~active, 0)
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
        """Return the events per cluster and prefix, and how many of their cluster came later."""
        cluster = assign_clusters(items, mask, number=self.clusters)
        numbers = torch.arange(self.clusters, device=mask.device)
        belongs = cluster[:, None] == numbers[:, None]  # [B, C, L]
        member = belongs[:, None] & seen[:, :, None]
        counted = belongs.double()  # autocast must not round the counts below
        same = counted.transpose(1, 2) @ counted  # [B, L, L]: whether two events share a cluster
        after = torch.triu(same, diagonal=1)  # [j, i]: i is in the cluster of j and came later
        later = seen.double() @ after.transpose(1, 2)  # [B, T, L]
        return member, later.long()


def _masked(logits: Tensor, kept: Tensor) -> Tensor:
    """Set logits to the lowest finite value, except where ``kept`` is True.

    The lowest finite value, not -inf: see SelfAttentive.
    """
    return logits.masked_fill(~kept, torch.finfo(logits.dtype).min)


def starting_gammas(heads: int) -> Float[Tensor, " K"]:
    """Return the initial γ of each head: a geometric series around 1, wider for more heads.

    One head: 1. Two: 1.5 and 0.5. Four: 3, 1.1, 0.41 and 0.15. Eight: 4 down to 0.05.
    """
    if heads == 1:
        return torch.ones(1)
    steepest = min(1.5 * 2 ** ((heads - 2) / 2), 4.0)
    flattest = max(0.5 * 3.33 ** ((2 - heads) / 2), 0.05)
    return torch.logspace(0, 1, heads, base=flattest / steepest) * steepest
