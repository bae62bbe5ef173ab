"""From scores to a loss, in plain steps.

    scores = score(queries, prior, target, negatives)          # [P, Q, S], target in column 0
    scores = subtract_log_q(scores, log_q)                     # of a softmax: uneven draws
    scores = drop_hits(scores, own_ids, negative_ids)          # negatives that are the row's own
    loss   = softmax(readout.logits(scores, prior)).mean()

Each step takes tensors and gives a tensor; none holds state or knows a model. All losses take
logits ``[P, S]`` with the target in column 0 and give one value a row, so a new one is one
function and one line in ``LOSSES``. This is the plain form, and the oracle of the fast one in
``partition.py``.
"""

from collections.abc import Callable
from functools import partial

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus


def score(
    queries: Float[Tensor, "P Q D"],
    prior: Float[Tensor, "P Q"],
    target: Float[Tensor, "P D"],
    negatives: Float[Tensor, "N D"],
) -> Float[Tensor, "P Q 1+N"]:
    """Score target and negatives by every query: inner products, plus the query's prior.

    Cost: O(P Q N D) time, O(P Q N) memory.
    """
    own = (queries * target[:, None]).sum(-1, keepdim=True)
    return torch.cat([own, queries @ negatives.T], dim=-1) + prior[..., None]


def subtract_log_q(
    scores: Float[Tensor, "P Q S"], log_q: Float[Tensor, " N"]
) -> Float[Tensor, "P Q 1+N"]:
    """Undo the sampler's preferences: negatives drawn often count for less.

    Args:
        scores: Target in column 0. It was not drawn, so it is left alone; TensorFlow's
            sampled softmax corrects it as well (docs/decisions/0005).
        log_q: Natural log of each negative's expected count in the sample.
    """
    return torch.cat([scores[..., :1], scores[..., 1:] - log_q], dim=-1)


def drop_hits(
    scores: Float[Tensor, "P Q S"],
    own_ids: Int[Tensor, "P O"],
    negative_ids: Int[Tensor, " N"],
) -> Float[Tensor, "P Q 1+N"]:
    """Take out the negatives that are the row's own: their score is -inf.

    Args:
        scores: Target in column 0.
        own_ids: The row's target, and what else is struck for it; 0 is none.
        negative_ids: The items of the other columns.

    Cost: O(P O N) time and memory.
    """
    hits = (negative_ids == own_ids[..., None]).any(dim=1)  # [P, N]
    never = torch.zeros_like(hits[:, :1])  # the target itself stays
    return scores.masked_fill(torch.cat([never, hits], dim=1)[:, None], float("-inf"))


def softmax(logits: Float[Tensor, "P S"]) -> Float[Tensor, " P"]:
    """Give -log of the target's share of the softmax."""
    return logits.logsumexp(dim=1) - logits[:, 0]


def bce(logits: Float[Tensor, "P S"]) -> Float[Tensor, " P"]:
    """Give the binary cross-entropy: target against 1, each negative against 0, summed."""
    return softplus(-logits[:, 0]) + softplus(logits[:, 1:]).sum(dim=1)


def gbce(
    logits: Float[Tensor, "P S"], *, sampling_rate: float, calibration: float = 0.75
) -> Float[Tensor, " P"]:
    """Give the generalised binary cross-entropy: the target's likelihood to a power β.

    Sampled negatives make a model overconfident; β undoes it: β = α (t (1 - 1/α) + 1/α), with
    α the sampling rate and t the calibration. t = 0 is plain ``bce`` (β = 1).

    Args:
        logits: Target in column 0.
        sampling_rate: Negatives a target over the items that could be negatives, in (0, 1].
        calibration: t, from 0 (none) to 1 (as if every item were a negative).

    Source: Petrov & Macdonald, "gSASRec: Reducing Overconfidence in Sequential Recommendation
    Trained with Negative Sampling", RecSys 2023, the gBCE loss.
    """
    power = sampling_rate * (calibration * (1 - 1 / sampling_rate) + 1 / sampling_rate)
    return -power * logsigmoid(logits[:, 0]) + softplus(logits[:, 1:]).sum(dim=1)


def bpr(logits: Float[Tensor, "P S"]) -> Float[Tensor, " P"]:
    """Give Bayesian personalised ranking: -log σ(target - negative), mean over negatives."""
    margins = logits[:, :1] - logits[:, 1:]
    kept = logits[:, 1:] > float("-inf")
    losses = softplus(-margins.masked_fill(~kept, 0)) * kept
    return losses.sum(dim=1) / kept.sum(dim=1).clamp(min=1)


def hard_negatives(logits: Float[Tensor, "P S"], *, beta: float = 1.0) -> Float[Tensor, " P"]:
    """Give REMI's softmax, in which a negative counts the more, the higher it scores.

    -log e^{s+} / (e^{s+} + Σ_j e^{(1+β) s_j} / mean_j e^{β s_j}). β = 0 is ``softmax``.

    Source: Xie et al., "Rethinking Multi-Interest Learning for Candidate Matching in
    Recommender Systems" (REMI), RecSys 2023, interest-aware hard negative mining.
    """
    negatives = logits[:, 1:]
    gone = negatives == float("-inf")
    there = negatives.masked_fill(gone, 0)  # -inf times 0 is not a number
    # The lowest finite value, not -inf: a row may have no negative left.
    hardness = (beta * there).masked_fill(gone, torch.finfo(logits.dtype).min)
    kept = (~gone).sum(dim=1, keepdim=True).clamp(min=1)
    weighed = there + hardness.log_softmax(dim=1) + kept.log()
    return softmax(torch.cat([logits[:, :1], weighed.masked_fill(gone, float("-inf"))], dim=1))


def is_softmax(loss: Callable[..., Tensor]) -> bool:
    """Tell whether a loss is of the target's share among items, so that logQ corrects it.

    One of each negative's own logit (bce, gbce, bpr) is right without: shifted by the log of an
    expected count, its optimum would be another. Functions of others count as softmax.
    """
    while isinstance(loss, partial):
        loss = loss.func
    return loss not in (bce, gbce, bpr)


LOSSES: dict[str, Callable[..., Tensor]] = {
    "softmax": softmax,
    "bce": bce,
    "gbce": gbce,
    "bpr": bpr,
    "hard_negatives": hard_negatives,
}
