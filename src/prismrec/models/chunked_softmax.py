"""The softmax loss over many items without ever holding a score for each: exact, chunk by chunk.

    loss = partition_loss(queries, prior, target, items, finish=readout.from_partitions)

Scores are made for a few positions at a time in one buffer that stays in the cache, turned in
place into their softmax and then into their gradient, and multiplied out: three matrix products
a chunk, as in a plain softmax, and nothing of size [P, V] in memory. The gradients are made in
the forward pass, while the scores are there; the backward pass only scales them.
``losses.softmax(readout.logits(...))`` is the oracle.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

Finish = Callable[[Tensor, Tensor, Tensor], Tensor]

# Scores held at once: 4 MiB of them, which a core's share of the last cache holds.
CHUNK = 1 << 20


class Hits(NamedTuple):
    """Which negatives are left out for whom: position ``row[h]`` must not meet ``column[h]``."""

    row: Int[Tensor, " H"]
    column: Int[Tensor, " H"]


def find_hits(own_ids: Int[Tensor, "P O"], negative_ids: Int[Tensor, " N"]) -> Hits:
    """Find the negatives that are a position's own: its target, and what else is struck for it.

    Args:
        own_ids: Each position's own items; 0 is none.
        negative_ids: Without 0.

    Cost: O((P O + N) log N) time, O(P O + N + H) memory; never O(P N).
    """
    ordered, order = negative_ids.sort()
    own = own_ids.flatten()
    first = torch.searchsorted(ordered, own)
    count = torch.searchsorted(ordered, own, right=True) - first
    found = torch.arange(len(own), device=own.device).repeat_interleave(count)
    before = count.cumsum(0) - count
    place = torch.arange(len(found), device=own.device) + (first - before)[found]
    return Hits(found // own_ids.shape[1], order[place])


def chunked_softmax_loss(
    queries: Float[Tensor, "P Q D"],
    prior: Float[Tensor, "P Q"],
    target: Float[Tensor, "P D"],
    items: Float[Tensor, "N D"],
    *,
    finish: Finish,
    log_q: Float[Tensor, " N"] | None = None,
    hits: Hits | None = None,
) -> Float[Tensor, ""]:
    """Give the mean softmax loss of P positions over a set of items.

    Args:
        queries: Each position's query vectors.
        prior: Added to every score of a query; -inf takes it out.
        target: The vector of each position's target.
        items: The whole catalog, targets among them, if ``hits`` is None; else negatives, to
            which each position's target is added.
        finish: From the target's scores, the log-partitions and the prior, all ``[P, Q]``, to
            losses ``[P]``: a readout's ``loss_from_partitions``.
        log_q: Subtracted from the scores of ``items``.
        hits: What to leave out of the partition: ``find_hits``.

    Returns:
        The mean loss, in float32, or in float64 if the queries are.

    Cost: O(P Q N D) time; O(CHUNK + N D + P Q D) memory.
    """
    wide = torch.promote_types(queries.dtype, torch.float32)
    queries, prior, items = queries.to(wide), prior.to(wide), items.to(wide)
    own = (queries * target.to(wide)[:, None]).sum(-1) + prior
    loss: Tensor = _PartitionLoss.apply(queries, own, prior, items, log_q, hits, finish)  # type: ignore[no-untyped-call]
    return loss


class _PartitionLoss(torch.autograd.Function):
    """Makes the gradients in ``forward``, where the scores are, and scales them in ``backward``."""

    @staticmethod
    def forward(  # noqa: PLR0917 -- autograd passes them by position
        ctx: Any,
        queries: Tensor,
        own: Tensor,
        prior: Tensor,
        items: Tensor,
        log_q: Tensor | None,
        hits: Hits | None,
        finish: Finish,
    ) -> Tensor:
        positions, q, _ = queries.shape
        rows = max(1, CHUNK // max(1, q * len(items)))
        grads = [torch.empty_like(queries), torch.empty_like(own), torch.empty_like(prior)]
        grad_items = torch.zeros_like(items)
        buffer = queries.new_empty(min(rows, positions) * q, len(items))
        total = queries.new_zeros(())
        for start in range(0, positions, rows):
            part = slice(start, min(start + rows, positions))
            flat = queries[part].flatten(0, 1)  # [c * Q, D]
            scores = torch.mm(flat, items.T, out=buffer[: len(flat)])
            if log_q is not None:
                scores.sub_(log_q)
            if hits is not None:
                mask_hits(scores, hits, part, q)
            share, partition = _softmax_in_place(scores)
            whole = partition.view(-1, q) + prior[part]
            of_partition, of_own, of_prior, loss = _finish(
                finish, own[part], whole, prior[part], with_own=hits is not None
            )
            total += loss
            weight = of_partition.reshape(-1, 1) / positions
            share.mul_(weight)  # now the gradient of the scores
            grads[0][part] = (share @ items).view(-1, *queries.shape[1:])
            grads[1][part] = of_own / positions
            grads[2][part] = (of_partition + of_prior) / positions
            grad_items.addmm_(share.T, flat)
        ctx.save_for_backward(*grads, grad_items)
        return total / positions

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor | None, ...]:
        # Mostly the loss is what is differentiated, and then there is nothing to scale.
        saved = ctx.saved_tensors if upstream == 1 else [g * upstream for g in ctx.saved_tensors]
        return (*saved, None, None, None)


def mask_hits(scores: Float[Tensor, "R N"], hits: Hits, part: slice, q: int) -> None:
    """Set the scores of hits to -inf.

    Args:
        scores: Of the positions of ``part``, a row for each of their ``q`` queries.
        hits: Of all positions.
        part: Which positions, from ``start`` to ``stop``.
        q: Queries a position.
    """
    inside = (hits.row >= part.start) & (hits.row < part.stop)
    rows, columns = hits.row[inside] - part.start, hits.column[inside]
    for query in range(q):
        scores[rows * q + query, columns] = float("-inf")


def _softmax_in_place(scores: Tensor) -> tuple[Tensor, Tensor]:
    """Turn scores [R, N] into their softmax; give it and the log-partition [R].

    A row of -inf alone (its every negative was a hit) has partition -inf and share 0.
    """
    highest = scores.amax(dim=1).clamp(min=torch.finfo(scores.dtype).min)
    scores.sub_(highest[:, None]).exp_()
    total = scores.sum(dim=1)
    share = scores.mul_(1 / total.clamp(min=torch.finfo(scores.dtype).tiny)[:, None])
    return share, highest + total.log()


def _finish(
    finish: Finish, own: Tensor, partition: Tensor, prior: Tensor, *, with_own: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Give the gradients of the summed loss in partition, target scores and prior, and that sum."""
    with torch.enable_grad():
        own = own.detach().requires_grad_()
        partition = partition.detach().requires_grad_()
        prior = prior.detach().requires_grad_()
        whole = torch.logaddexp(partition, own) if with_own else partition
        loss = finish(own, whole, prior).sum()
        found = torch.autograd.grad(loss, (partition, own, prior), materialize_grads=True)
    of_partition, of_own, of_prior = (gradient.nan_to_num() for gradient in found)
    return of_partition, of_own, of_prior, loss.detach()
