"""Samplers: which items a target is scored against, and how often to expect each.

    sampler = uniform(torch.from_numpy(train.counts(catalog.size)), 1280)
    negatives = sampler(generator, targets)      # Negatives(items [N], log_q [N])

A sampler is a function from a generator and the batch's targets to ``Negatives``; padding is
never drawn. ``log_q`` is the natural log of an item's expected count in the sample, which is
what ``losses.subtract_log_q`` takes off. The number of negatives is an option of its own and
never follows from the size of the batch.

To add one: write the factory, add a line to ``SAMPLERS``.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prismrec.errors import ConfigError
from prismrec.types import Negatives

Sampler = Callable[[torch.Generator, Tensor], Negatives]


def uniform(counts: Int[Tensor, " V"], negatives: int) -> Sampler:
    """Draw every item alike, with replacement.

    Args:
        counts: Training events of each item; only its length V is used.
        negatives: N, the number drawn a step.
    """
    return by_popularity(counts, negatives, power=0)


def by_popularity(counts: Int[Tensor, " V"], negatives: int, *, power: float = 0.75) -> Sampler:
    """Draw items by (count + 1) to a power, with replacement.

    The one added keeps an item without training events in reach. Power 0 is uniform.

    Cost: O(N log V) a draw; O(V) memory.
    """
    return _by_weight((counts.double() + 1) ** power, negatives)


def log_uniform(counts: Int[Tensor, " V"], negatives: int) -> Sampler:
    """Draw the item of popularity rank r by log((r + 2) / (r + 1)), with replacement.

    This is TensorFlow's candidate sampler with its precondition made good: ranks are taken from
    the counts, whatever order the ids have.
    """
    order = counts[1:].argsort(descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    weight = torch.log1p(1 / (rank.double() + 1))
    return _by_weight(torch.cat([weight.new_zeros(1), weight]), negatives)


def in_batch(counts: Int[Tensor, " V"], negatives: int) -> Sampler:
    """Take the batch's own targets, N of them drawn without replacement or all if fewer.

    An item's expected count is the number taken times its share of all training events.
    """
    _check(negatives)
    share = counts.double() / counts.sum()

    def sample(generator: torch.Generator, targets: Tensor) -> Negatives:
        order = torch.randperm(len(targets), generator=generator, device=generator.device)
        items = targets[order[:negatives].to(targets.device)]
        return Negatives(items, (share.to(items.device)[items] * len(items)).log().float())

    return sample


def mixed(counts: Int[Tensor, " V"], negatives: int) -> Sampler:
    """Half the batch's own targets, or all if fewer, and uniform ones up to N.

    The expected counts of the two add up.
    """
    _check(negatives)
    own, others = in_batch(counts, max(1, negatives // 2)), uniform(counts, negatives)
    share = counts.double() / counts.sum()

    def sample(generator: torch.Generator, targets: Tensor) -> Negatives:
        first, second = own(generator, targets).items, others(generator, targets).items
        items = torch.cat([first, second])[:negatives]
        expected = share.to(items.device)[items] * len(first)
        expected += (len(items) - len(first)) / (len(counts) - 1)
        return Negatives(items, expected.log().float())

    return sample


def union(counts: Int[Tensor, " V"], negatives: int) -> Sampler:
    """Take all of the batch's own targets and N uniform ones, each item once.

    An item appears at most once, so its expected count is the probability that it is included,
    by either way: 1 - (1 - share)^targets · (1 - 1/(V - 1))^N. Dividing by it makes any sum over
    the catalog unbiased.

    Source: Horvitz and Thompson, JASA 1952.
    """
    others = uniform(counts, negatives)
    share = counts.double() / counts.sum()
    missed = negatives * torch.log1p(torch.tensor(-1 / (len(counts) - 1), dtype=torch.float64))

    def sample(generator: torch.Generator, targets: Tensor) -> Negatives:
        items = torch.unique(torch.cat([targets, others(generator, targets).items]))
        log_missed = len(targets) * torch.log1p(-share.to(items.device)[items].clamp(max=1 - 1e-9))
        included = -torch.expm1(log_missed + missed.to(items.device))
        return Negatives(items, included.log().float())

    return sample


def _by_weight(weight: Float[Tensor, " V"], negatives: int) -> Sampler:
    """Draw N items by weight, with replacement, by where a uniform number falls."""
    _check(negatives)
    edges = weight[1:].cumsum(0)
    log_q = (weight / edges[-1] * negatives).log().float()

    def sample(generator: torch.Generator, targets: Tensor) -> Negatives:
        # Drawn where the generator lives, the same numbers for any device of the model.
        point = torch.rand(negatives, generator=generator, dtype=torch.float64)
        items = torch.searchsorted(edges, point * edges[-1], right=True).clamp(max=len(edges) - 1)
        return Negatives((items + 1).to(targets.device), log_q[items + 1].to(targets.device))

    return sample


def _check(negatives: int) -> None:
    if negatives < 1:
        raise ConfigError(
            f"negatives is {negatives}; it must be at least 1, or leave the sampler out for the "
            "full softmax."
        )


SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "uniform": uniform,
    "popularity": by_popularity,
    "log_uniform": log_uniform,
    "in_batch": in_batch,
    "mixed": mixed,
    "union": union,
}
