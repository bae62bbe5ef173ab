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

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import normalize

from prismrec.models.clustering import LEAST, NEARNESS, Forming, assign_clusters
from prismrec.models.extractors.base import Extractor
from prismrec.models.histories import groups_of_similar_length
from prismrec.types import Interests

SAME = 0.9
"""Clusters whose vectors have a larger cosine are joined into one."""

_Read = tuple[Tensor, Tensor, Tensor]
"""Vectors ``[B, K, D]``, weights ``[B, K, L]`` and states ``[B, S, L, D]`` of the interests."""


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
    extractor.check_length(mask)
    # Which events are in which group is computed with NumPy: for a few users it is faster.
    cluster = assign_clusters(items, mask, number=forming.clusters).cpu().numpy()
    read = _reader(extractor, items, mask)
    while True:
        groups = _groups(cluster, forming.clusters)
        vectors, weights, states = read(torch.from_numpy(groups).to(mask.device))
        joined = _join_same(cluster, vectors[:, 1:])
        if joined is None:
            break
        cluster = joined
    active, prior = _active(groups), _log_prior(groups, forming)
    clusters = groups.copy()
    clusters[:, 0] = False
    of_clusters, is_active, log_prior = (
        torch.from_numpy(part).to(mask.device)
        for part in (clusters, active, np.where(active, prior, 0).astype(np.float32))
    )
    parts = (weights[:, :1] * of_clusters).to(states.dtype) @ states[:, 0]
    return Interests(vectors, weights, log_prior, is_active, states, parts)


def _groups(cluster: Int[np.ndarray, "B L"], number: int) -> Bool[np.ndarray, "B K L"]:
    """Return the events of the whole history, and of each cluster."""
    groups = np.empty((len(cluster), 1 + number, cluster.shape[1]), dtype=np.bool_)
    np.greater_equal(cluster, 0, out=groups[:, 0])
    np.equal(cluster[:, None], np.arange(number)[:, None], out=groups[:, 1:])
    return groups


def _active(groups: Bool[np.ndarray, "B K L"]) -> Bool[np.ndarray, "B K"]:
    """Return which interests are active: the whole history only if it has several clusters."""
    active: NDArray[np.bool_] = np.asarray(groups.any(axis=2))
    several = active[:, 1:].sum(axis=1) > 1
    active[:, 0] = several
    active[:, 1] |= ~several  # the interest of an empty history
    return active


def _reader(
    extractor: Extractor, items: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"]
) -> Callable[[Bool[Tensor, "B K L"]], _Read]:
    """Return a function that reads the whole history, and each cluster as a history."""
    states = extractor.states_of(items)
    if states is None:
        return partial(_read_as_histories, extractor, items, extractor(items, mask))
    return partial(_read_in_context, extractor, states)


def _read_in_context(
    extractor: Extractor, states: Float[Tensor, "B L D"], groups: Bool[Tensor, "B K L"]
) -> _Read:
    """Read the clusters by weighing the states of the whole history again."""
    weights = extractor.group_weights(states, groups)
    return weights @ states, weights, states[:, None]


def _read_as_histories(
    extractor: Extractor,
    items: Float[Tensor, "B L D"],
    whole: Interests,
    groups: Bool[Tensor, "B K L"],
) -> _Read:
    """Read the clusters as histories, in a pass of their own."""
    member = groups[:, 1:]
    batch, clusters, length = member.shape
    formed = member.any(dim=2)
    several = formed.sum(dim=1) > 1
    vectors = items.new_zeros(batch, clusters, whole.vectors.shape[-1])
    weights = items.new_zeros(batch, clusters, length)
    whole_states = items if whole.states is None else whole.states[:, 0]
    states = whole_states.clone()
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
    return (
        torch.cat([whole.vectors, vectors], dim=1),
        torch.cat([whole.weights, weights], dim=1),
        torch.stack([whole_states, states], dim=1),
    )


def _log_prior(groups: Bool[np.ndarray, "B K L"], forming: Forming) -> Float[np.ndarray, "B K"]:
    """Return the log prior of the whole history and of each cluster: newer events count more."""
    is_event, member = groups[:, 0], groups[:, 1:]
    distance = is_event.sum(axis=1, keepdims=True) - 1.0 - np.arange(groups.shape[2])
    near = (1 + np.maximum(distance, 0)) ** NEARNESS * is_event
    prior = np.empty(groups.shape[:2])
    of_clusters = (near[:, None] * member).sum(axis=2)
    several = np.count_nonzero(of_clusters, axis=1, keepdims=True) > 1
    share = of_clusters / np.maximum(near.sum(axis=1, keepdims=True), LEAST)
    prior[:, :1] = np.where(several, forming.whole_weight, 0)
    prior[:, 1:] = np.where(several, (1 - forming.whole_weight) * share, 1)
    return np.log(np.maximum(prior, LEAST))


def _join_same(
    cluster: Int[np.ndarray, "B L"], vectors: Float[Tensor, "B C D"]
) -> Int[np.ndarray, "B L"] | None:
    """Join the most similar pair of clusters of each history, if its cosine is above ``SAME``.

    Returns:
        The new clusters; None if no history has such a pair.
    """
    unit = normalize(vectors.detach().float(), dim=-1).cpu().numpy()
    cosine = unit @ unit.transpose(0, 2, 1)
    np.einsum("bcc->bc", cosine)[:] = 0  # the diagonal
    if cosine.max(initial=0) <= SAME:
        return None
    flat = cosine.reshape(len(cosine), -1)
    pair = np.divmod(flat.argmax(axis=1)[:, None], unit.shape[1])
    moved = (flat.max(axis=1, keepdims=True) > SAME) & (cluster == np.maximum(*pair))
    return np.where(moved, np.minimum(*pair), cluster)
