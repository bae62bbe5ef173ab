"""Readouts: how K interests meet a target in training.

A readout answers three questions, each by a pure function:

    queries, prior = readout.queries(vectors, prior, target)   # which vectors are scored: Q
    logits = readout.logits(scores, prior)                     # [P, Q, S] → [P, S]
    loss = readout.from_partitions(target_scores, partitions, prior)       # [P, Q] → [P]

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
    logits: Callable[[Tensor, Tensor], Tensor]
    loss_from_partitions: Callable[[Tensor, Tensor, Tensor], Tensor] | None


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


def only_query(scores: Float[Tensor, "P 1 S"], prior: Float[Tensor, "P 1"]) -> Float[Tensor, "P S"]:
    """Give the scores of the one query."""
    del prior
    return scores[:, 0]


def best_query(scores: Float[Tensor, "P Q S"], prior: Float[Tensor, "P Q"]) -> Float[Tensor, "P S"]:
    """Give each item its best score over the queries: training equals serving."""
    del prior  # it is in the scores
    return scores.amax(dim=1)


def any_query(scores: Float[Tensor, "P Q S"], prior: Float[Tensor, "P Q"]) -> Float[Tensor, "P S"]:
    """Give each item the log of the summed exponentials of its scores.

    The softmax over these is METHODS §4's lse loss: -LSE_k s_k(i) + LSE_k LSE_j s_k(j).
    """
    del prior  # it is in the scores
    return scores.logsumexp(dim=1)


def mixed_query(
    scores: Float[Tensor, "P Q S"], prior: Float[Tensor, "P Q"]
) -> Float[Tensor, "P S"]:
    """Give each item the log of its probability under a mixture of the queries' softmaxes.

    Query k holds the share π_k = softmax(prior)_k whatever it scores, so that it gains by naming
    a few items well and loses nothing where another query answers: log Σ_k π_k e^{s_kj - Z_k}.

    Source: Yang et al., "Breaking the Softmax Bottleneck", ICLR 2018, mixture of softmaxes.
    """
    out, gone = torch.isneginf(prior)[..., None], torch.isneginf(scores)
    # What is left out is 0 on the way and -inf at the end: a row or a column of -inf alone has
    # no softmax, and NaN gradients outlive any clean-up.
    share = scores.masked_fill(out, 0).log_softmax(dim=-1).masked_fill(gone, 0)
    mixed = (share + prior.log_softmax(dim=1)[..., None]).logsumexp(dim=1)
    return mixed.masked_fill(gone.all(dim=1), float("-inf"))


def single_loss(
    target_scores: Float[Tensor, "P Q"],
    partitions: Float[Tensor, "P Q"],
    prior: Float[Tensor, "P Q"],
) -> Float[Tensor, " P"]:
    """Give the softmax loss of one query from its log-partition."""
    del prior
    return (partitions - target_scores)[:, 0]


def any_loss(
    target_scores: Float[Tensor, "P Q"],
    partitions: Float[Tensor, "P Q"],
    prior: Float[Tensor, "P Q"],
) -> Float[Tensor, " P"]:
    """Give the lse loss: log of all exponentials, less log of the target's."""
    del prior
    return partitions.logsumexp(dim=1) - target_scores.logsumexp(dim=1)


def mixed_loss(
    target_scores: Float[Tensor, "P Q"],
    partitions: Float[Tensor, "P Q"],
    prior: Float[Tensor, "P Q"],
) -> Float[Tensor, " P"]:
    """Give the mixture's loss: -log Σ_k π_k e^{s_k(target) - Z_k}.

    The prior stands in both scores and partitions and so cancels between them.
    """
    share = (target_scores - partitions).masked_fill(torch.isneginf(prior), 0)
    return -(share + prior.log_softmax(dim=1)).logsumexp(dim=1)


HARD = Readout(nearest_interest, only_query, single_loss)
SOFT = Readout(blended_interest, only_query, single_loss)
MAXSIM = Readout(every_interest, best_query, None)
LSE = Readout(every_interest, any_query, any_loss)
MIXTURE = Readout(every_interest, mixed_query, mixed_loss)

READOUTS: dict[str, Readout] = {
    "hard": HARD,
    "soft": SOFT,
    "maxsim": MAXSIM,
    "lse": LSE,
    "mixture": MIXTURE,
}
