"""Readouts: how K interests score one item in training.

A readout has three parts, each a pure function:

    queries, prior = readout.queries(vectors, prior, target)   # the vectors that score items: Q
    logits = readout.logits(scores, prior)                     # [P, Q, S] → [P, S]
    loss = readout.loss_from_logsumexp(target_scores, logsumexp, prior)    # [P, Q] → [P]

Here ``scores[p, q, j] = queries[p, q]·item_j + prior[p, q]``, and column 0 is the target. The third
part is the softmax loss of the second, computed from the log of the summed exponentials of each
query alone, so that ``chunked_softmax`` never needs [P, Q, V] in memory. It is None for a readout
that does not allow this (maxsim).

To add one: write the functions that it needs, and add a line to ``READOUTS``, or name it as
``module:NAME``.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

Queries = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


class Readout(NamedTuple):
    """How K interests score one target and its negatives."""

    queries: Queries
    logits: Callable[[Tensor, Tensor], Tensor]
    loss_from_logsumexp: Callable[[Tensor, Tensor, Tensor], Tensor] | None


def every_interest(
    vectors: Float[Tensor, "P K D"], prior: Float[Tensor, "P K"], target: Float[Tensor, "P D"]
) -> tuple[Float[Tensor, "P K D"], Float[Tensor, "P K"]]:
    """Return all K interests; the target does not matter."""
    del target
    return vectors, prior


def nearest_interest(
    vectors: Float[Tensor, "P K D"], prior: Float[Tensor, "P K"], target: Float[Tensor, "P D"]
) -> tuple[Float[Tensor, "P 1 D"], Float[Tensor, "P 1"]]:
    """Return the interest with the highest score for the target; the choice has no gradient.

    Source: Cen et al., KDD 2020, the argmax of model training; it equals the label-aware attention
    of MIND with an infinite power.
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
    """Return one weighted mean of the interests: softmax(power · similarity to the target).

    Source: Li et al., "Multi-Interest Network with Dynamic Routing" (MIND), CIKM 2019,
    label-aware attention, with the power inside the exponential.
    """
    similarity = (vectors * target[:, None]).sum(-1)
    share = (power * similarity + prior).softmax(dim=1)
    return (share[..., None] * vectors).sum(dim=1, keepdim=True), torch.zeros_like(prior[:, :1])


def single_logits(
    scores: Float[Tensor, "P 1 S"], prior: Float[Tensor, "P 1"]
) -> Float[Tensor, "P S"]:
    """Return the scores of the only query."""
    del prior
    return scores[:, 0]


def max_logits(scores: Float[Tensor, "P Q S"], prior: Float[Tensor, "P Q"]) -> Float[Tensor, "P S"]:
    """Return the highest score of each item over the queries, as in serving."""
    del prior  # it is in the scores
    return scores.amax(dim=1)


def lse_logits(scores: Float[Tensor, "P Q S"], prior: Float[Tensor, "P Q"]) -> Float[Tensor, "P S"]:
    """Return the log of the summed exponentials of each item's scores over the queries.

    The softmax loss of these is -LSE_k s_k(i) + LSE_k LSE_j s_k(j).
    """
    del prior  # it is in the scores
    return scores.logsumexp(dim=1)


def mixture_logits(
    scores: Float[Tensor, "P Q S"], prior: Float[Tensor, "P Q"]
) -> Float[Tensor, "P S"]:
    """Return the log probability of each item under a mixture of the queries' softmaxes.

    Query k has the mixture weight π_k = softmax(prior)_k, which does not depend on its scores. So a
    query can specialise in a few items and loses nothing on items of another query:
    log Σ_k π_k e^{s_kj - Z_k}.

    Source: Yang et al., "Breaking the Softmax Bottleneck", ICLR 2018, mixture of softmaxes.
    """
    inactive, masked = torch.isneginf(prior)[..., None], torch.isneginf(scores)
    # Masked entries are 0 on the way and -inf at the end: a row or a column of -inf alone has no
    # softmax, and NaN gradients would remain.
    share = scores.masked_fill(inactive, 0).log_softmax(dim=-1).masked_fill(masked, 0)
    mixture = (share + prior.log_softmax(dim=1)[..., None]).logsumexp(dim=1)
    return mixture.masked_fill(masked.all(dim=1), float("-inf"))


def single_loss(
    target_scores: Float[Tensor, "P Q"],
    logsumexp: Float[Tensor, "P Q"],
    prior: Float[Tensor, "P Q"],
) -> Float[Tensor, " P"]:
    """Return the softmax loss of the only query."""
    del prior
    return (logsumexp - target_scores)[:, 0]


def lse_loss(
    target_scores: Float[Tensor, "P Q"],
    logsumexp: Float[Tensor, "P Q"],
    prior: Float[Tensor, "P Q"],
) -> Float[Tensor, " P"]:
    """Return the softmax loss of ``lse_logits``."""
    del prior
    return logsumexp.logsumexp(dim=1) - target_scores.logsumexp(dim=1)


def mixture_loss(
    target_scores: Float[Tensor, "P Q"],
    logsumexp: Float[Tensor, "P Q"],
    prior: Float[Tensor, "P Q"],
) -> Float[Tensor, " P"]:
    """Return the softmax loss of ``mixture_logits``: -log Σ_k π_k e^{s_k(target) - Z_k}.

    The prior is part of both scores and sums, so it cancels in their difference.
    """
    share = (target_scores - logsumexp).masked_fill(torch.isneginf(prior), 0)
    return -(share + prior.log_softmax(dim=1)).logsumexp(dim=1)


HARD = Readout(nearest_interest, single_logits, single_loss)
SOFT = Readout(blended_interest, single_logits, single_loss)
MAXSIM = Readout(every_interest, max_logits, None)
LSE = Readout(every_interest, lse_logits, lse_loss)
MIXTURE = Readout(every_interest, mixture_logits, mixture_loss)

READOUTS: dict[str, Readout] = {
    "hard": HARD,
    "soft": SOFT,
    "maxsim": MAXSIM,
    "lse": LSE,
    "mixture": MIXTURE,
}
