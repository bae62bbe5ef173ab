"""From a model and a batch to one loss, in one of two ways.

A loss declared with ``declare_softmax(chunked=True)`` and a readout with a ``loss_from_logsumexp``
use ``chunked_softmax_loss``. All other combinations (maxsim, or another loss) compute all scores of
some positions at a time; if there are many, the backward pass computes them again.

If events have weights, the loss of a pair is multiplied by the weight of its target, divided by the
mean weight of the batch: see ``with_relative_weights``. A disliked item of the user is one more
negative of a softmax: its exponential counts ``dislike_weight`` times.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.utils.checkpoint import checkpoint

from prismrec.data import Histories
from prismrec.errors import ConfigError, is_whole
from prismrec.models import (
    CHUNK,
    LSE,
    LossFromLogsumexp,
    Model,
    PerPosition,
    Readout,
    Sampler,
    chunked_softmax_loss,
    find_hits,
    losses,
    read_nearest_clusters,
)
from prismrec.registry import options_of
from prismrec.training.negatives import draw_negatives
from prismrec.types import Batch, Interests, Negatives

Loss = Callable[[Tensor], Tensor]
Regularizer = Callable[[Interests, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, repr=False)
class Objective:
    """What training minimises: loss, readout, negatives and regularizers, each replaceable.

    docs/python.md describes the fields.

    Raises:
        ConfigError: Dislikes with a loss that is no softmax, or an impossible weight of them; or
            ``clusters`` is no number from 0.
    """

    loss: Loss = losses.softmax
    """From logits ``[P, S]``, target first, to one value per row; see ``declare_softmax``. By these
    keyword-only arguments it gets: ``sampling_rate``, the negatives per target divided by the items
    that could be negatives; ``log_q`` ``[S - 1]`` of the negatives, 0 for a full softmax."""
    readout: Readout = LSE
    """How K interests score one item."""
    negatives: Sampler | None = None
    """Sampler of negatives; None uses every item of the catalog (full softmax)."""
    regularizers: Mapping[str, tuple[Regularizer, float]] = field(default_factory=dict)
    """Name → (function, weight): terms added to the loss."""
    dislikes: Histories | None = None
    """Disliked items of the training users, in the order of their histories; None for none."""
    dislike_weight: float = 1.0
    """Weight of a disliked item in the sum of the softmax, above 0."""
    clusters: int = 0
    """Above 0, every second step reads the cluster of a history that is nearest to the target, of
    at most this many: see ``read_nearest_clusters``."""

    def at(self, step: int) -> "Objective":
        """Return what a step minimises; the first step reads whole histories."""
        return self if not self.clusters or step % 2 else replace(self, clusters=0)

    def __post_init__(self) -> None:
        """Check the number of clusters, and that the loss can use the dislikes."""
        if not is_whole(self.clusters, 0):
            raise ConfigError(
                f"clusters is {self.clusters!r}; it must be a whole number, and 0 reads whole "
                "histories only."
            )
        if self.dislikes is None:
            return
        if not losses.is_softmax(self.loss):
            raise ConfigError(
                "Dislikes were given with a loss that is no softmax; choose the loss softmax, or "
                "set dislike_weight to 0."
            )
        if not 0 < self.dislike_weight < math.inf:
            raise ConfigError(
                f"dislike_weight is {self.dislike_weight}; it must be a finite number above 0."
            )

    def __repr__(self) -> str:
        """Return the names of loss and regularizers."""
        loss = self.loss.func if isinstance(self.loss, partial) else self.loss
        name = getattr(loss, "__name__", type(loss).__name__)
        negatives = "sampled negatives" if self.negatives else "full catalog"
        return f"Objective({', '.join((name, negatives, *self.regularizers))})"


def with_relative_weights(batch: Batch) -> Batch:
    """Return a batch whose weights are divided by the mean weight of its targets.

    This is for a whole batch, before it is divided among processes.
    """
    if batch.weight is None:
        return batch
    mean = batch.weight[batch.target != 0].mean()
    return batch._replace(weight=batch.weight / mean.clamp(min=torch.finfo(mean.dtype).tiny))


def compute_loss(
    model: Model, batch: Batch, objective: Objective, generator: torch.Generator
) -> tuple[Tensor, dict[str, float]]:
    """Compute the loss of a batch, and its parts by name.

    Args:
        model: In training mode.
        batch: On the device of the model; ``target`` marks the slots to train, and ``weight`` is
            the factor on their losses.
        objective: What is minimised.
        generator: Random numbers for the sampler; on the CPU.
    """
    interests, target_ids = _trained_interests(model, batch, objective.clusters)
    prefixes, masked_ids = _trained_prefixes(batch), target_ids[:, None]
    if model.mask_history_negatives:
        masked_ids = torch.cat([masked_ids, prefixes], dim=1)
    # Scores and losses are float32, whatever the precision of the extractor.
    with torch.autocast(target_ids.device.type, enabled=False):
        interests = interests._replace(
            vectors=interests.vectors.float(),
            weights=interests.weights.float(),
            bias=interests.bias.float(),
        )
        total = _mean_loss(model, interests, masked_ids, objective, generator, batch)
        parts = {"loss": total.detach()}
        # Without the 1 for the bias of items.
        plain = interests._replace(vectors=interests.vectors[..., : model.extractor.dim])
        for name, (regularizer, weight) in objective.regularizers.items():
            term = regularizer(plain, prefixes != 0)
            parts[name] = term.detach()
            total = total + weight * term
    return total, {name: float(value) for name, value in parts.items()}


def _mean_loss(
    model: Model,
    interests: Interests,
    masked_ids: Tensor,
    objective: Objective,
    generator: torch.Generator,
    batch: Batch,
) -> Tensor:
    """Compute the mean loss of interests, whose targets are the first column of ``masked_ids``."""
    target_ids = masked_ids[:, 0]
    target = model.vectors_of(target_ids)
    prior = interests.bias.masked_fill(~interests.active, float("-inf"))
    inputs = (*objective.readout.queries(interests.vectors, prior, target), target)
    drawn = None
    if objective.negatives:
        drawn = draw_negatives(objective.negatives, generator, target_ids, model.size)
    own = _per_position(model, inputs, batch, objective.dislike_weight)
    finish = objective.readout.loss_from_logsumexp
    if finish and losses.is_chunked(objective.loss):
        return _chunked_loss(model, inputs, masked_ids, drawn, finish, own)
    return _plain_loss(model, inputs, masked_ids, drawn, objective, own)


def _per_position(
    model: Model, inputs: tuple[Tensor, Tensor, Tensor], batch: Batch, dislike_weight: float
) -> PerPosition:
    """Return the weights of the positions, and the scores of disliked items.

    A score has the log of ``dislike_weight`` added; it is -inf where there is no disliked item, or
    where it is the target.
    """
    slots, extra = batch.target != 0, None
    weight = None if batch.weight is None else batch.weight[slots]
    if batch.disliked is not None:
        queries, prior, _ = inputs
        disliked = batch.disliked[slots]
        scores = (queries * model.vectors_of(disliked)[:, None]).sum(-1) + prior
        absent = (disliked == 0) | (disliked == batch.target[slots])
        extra = (scores + math.log(dislike_weight)).masked_fill(absent[:, None], float("-inf"))
    return PerPosition(extra, weight)


def _trained_interests(model: Model, batch: Batch, clusters: int) -> tuple[Interests, Tensor]:
    """Return the interests of the P prefixes to train, and the ids of their targets.

    If every row has one target at its end, ``forward`` computes them without other prefixes.
    """
    slots, read = batch.target != 0, None  # [B, L]
    if clusters:
        with torch.no_grad():
            target = model.vectors_of(batch.target.flatten())[:, : model.extractor.dim]
        target = target.view(*slots.shape, -1)
        read = partial(read_nearest_clusters, model.extractor, target=target, number=clusters)
    elif int(slots.sum()) == len(slots) and bool((slots.sum(1) == 1).all()):
        return model(batch.history, batch.mask), batch.target[slots]
    interests = model.prefixes(batch.history, batch.mask, read)
    chosen = slots.flatten().nonzero()[:, 0]
    return interests.rows(chosen), batch.target[slots]


def _trained_prefixes(batch: Batch) -> Tensor:
    """Return the items of each prefix to train, [P, L], padded with 0."""
    row, slot = (batch.target != 0).nonzero(as_tuple=True)
    inside = torch.arange(batch.history.shape[1], device=slot.device) <= slot[:, None]
    return batch.history[row] * inside


def _chunked_loss(
    model: Model,
    inputs: tuple[Tensor, Tensor, Tensor],
    masked_ids: Tensor,
    drawn: Negatives | None,
    finish: LossFromLogsumexp,
    own: PerPosition,
) -> Tensor:
    """Compute the mean loss chunk by chunk."""
    if drawn is None and masked_ids.shape[1] == 1:  # nothing but the target is masked
        every = model.item_vectors()[1:]
        return chunked_softmax_loss(*inputs, every, finish=finish, own=own)
    ids, items, log_q = _negatives_of(model, drawn)
    hits = find_hits(masked_ids, ids)
    return chunked_softmax_loss(*inputs, items, finish=finish, log_q=log_q, hits=hits, own=own)


def _plain_loss(
    model: Model,
    inputs: tuple[Tensor, Tensor, Tensor],
    masked_ids: Tensor,
    drawn: Negatives | None,
    objective: Objective,
    own: PerPosition,
) -> Tensor:
    """Compute the mean loss from all scores of some positions at a time."""
    ids, items, log_q = _negatives_of(model, drawn)
    loss = _of_sample(objective, model, ids, log_q, own)

    def summed_loss(
        inputs: tuple[Tensor, Tensor, Tensor], masked_ids: Tensor, *own: Tensor | None
    ) -> Tensor:
        queries, prior, target = inputs
        extra, weight = own
        scores = losses.score(queries, prior, target, items)
        if log_q is not None and losses.is_softmax(objective.loss):
            scores = losses.subtract_log_q(scores, log_q)
        scores = losses.drop_hits(scores, masked_ids, ids)
        if extra is not None:
            scores = torch.cat([scores, extra[..., None]], dim=-1)
        each = loss(objective.readout.logits(scores, prior))
        if each.shape != masked_ids.shape[:1]:
            raise ConfigError(
                f"A loss returned the shape {tuple(each.shape)} for {len(masked_ids)} training "
                f"pairs; it must return one loss per pair, ({len(masked_ids)},), not their mean."
            )
        return (each if weight is None else each * weight).sum()

    # Per item, a position needs Q scores of four bytes, or one byte for each of its masked ids.
    scores_per_item = max(inputs[0].shape[1], masked_ids.shape[1] // 4)
    rows = max(1, 4 * CHUNK // (scores_per_item * len(items)))
    parts = zip(*(torch.split(part, rows) for part in inputs), strict=True)
    places = torch.split(masked_ids, rows)
    more = [[None] * len(places) if part is None else torch.split(part, rows) for part in own]
    pieces = list(zip(parts, places, *more, strict=True))
    if len(pieces) == 1:
        return summed_loss(*pieces[0]) / len(masked_ids)
    sums = [checkpoint(summed_loss, *piece, use_reentrant=False) for piece in pieces]
    return torch.stack(sums).sum() / len(masked_ids)


def _of_sample(
    objective: Objective, model: Model, ids: Tensor, log_q: Tensor | None, own: PerPosition
) -> Loss:
    """Return the loss with what it asks for by keyword and has not: see ``Objective.loss``."""
    loss: Callable[..., Tensor] = objective.loss
    given = loss.keywords if isinstance(loss, partial) else {}
    known: dict[str, Any] = {}
    wanted = set(options_of(loss)) - set(given)
    if "sampling_rate" in wanted:  # of all items but padding and the target
        known["sampling_rate"] = min(1.0, len(ids) / max(model.size - 2, 1))
    if "log_q" in wanted:
        known["log_q"] = torch.zeros(len(ids), device=ids.device) if log_q is None else log_q
        if own.extra is not None:  # the exponential of a disliked item counts several times
            known["log_q"] = pad(known["log_q"], (0, 1), value=-math.log(objective.dislike_weight))
    return partial(loss, **known)


def _negatives_of(model: Model, drawn: Negatives | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Return ids, vectors and log q of the drawn negatives, or of the whole catalog."""
    if drawn is None:
        return torch.arange(1, model.size, device=model.device), model.item_vectors()[1:], None
    return drawn.items, model.vectors_of(drawn.items), drawn.log_q
