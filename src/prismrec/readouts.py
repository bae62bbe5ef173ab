"""Readouts: how K interests meet a target in training.

A readout answers three questions, each by a pure function:

    queries, prior = readout.queries(vectors, prior, target)   # which vectors are scored: Q
    logits = readout.logits(scores)                            # [P, Q, S] → [P, S]
    loss = readout.from_partitions(target_scores, partitions)  # the softmax loss, from [P, Q]

where ``scores[p, q, j] = queries[p, q]·item_j + prior[p, q]`` and column 0 is the target. The
third is the softmax loss of the second computed from each query's log-partition alone, so that
``partition.py`` never holds [P, Q, V]; a readout for which that cannot be (maxsim) has None.

To add one: write the functions it needs, add a line to ``READOUTS``.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Queries = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Readout(NamedTuple):
    """How K interests meet one target."""

    queries: Queries
    logits: Callable[[Tensor], Tensor]
    from_partitions: Callable[[Tensor, Tensor], Tensor] | None


def every_interest(
    vectors: Float[Tensor, "P K D"], prior: Float[Tensor, "P K"], target: Float[Tensor, "P D"]
) -> tuple[Float[Tensor, "P K D"], Float[Tensor, "P K"]]:
    """Score all K interests, whatever the target."""
    del target
    return vectors, prior


def nearest_interest(
    vectors: Float[Tensor, "P K D"], prior: Float[Tensor, "P K"], target: Float[Tensor, "P D"]
) -> tuple[Float[Tensor, "P 1 D"], Float[Tensor, "P 1"]]:
    """Score only the interest nearest the target; the choice itself has no gradient.

    Source: Cen et al., KDD 2020, the argmax of model training; it is MIND's label-aware
    attention with its power at infinity.
    """
    nearest = ((vectors * target[:, None]).sum(-1) + prior).argmax(dim=1)
    rows = torch.arange(len(vectors), device=vectors.device)
    return vectors[rows, nearest][:, None], torch.zeros_like(prior[:, :1])


def blended_interest(
    vectors: Float[Tensor, "P K D"],
    prior: Float[Tensor, "P K"],
    target: Float[Tensor, "P D"],
    power: float = 1.0,
) -> tuple[Float[Tensor, "P 1 D"], Float[Tensor, "P 1"]]:
    """Score one blend of the interests, weighted by softmax(power · similarity to the target).

    Source: Li et al., "Multi-Interest Network with Dynamic Routing" (MIND), CIKM 2019,
    label-aware attention, with the power inside the exponential.
    """
    similarity = (vectors * target[:, None]).sum(-1)
    share = (power * similarity + prior).softmax(dim=1)
    return (share[..., None] * vectors).sum(dim=1, keepdim=True), torch.zeros_like(prior[:, :1])


def only_query(scores: Float[Tensor, "P 1 S"]) -> Float[Tensor, "P S"]:
    """Give the scores of the one query."""
    return scores[:, 0]


def best_query(scores: Float[Tensor, "P Q S"]) -> Float[Tensor, "P S"]:
    """Give each item its best score over the queries: training equals serving."""
    return scores.amax(dim=1)


def any_query(scores: Float[Tensor, "P Q S"]) -> Float[Tensor, "P S"]:
    """Give each item the log of the summed exponentials of its scores.

    The softmax over these is METHODS §4's lse loss: -LSE_k s_k(i) + LSE_k LSE_j s_k(j).
    """
    return scores.logsumexp(dim=1)


def single_loss(
    target_scores: Float[Tensor, "P Q"], partitions: Float[Tensor, "P Q"]
) -> Float[Tensor, " P"]:
    """Give the softmax loss of one query from its log-partition."""
    return (partitions - target_scores)[:, 0]


def any_loss(
    target_scores: Float[Tensor, "P Q"], partitions: Float[Tensor, "P Q"]
) -> Float[Tensor, " P"]:
    """Give the lse loss: log of all exponentials, less log of the target's."""
    return partitions.logsumexp(dim=1) - target_scores.logsumexp(dim=1)


HARD = Readout(nearest_interest, only_query, single_loss)
SOFT = Readout(blended_interest, only_query, single_loss)
MAXSIM = Readout(every_interest, best_query, None)
LSE = Readout(every_interest, any_query, any_loss)

READOUTS: dict[str, Readout] = {"hard": HARD, "soft": SOFT, "maxsim": MAXSIM, "lse": LSE}
