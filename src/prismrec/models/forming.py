"""Interests formed when asked: the whole history, and each cluster of its events.

    forming = Forming(clusters=6, whole_weight=0.7)
    interests = form_interests(extractor, items, mask, forming)     # K = 1 + 6, no training

An extractor that was trained with one interest reads the whole history, and each cluster as if it
were a history: it weighs the states of the whole history again (``Extractor.group_weights``), or
runs once more for the clusters. The whole history scores well; the clusters are what a person means
by interests.

Kin: Pal et al., "PinnerSage", KDD 2020, which clusters a user's items when serving and represents
a cluster by one of its items, without the whole history.
"""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from prismrec.models.clustering import LEAST, NEARNESS, Forming, assign_clusters
from prismrec.models.extractors.base import Extractor
from prismrec.models.histories import groups_of_similar_length
from prismrec.types import Interests

SAME = 0.9
"""Clusters whose vectors have a larger cosine are joined into one."""


def form_interests(
    extractor: Extractor,
    items: Float[Tensor, "B L D"],
    mask: Bool[Tensor, "B L"],
    forming: Forming,
) -> Interests:
    """Return the whole history and its clusters as interests, with ``parts`` and ``states``.

    A history of one cluster has one active interest, number 1: the whole history would be the same.
    Interest 1 is active for an empty history too.

    Args:
        extractor: Computes one interest.
        items: Item vectors.
        mask: True at items.
        forming: How interests are formed.

    Cost: one pass of the extractor for the histories. Without ``Extractor.group_weights``, one more
        for the clusters, and one for every round in which clusters are joined.
    """
    whole = extractor(items, mask)
    cluster = assign_clusters(items, mask, number=forming.clusters)
    found = _read_clusters(extractor, items, cluster, whole, forming)
    while (joined := _join_same(cluster, found)) is not None:
        cluster = joined
        found = _read_clusters(extractor, items, cluster, whole, forming)
    return found


def _read_clusters(
    extractor: Extractor,
    items: Float[Tensor, "B L D"],
    cluster: Int[Tensor, "B L"],
    whole: Interests,
    forming: Forming,
) -> Interests:
    """Read each cluster as a history, and return it with the whole history."""
    numbers = torch.arange(forming.clusters, device=cluster.device)
    member = cluster[:, None] == numbers[:, None]  # [B, C, L]
    formed = member.any(dim=2)
    several = formed.sum(dim=1) > 1
    states = items[:, None] if whole.states is None else whole.states
    weights = extractor.group_weights(states[:, 0], member)
    if weights is None:
        vectors, weights, own = _read_as_histories(extractor, items, member, whole)
        states = torch.stack([states[:, 0], own], dim=1)
    else:
        vectors = weights @ states[:, 0]
    prior = _log_prior(cluster, member, several, forming)
    first = torch.zeros_like(formed)
    first[:, 0] = True  # the interest of an empty history
    active = torch.cat([several[:, None], formed | (first & ~several[:, None])], dim=1)
    share = whole.weights[:, 0, None] * member  # [B, C, L]
    parts = share.to(states.dtype) @ states[:, 0]
    return Interests(
        torch.cat([whole.vectors, vectors], dim=1),
        torch.cat([whole.weights, weights], dim=1),
        prior.masked_fill(~active, 0),
        active,
        states,
        torch.cat([torch.zeros_like(whole.vectors), parts], dim=1),
    )


def _read_as_histories(
    extractor: Extractor,
    items: Float[Tensor, "B L D"],
    member: Bool[Tensor, "B C L"],
    whole: Interests,
) -> tuple[Float[Tensor, "B C D"], Float[Tensor, "B C L"], Float[Tensor, "B L D"]]:
    """Return vectors and weights of the clusters, and states, from a pass for the clusters."""
    batch, clusters, length = member.shape
    formed = member.any(dim=2)
    several = formed.sum(dim=1) > 1
    vectors = items.new_zeros(batch, clusters, whole.vectors.shape[-1])
    weights = items.new_zeros(batch, clusters, length)
    states = (items if whole.states is None else whole.states[:, 0]).clone()
    # A history of one cluster was read already.
    vectors[~several, 0] = whole.vectors[~several, 0]
    weights[~several, 0] = whole.weights[~several, 0]
    every_row, every_cluster = (formed & several[:, None]).nonzero(as_tuple=True)
    lengths = member[every_row, every_cluster].sum(dim=1)
    for some in groups_of_similar_length(lengths) if len(lengths) else ():
        rows, own = every_row[some], every_cluster[some]
        events = member[rows, own]  # [P, L]
        order = (~events).long().argsort(dim=1, stable=True)[:, : int(events.sum(1).max())]
        shorter = events.gather(1, order)
        read = extractor(items[rows[:, None], order], shorter)
        vectors[rows, own] = read.vectors[:, 0]
        pair, place = shorter.nonzero(as_tuple=True)
        slot = order[pair, place]
        weights[rows[pair], own[pair], slot] = read.weights[pair, 0, place].to(weights.dtype)
        if read.states is not None:
            states[rows[pair], slot] = read.states[pair, 0, place].to(states.dtype)
    return vectors, weights, states


def _log_prior(
    cluster: Int[Tensor, "B L"],
    member: Bool[Tensor, "B C L"],
    several: Bool[Tensor, " B"],
    forming: Forming,
) -> Float[Tensor, "B K"]:
    """Return the log prior of the whole history and of each cluster: newer events count more."""
    is_event = cluster >= 0
    slots = torch.arange(cluster.shape[1], device=cluster.device)
    distance = (is_event.sum(dim=1, keepdim=True) - 1 - slots).clamp(min=0)
    near = (1 + distance).float() ** NEARNESS * is_event
    share = (near[:, None] * member).sum(dim=2) / near.sum(dim=1, keepdim=True).clamp(min=1e-9)
    of_whole = torch.where(several, forming.whole_weight, 0.0)
    of_clusters = torch.where(several[:, None], (1 - forming.whole_weight) * share, 1.0)
    prior: Tensor = torch.cat([of_whole[:, None], of_clusters], dim=1).clamp(min=LEAST).log()
    return prior


def _join_same(cluster: Int[Tensor, "B L"], found: Interests) -> Int[Tensor, "B L"] | None:
    """Join the most similar pair of clusters of each history, if its cosine is above ``SAME``.

    Returns:
        The new clusters; None if no history has such a pair.
    """
    vectors, formed = found.vectors[:, 1:].float(), found.active[:, 1:]
    unit = torch.nn.functional.normalize(vectors, dim=-1)
    cosine = (unit[:, :, None] * unit[:, None]).sum(dim=-1)  # [B, C, C]
    both = (formed[:, :, None] & formed[:, None]).triu(diagonal=1)
    best, pair = cosine.masked_fill(~both, -1).flatten(1).max(dim=1)
    if not bool((best > SAME).any()):
        return None
    earlier, later = pair // vectors.shape[1], pair % vectors.shape[1]
    moved = (best > SAME)[:, None] & (cluster == later[:, None])
    return torch.where(moved, earlier[:, None], cluster)
