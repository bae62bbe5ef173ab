"""From a model and a batch to one loss: which of the two ways, the plain or the fast.

Softmax over the whole catalog or a sample, met by a readout that needs only log-partitions, goes
through ``partition.py``. Everything else (maxsim, or another loss) is computed plainly, a few
positions at a time, forgetting scores between forward and backward where they would not fit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from prismrec.models import (
    CHUNK,
    LSE,
    Finish,
    Model,
    Readout,
    Sampler,
    chunked_softmax_loss,
    find_hits,
    losses,
)
from prismrec.types import Batch, Interests, Negatives

Loss = Callable[[Tensor], Tensor]
Regularizer = Callable[[Interests, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class Objective:
    """What is minimised: functions, each replaceable by another."""

    loss: Loss = losses.softmax
    """From logits [P, S], target first, to one value a row."""
    readout: Readout = LSE
    """How the interests meet the target."""
    negatives: Sampler | None = None
    """None: every item of the catalog is a negative (full softmax)."""
    regularizers: Mapping[str, tuple[Regularizer, float]] = field(default_factory=dict)
    """Name → (function, weight): added to the loss."""


def compute(
    model: Model, batch: Batch, objective: Objective, generator: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Give the loss of a batch, and the parts that it is the sum of.

    Args:
        model: In training mode.
        batch: On the model's device; rows, their trained slots marked by ``target``.
        objective: What is minimised.
        generator: Where negatives are drawn from; on the CPU.
    """
    interests, target_ids = _trained(model, batch)
    prefixes, own_ids = _prefixes_of(batch), target_ids[:, None]
    if model.mask_history_negatives:
        own_ids = torch.cat([own_ids, prefixes], dim=1)
    # Whatever the extractor ran in, scores and losses are float32.
    with torch.autocast(target_ids.device.type, enabled=False):
        interests = interests._replace(
            vectors=interests.vectors.float(),
            weights=interests.weights.float(),
            bias=interests.bias.float(),
        )
        total = _met(model, interests, own_ids, objective, generator)
        parts = {"loss": total.detach()}
        # Without the 1 that meets an item's bias.
        plain = interests._replace(vectors=interests.vectors[..., : model.extractor.dim])
        for name, (regularizer, weight) in objective.regularizers.items():
            term = regularizer(plain, prefixes != 0)
            parts[name] = term.detach()
            total = total + weight * term
    return total, {name: float(value) for name, value in parts.items()}


def _met(
    model: Model,
    interests: Interests,
    own_ids: Tensor,
    objective: Objective,
    generator: torch.Generator,
) -> Tensor:
    """Give the mean loss of interests that meet their targets: the first of each one's own ids."""
    target_ids = own_ids[:, 0]
    target = model.vectors_of(target_ids)
    prior = interests.bias.masked_fill(~interests.active, float("-inf"))
    meeting = (*objective.readout.queries(interests.vectors, prior, target), target)
    drawn = objective.negatives(generator, target_ids) if objective.negatives else None
    finish = objective.readout.loss_from_partitions
    if objective.loss is losses.softmax and finish:
        return _by_partition(model, meeting, own_ids, drawn, finish)
    return _plainly(model, meeting, own_ids, drawn, objective)


def _trained(model: Model, batch: Batch) -> tuple[Interests, Tensor]:
    """Give the interests of the trained prefixes, P of them, and their targets' ids.

    A batch of one prefix a row needs no other: its rows go through ``forward``.
    """
    slots = batch.target != 0  # [B, L]
    if int(slots.sum()) == len(slots) and bool((slots.sum(1) == 1).all()):
        return model(batch.history, batch.mask), batch.target[slots]
    interests = model.prefixes(batch.history, batch.mask)
    chosen = slots.flatten().nonzero()[:, 0]
    return Interests(*(part[chosen] for part in interests)), batch.target[slots]


def _prefixes_of(batch: Batch) -> Tensor:
    """Give the items of each trained prefix, [P, L], padded with 0."""
    row, slot = (batch.target != 0).nonzero(as_tuple=True)
    upto = torch.arange(batch.history.shape[1], device=slot.device) <= slot[:, None]
    return batch.history[row] * upto


def _by_partition(
    model: Model,
    meeting: tuple[Tensor, Tensor, Tensor],
    own_ids: Tensor,
    drawn: Negatives | None,
    finish: Finish,
) -> Tensor:
    if drawn is None and own_ids.shape[1] == 1:  # the whole catalog, of which nothing is struck
        return chunked_softmax_loss(*meeting, model.item_vectors()[1:], finish=finish)
    ids, items, log_q = _negatives_of(model, drawn)
    return chunked_softmax_loss(
        *meeting, items, finish=finish, log_q=log_q, hits=find_hits(own_ids, ids)
    )


def _plainly(
    model: Model,
    meeting: tuple[Tensor, Tensor, Tensor],
    own_ids: Tensor,
    drawn: Negatives | None,
    objective: Objective,
) -> Tensor:
    ids, items, log_q = _negatives_of(model, drawn)

    def some(queries: Tensor, prior: Tensor, target: Tensor, own_ids: Tensor) -> Tensor:
        scores = losses.score(queries, prior, target, items)
        if log_q is not None and losses.is_softmax(objective.loss):
            scores = losses.subtract_log_q(scores, log_q)
        scores = losses.drop_hits(scores, own_ids, ids)
        return objective.loss(objective.readout.logits(scores, prior)).sum()

    # For each item a position holds Q scores of four bytes, or one byte for each of its own ids.
    held = max(meeting[0].shape[1], own_ids.shape[1] // 4)
    rows = max(1, 4 * CHUNK // (held * len(items)))
    pieces = list(zip(*(torch.split(part, rows) for part in (*meeting, own_ids)), strict=True))
    if len(pieces) == 1:
        return some(*pieces[0]) / len(own_ids)
    sums = [checkpoint(some, *piece, use_reentrant=False) for piece in pieces]
    return torch.stack(sums).sum() / len(own_ids)


def _negatives_of(model: Model, drawn: Negatives | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Give ids, vectors and log q of what was drawn, or of the whole catalog."""
    if drawn is None:
        return torch.arange(1, model.size, device=model.device), model.item_vectors()[1:], None
    return drawn.items, model.vectors_of(drawn.items), drawn.log_q
