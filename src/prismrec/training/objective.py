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

from prismrec import losses
from prismrec.model import Model
from prismrec.negatives import Sampler
from prismrec.partition import CHUNK, Finish, find_hits, partition_loss
from prismrec.readouts import LSE, Readout
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
    # Whatever the extractor ran in, scores and losses are float32.
    with torch.autocast(target_ids.device.type, enabled=False):
        interests = interests._replace(
            vectors=interests.vectors.float(),
            weights=interests.weights.float(),
            bias=interests.bias.float(),
        )
        total = _met(model, interests, target_ids, objective, generator)
        parts = {"loss": total.detach()}
        for name, (regularizer, weight) in objective.regularizers.items():
            term = regularizer(interests, _mask_of(interests, batch))
            parts[name] = term.detach()
            total = total + weight * term
    return total, {name: float(value) for name, value in parts.items()}


def _met(
    model: Model,
    interests: Interests,
    target_ids: Tensor,
    objective: Objective,
    generator: torch.Generator,
) -> Tensor:
    """Give the mean loss of interests that meet their targets."""
    target = model.vectors_of(target_ids)
    prior = interests.bias.masked_fill(~interests.active, float("-inf"))
    meeting = (*objective.readout.queries(interests.vectors, prior, target), target)
    drawn = objective.negatives(generator, target_ids) if objective.negatives else None
    finish = objective.readout.from_partitions
    if objective.loss is losses.softmax and finish:
        return _by_partition(model, meeting, target_ids, drawn, finish)
    return _plainly(model, meeting, target_ids, drawn, objective)


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


def _mask_of(interests: Interests, batch: Batch) -> Tensor:
    """Tell which slots belong to each trained prefix, [P, L]."""
    row, slot = (batch.target != 0).nonzero(as_tuple=True)
    upto = torch.arange(interests.weights.shape[-1], device=slot.device) <= slot[:, None]
    return upto & batch.mask[row]


def _by_partition(
    model: Model,
    meeting: tuple[Tensor, Tensor, Tensor],
    target_ids: Tensor,
    drawn: Negatives | None,
    finish: Finish,
) -> Tensor:
    if drawn is None:
        return partition_loss(*meeting, model.item_vectors()[1:], finish=finish)
    hits = find_hits(target_ids, drawn.items)
    items = model.vectors_of(drawn.items)
    return partition_loss(*meeting, items, finish=finish, log_q=drawn.log_q, hits=hits)


def _plainly(
    model: Model,
    meeting: tuple[Tensor, Tensor, Tensor],
    target_ids: Tensor,
    drawn: Negatives | None,
    objective: Objective,
) -> Tensor:
    device = target_ids.device
    ids = torch.arange(1, model.size, device=device) if drawn is None else drawn.items
    items = model.item_vectors()[1:] if drawn is None else model.vectors_of(drawn.items)

    def some(queries: Tensor, prior: Tensor, target: Tensor, own_ids: Tensor) -> Tensor:
        scores = losses.score(queries, prior, target, items)
        if drawn is not None:
            scores = losses.subtract_log_q(scores, drawn.log_q)
        scores = losses.drop_hits(scores, own_ids, ids)
        return objective.loss(objective.readout.logits(scores, prior)).sum()

    rows = max(1, 4 * CHUNK // (meeting[0].shape[1] * len(items)))
    pieces = list(zip(*(torch.split(part, rows) for part in (*meeting, target_ids)), strict=True))
    if len(pieces) == 1:
        return some(*pieces[0]) / len(target_ids)
    sums = [checkpoint(some, *piece, use_reentrant=False) for piece in pieces]
    return torch.stack(sums).sum() / len(target_ids)
