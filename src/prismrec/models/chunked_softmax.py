"""Softmax loss over many items, computed exactly and in chunks.

    loss = chunked_softmax_loss(
        queries, prior, target, items, finish=readout.loss_from_logsumexp
    )

The scores of a few positions at a time are computed in one buffer that fits in the cache. A chunk
costs three matrix products, as a plain softmax does, and one pass over the scores, which replaces
them by their exponentials. Everything else is done by the products: each item vector gets a 1 and
its log q, so the first one also subtracts a bound on the scores of the query and log q, and the
second one also sums the exponentials. Nothing of size [P, V] is in memory. The gradients are
computed in the forward pass, while the scores exist; the backward pass only scales them.
``losses.softmax(readout.logits(...))`` computes the same values and is what the tests compare with.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

LossFromLogsumexp = Callable[[Tensor, Tensor, Tensor], Tensor]

CHUNK = 1 << 20
"""Scores in memory at once: 4 MiB, which fits in one core's share of the last-level cache."""


class Hits(NamedTuple):
    """Pairs to mask: position ``row[h]`` must not be scored against negative ``column[h]``."""

    row: Int[Tensor, " H"]
    column: Int[Tensor, " H"]


class PerPosition(NamedTuple):
    """What weights and dislikes change in the loss of P positions; None: nothing."""

    extra: Float[Tensor, "P Q"] | None = None
    """Scores of one more negative, with the prior; -inf for none."""
    weight: Float[Tensor, " P"] | None = None
    """Factor on the loss."""

    def part(self, part: slice) -> "PerPosition":
        """Return the values of some positions."""
        return PerPosition(*(None if value is None else value[part] for value in self))


class _Fixed(NamedTuple):
    """The arguments of ``_ChunkedSoftmaxLoss`` that have no gradient."""

    log_q: Tensor | None
    hits: Hits | None
    finish: LossFromLogsumexp
    weight: Tensor | None


def find_hits(masked_ids: Int[Tensor, "P O"], negative_ids: Int[Tensor, " N"]) -> Hits:
    """Find the accidental hits: negatives that are the target or another masked item of a position.

    Args:
        masked_ids: Target and other masked items of each position; 0 is padding.
        negative_ids: Item numbers without 0.

    Cost: O((P O + N) log N) time, O(P O + N + H) memory; never O(P N).
    """
    ordered, order = negative_ids.sort()
    flat = masked_ids.flatten()
    first = torch.searchsorted(ordered, flat)
    count = torch.searchsorted(ordered, flat, right=True) - first
    source = torch.arange(len(flat), device=flat.device).repeat_interleave(count)
    before = count.cumsum(0) - count
    place = torch.arange(len(source), device=flat.device) + (first - before)[source]
    return Hits(source // masked_ids.shape[1], order[place])


def chunked_softmax_loss(
    queries: Float[Tensor, "P Q D"],
    prior: Float[Tensor, "P Q"],
    target: Float[Tensor, "P D"],
    items: Float[Tensor, "N D"],
    *,
    finish: LossFromLogsumexp,
    log_q: Float[Tensor, " N"] | None = None,
    hits: Hits | None = None,
    own: PerPosition = PerPosition(),  # noqa: B008 -- immutable
) -> Float[Tensor, ""]:
    """Compute the mean softmax loss of P positions over a set of items.

    Args:
        queries: Query vectors of each position.
        prior: Added to every score of a query; -inf excludes the query.
        target: Vector of the target of each position.
        items: If ``hits`` is None, the whole catalog, including the targets; otherwise negatives,
            to which the target of each position is added.
        finish: Function from the target's scores, the log of the summed exponentials of all scores
            and the prior, each ``[P, Q]``, to losses ``[P]``: ``loss_from_logsumexp`` of a
            readout.
        log_q: Subtracted from the scores of ``items``.
        hits: Scores to exclude, from ``find_hits``.
        own: One more negative and a factor on the loss of each position.

    Returns:
        The mean loss, in float32, or in float64 if the queries are.

    Cost: O(P Q N D) time; O(CHUNK + N D + P Q D) memory.
    """
    wide = torch.promote_types(queries.dtype, torch.float32)
    queries, prior, items = queries.to(wide), prior.to(wide), items.to(wide)
    target_scores = (queries * target.to(wide)[:, None]).sum(-1) + prior
    loss: Tensor = _ChunkedSoftmaxLoss.apply(  # type: ignore[no-untyped-call]
        queries, target_scores, prior, items, own.extra, _Fixed(log_q, hits, finish, own.weight)
    )
    return loss


class _ChunkedSoftmaxLoss(torch.autograd.Function):
    """Computes the gradients in ``forward``, where the scores are; scales them in ``backward``."""

    @staticmethod
    def forward(  # noqa: PLR0917 -- autograd passes them by position
        ctx: Any,
        queries: Tensor,
        target_scores: Tensor,
        prior: Tensor,
        items: Tensor,
        extra: Tensor | None,
        fixed: _Fixed,
    ) -> Tensor:
        """Return the loss; store the gradients of its inputs."""
        log_q, hits, finish, weight = fixed
        own = PerPosition(extra, weight)
        positions, q, _ = queries.shape
        rows = max(1, CHUNK // max(1, q * len(items)))
        grads = [torch.empty_like(part) for part in (queries, target_scores, prior)]
        grad_extra = None if extra is None else torch.empty_like(extra)
        grad_items = torch.zeros_like(items)
        buffer = queries.new_empty(min(rows, positions) * q, len(items))
        total = queries.new_zeros(())
        wide, longest = _with_columns(items, log_q), _longest(items, log_q)
        for start in range(0, positions, rows):
            part = slice(start, min(start + rows, positions))
            flat = queries[part].flatten(0, 1)  # [c * Q, D]
            chunk = _Chunk(flat, wide, part, q, hits)
            bound = flat.norm(dim=1) * longest[0] + longest[1]
            powers, sums = chunk.exponentials(bound, buffer[: len(flat)])
            # About 3e-27: the bound is too large, so small exponentials may be 0.
            if (sums[:, -1] < torch.finfo(sums.dtype).tiny ** 0.7).any():
                bound = chunk.scores(torch.zeros_like(bound), buffer[: len(flat)]).amax(dim=1)
                bound.clamp_(min=torch.finfo(bound.dtype).min)
                powers, sums = chunk.exponentials(bound, buffer[: len(flat)])
            summed = sums[:, -1]
            grad_logsumexp, grad_target, grad_prior, grad_of_extra, loss = _finish(
                finish,
                target_scores[part],
                (bound + summed.log()).view(-1, q) + prior[part],
                prior[part],
                own.part(part),
                add_target=hits is not None,
            )
            total += loss
            least = torch.finfo(summed.dtype).tiny
            factor = grad_logsumexp.reshape(-1, 1) / positions / summed.clamp(min=least)[:, None]
            grads[0][part] = (sums[:, :-1] * factor).view(-1, *queries.shape[1:])
            grads[1][part] = grad_target / positions
            grads[2][part] = (grad_logsumexp + grad_prior) / positions
            grad_items.addmm_(powers.T, flat * factor)
            if grad_extra is not None:
                grad_extra[part] = grad_of_extra / positions
        ctx.save_for_backward(*grads, grad_items, grad_extra)
        return total / positions

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        """Return the stored gradients times the gradient of the loss."""
        # Usually this loss is what is differentiated; then there is nothing to scale.
        saved = ctx.saved_tensors
        if upstream != 1:
            saved = [None if grad is None else grad * upstream for grad in saved]
        return (*saved, None)


def mask_hits(scores: Float[Tensor, "R N"], hits: Hits, part: slice, q: int) -> None:
    """Set the scores of hits to -inf, in place.

    Args:
        scores: Scores of the positions of ``part``, one row per query.
        hits: Hits of all positions.
        part: Range of positions, from ``start`` to ``stop``.
        q: Queries per position.
    """
    inside = (hits.row >= part.start) & (hits.row < part.stop)
    rows, columns = hits.row[inside] - part.start, hits.column[inside]
    for query in range(q):
        scores[rows * q + query, columns] = float("-inf")


def _with_columns(items: Float[Tensor, "N D"], log_q: Float[Tensor, " N"] | None) -> Tensor:
    """Return item vectors with two more columns: -log q, and 1."""
    ones = items.new_ones(len(items), 1)
    return torch.cat([items, torch.zeros_like(ones) if log_q is None else -log_q[:, None], ones], 1)


def _longest(
    items: Float[Tensor, "N D"], log_q: Float[Tensor, " N"] | None
) -> tuple[Tensor, Tensor]:
    """Return the largest length of an item vector, and the largest -log q, at least 0."""
    if not len(items):
        return items.new_zeros(()), items.new_zeros(())
    largest = items.new_zeros(()) if log_q is None else (-log_q).amax().clamp(min=0)
    return items.norm(dim=1).amax(), largest


class _Chunk(NamedTuple):
    """The queries of some positions, and the items with the columns of ``_with_columns``."""

    flat: Tensor
    wide: Tensor
    part: slice
    q: int
    hits: Hits | None

    def scores(self, bound: Tensor, out: Tensor) -> Tensor:
        """Compute the scores minus log q and minus a bound per query; -inf for hits."""
        queries = torch.cat([self.flat, torch.ones_like(bound)[:, None], -bound[:, None]], dim=1)
        scores = torch.mm(queries, self.wide.T, out=out)
        if self.hits is not None:
            mask_hits(scores, self.hits, self.part, self.q)
        return scores

    def exponentials(self, bound: Tensor, out: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the exponentials [R, N] of ``scores``, and their sums [R, D + 1].

        The sums are of the exponentials times the item vectors; the last column is their plain sum.
        If all negatives of a row were hits, they are 0.
        """
        powers = self.scores(bound, out).exp_()
        sums = powers @ self.wide
        dim = self.flat.shape[1]
        return powers, torch.cat([sums[:, :dim], sums[:, dim + 1 :]], dim=1)


def _finish(
    finish: LossFromLogsumexp,
    target_scores: Tensor,
    logsumexp: Tensor,
    prior: Tensor,
    own: PerPosition,
    *,
    add_target: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of the summed loss and the sum.

    The gradients are those of logsumexp, target scores, prior and extra; without extra the last
    one is empty.
    """
    with torch.enable_grad():
        target_scores = target_scores.detach().requires_grad_()
        logsumexp = logsumexp.detach().requires_grad_()
        prior = prior.detach().requires_grad_()
        whole = torch.logaddexp(logsumexp, target_scores) if add_target else logsumexp
        inputs = [logsumexp, target_scores, prior]
        if own.extra is not None:
            inputs.append(own.extra.detach().requires_grad_())
            whole = torch.logaddexp(whole, inputs[3])
        losses = finish(target_scores, whole, prior)
        loss = (losses if own.weight is None else losses * own.weight).sum()
        gradients = torch.autograd.grad(loss, inputs, materialize_grads=True)
    parts = [part.nan_to_num() for part in gradients]
    grad_extra = parts[3] if own.extra is not None else loss.new_empty(0)
    return parts[0], parts[1], parts[2], grad_extra, loss.detach()
