"""From scores to a loss, in simple steps.

    scores = score(queries, prior, target, negatives)          # [P, Q, S], target in column 0
    scores = subtract_log_q(scores, log_q)                     # for a softmax: sampler correction
    scores = drop_hits(scores, masked_ids, negative_ids)       # negatives that are no negatives
    loss   = softmax(readout.logits(scores, prior)).mean()

Each step is a pure function of tensors. A loss gets logits ``[P, S]``, with the target in column 0,
and returns one value per row. ``chunked_softmax`` computes the same softmax loss faster.

To add a loss: write the function, add it to ``LOSSES``, or name it as ``module:function``. A loss
that is a softmax over the items declares this with ``@declare_softmax()``: then the log q of the
sampler is subtracted from the scores of negatives.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

F = TypeVar("F", bound=Callable[..., Tensor])


def declare_softmax(*, chunked: bool = False) -> Callable[[F], F]:
    """Return a decorator that declares a loss to be a softmax of the target among items.

    It sets ``loss.softmax = True``. Negatives of a sampler are then corrected by their log q. Do
    not declare losses that use the logit of each negative by itself (bce, gbce, bpr): the
    correction would move their optimum.

    Args:
        chunked: Declare with ``loss.chunked = True`` that the loss equals ``softmax``, so that
            ``chunked_softmax_loss`` may compute it.
    """

    def declare(loss: F) -> F:
        loss.softmax, loss.chunked = True, chunked  # type: ignore[attr-defined]
        return loss

    return declare


def is_softmax(loss: Callable[..., Tensor]) -> bool:
    """Return whether a loss, or the function inside a ``partial``, is declared to be a softmax."""
    while isinstance(loss, partial):
        loss = loss.func
    return bool(getattr(loss, "softmax", False))


def is_chunked(loss: Callable[..., Tensor]) -> bool:
    """Return whether ``chunked_softmax_loss`` may compute this loss."""
    return bool(getattr(loss, "chunked", False))


def score(
    queries: Float[Tensor, "P Q D"],
    prior: Float[Tensor, "P Q"],
    target: Float[Tensor, "P D"],
    negatives: Float[Tensor, "N D"],
) -> Float[Tensor, "P Q 1+N"]:
    """Score target and negatives with every query: inner product plus the query's prior.

    Cost: O(P Q N D) time, O(P Q N) memory.
    """
    target_scores = (queries * target[:, None]).sum(-1, keepdim=True)
    return torch.cat([target_scores, queries @ negatives.T], dim=-1) + prior[..., None]


def subtract_log_q(
    scores: Float[Tensor, "P Q S"], log_q: Float[Tensor, " N"]
) -> Float[Tensor, "P Q 1+N"]:
    """Correct the scores of negatives for how often the sampler draws them.

    Args:
        scores: Target in column 0. The target is not drawn, so its score does not change;
            TensorFlow's sampled softmax corrects it as well (docs/decisions/0005).
        log_q: Natural log of the expected count of each negative in the sample.
    """
    return torch.cat([scores[..., :1], scores[..., 1:] - log_q], dim=-1)


def drop_hits(
    scores: Float[Tensor, "P Q S"],
    masked_ids: Int[Tensor, "P O"],
    negative_ids: Int[Tensor, " N"],
) -> Float[Tensor, "P Q 1+N"]:
    """Set the scores of accidental hits to -inf: negatives that are masked for the row.

    Args:
        scores: Target in column 0.
        masked_ids: Target and other masked items of each row; 0 is padding.
        negative_ids: Items of the other columns.

    Cost: O(P O N) time and memory.
    """
    hits = (negative_ids == masked_ids[..., None]).any(dim=1)  # [P, N]
    never = torch.zeros_like(hits[:, :1])  # the target's column is never masked
    return scores.masked_fill(torch.cat([never, hits], dim=1)[:, None], float("-inf"))


@declare_softmax(chunked=True)
def softmax(logits: Float[Tensor, "P S"]) -> Float[Tensor, " P"]:
    """Return -log of the softmax probability of the target."""
    return logits.logsumexp(dim=1) - logits[:, 0]


def bce(logits: Float[Tensor, "P S"]) -> Float[Tensor, " P"]:
    """Return the binary cross-entropy: label 1 for the target, 0 for each negative, summed."""
    return softplus(-logits[:, 0]) + softplus(logits[:, 1:]).sum(dim=1)


def gbce(
    logits: Float[Tensor, "P S"], *, sampling_rate: float, calibration: float = 0.75
) -> Float[Tensor, " P"]:
    """Return the generalised binary cross-entropy: the target's likelihood to the power β.

    With sampled negatives a model is overconfident; β corrects this: β = α (t (1 - 1/α) + 1/α),
    with α the sampling rate and t the calibration. t = 0 is plain ``bce`` (β = 1).

    Args:
        logits: Target in column 0.
        sampling_rate: Negatives per target divided by the items that could be negatives, in (0, 1].
        calibration: t, from 0 (no correction) to 1 (as if every item were a negative).

    Source: Petrov & Macdonald, "gSASRec: Reducing Overconfidence in Sequential Recommendation
    Trained with Negative Sampling", RecSys 2023, the gBCE loss.
    """
    power = sampling_rate * (calibration * (1 - 1 / sampling_rate) + 1 / sampling_rate)
    return -power * logsigmoid(logits[:, 0]) + softplus(logits[:, 1:]).sum(dim=1)


def bpr(logits: Float[Tensor, "P S"]) -> Float[Tensor, " P"]:
    """Return Bayesian personalised ranking: -log σ(target - negative), mean over negatives."""
    margins = logits[:, :1] - logits[:, 1:]
    kept = logits[:, 1:] > float("-inf")
    losses = softplus(-margins.masked_fill(~kept, 0)) * kept
    return losses.sum(dim=1) / kept.sum(dim=1).clamp(min=1)


@declare_softmax()
def hard_negatives(
    logits: Float[Tensor, "P S"], *, beta: float = 1.0, log_q: Float[Tensor, " N"] | None = None
) -> Float[Tensor, " P"]:
    """Return the REMI softmax loss, in which a negative with a higher score has more weight.

    -log e^{s+} / (e^{s+} + Σ_j e^{(1+β) s_j} / mean_j e^{β s_j}). β = 0 is ``softmax``.

    Args:
        logits: Target in column 0.
        beta: β, from 0.
        log_q: What was subtracted from the scores of the negatives; None: nothing. A negative with
            the expected count q stands for 1 / q items, in the sum and in the mean: β must not
            weigh it by q.

    Source: Xie et al., "Rethinking Multi-Interest Learning for Candidate Matching in
    Recommender Systems" (REMI), RecSys 2023, interest-aware hard negative mining.
    """
    negatives = logits[:, 1:]
    masked = negatives == float("-inf")
    finite = negatives.masked_fill(masked, 0)  # -inf times 0 is not a number
    log_q = negatives.new_zeros(negatives.shape[1]) if log_q is None else log_q.to(logits.dtype)
    # The lowest finite value, not -inf: a row may have no negative left.
    lowest = torch.finfo(logits.dtype).min
    hardness = (beta * (finite + log_q) - log_q).masked_fill(masked, lowest)
    items = (-log_q).expand_as(finite).masked_fill(masked, lowest).logsumexp(dim=1, keepdim=True)
    weighed = finite + hardness.log_softmax(dim=1) + log_q + items
    return softmax(torch.cat([logits[:, :1], weighed.masked_fill(masked, float("-inf"))], dim=1))


LOSSES: dict[str, Callable[..., Tensor]] = {
    "softmax": softmax,
    "bce": bce,
    "gbce": gbce,
    "bpr": bpr,
    "hard_negatives": hard_negatives,
}
