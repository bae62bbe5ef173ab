"""Samplers: which negatives a target is scored against, and the expected count of each.

    sampler = uniform(torch.from_numpy(train.counts(catalog.size)), 1280)
    negatives = sampler(generator, targets)      # Negatives(items [N], log_q [N])

A sampler is a function from a generator and the targets of a batch to ``Negatives``; it never draws
padding. ``log_q`` is the natural log of an item's expected count in the sample;
``losses.subtract_log_q`` subtracts it. The number of negatives is an option and does not depend on
the batch size.

The targets of a batch have about the distribution of the training events, but not if they are drawn
otherwise, such as once per user. Then a factory with the keyword-only argument ``target_counts``
gets the expected number of times that each item is a target.

To add one: write a factory with the arguments of ``uniform``, and add a line to ``SAMPLERS``, or
name it as ``module:function``.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prismrec.errors import ConfigError
from prismrec.types import Negatives

Sampler = Callable[[torch.Generator, Tensor], Negatives]


def uniform(counts: Int[Tensor, " V"], negatives: int) -> Sampler:
    """Build a sampler that draws every item with equal probability, with replacement.

    Args:
        counts: Training events per item; only the length V is used.
        negatives: N, the number of draws per step.
    """
    return by_popularity(counts, negatives, power=0)


def by_popularity(counts: Int[Tensor, " V"], negatives: int, *, power: float = 0.75) -> Sampler:
    """Build a sampler that draws items in proportion to (count + 1)^power, with replacement.

    The added 1 lets an item without training events be drawn. Power 0 is uniform.

    Cost: O(N log V) per step; O(V) memory.
    """
    return _by_weight((counts.double() + 1) ** power, negatives)


def log_uniform(counts: Int[Tensor, " V"], negatives: int) -> Sampler:
    """Build a sampler that weighs popularity rank r by log((r + 2) / (r + 1)), with replacement.

    TensorFlow's candidate sampler requires ids in order of popularity; here ranks are computed from
    the counts, so ids may have any order.
    """
    order = counts[1:].argsort(descending=True, stable=True)
    rank = torch.empty_like(order).scatter_(0, order, torch.arange(len(order), device=order.device))
    weight = torch.log1p(1 / (rank.double() + 1))
    return _by_weight(torch.cat([weight.new_zeros(1), weight]), negatives)


def in_batch(
    counts: Int[Tensor, " V"], negatives: int, *, target_counts: Float[Tensor, " V"] | None = None
) -> Sampler:
    """Build a sampler that uses N targets of the batch, drawn without replacement; all if fewer.

    The expected count of an item is the number of draws times its share of all targets.

    Args:
        counts: Training events per item.
        negatives: N.
        target_counts: Expected number of times that each item is a target; None: ``counts``.
    """
    _check(negatives)
    share = _share(counts, target_counts)

    def sample(generator: torch.Generator, targets: Tensor) -> Negatives:
        order = torch.randperm(len(targets), generator=generator, device=generator.device)
        items = targets[order[:negatives].to(targets.device)]
        return Negatives(items, (share.to(items.device)[items] * len(items)).log().float())

    return sample


def mixed(
    counts: Int[Tensor, " V"], negatives: int, *, target_counts: Float[Tensor, " V"] | None = None
) -> Sampler:
    """Build a sampler of N / 2 targets of the batch (all if fewer) and uniform draws up to N.

    The expected count is the sum of both. The arguments are those of ``in_batch``.
    """
    _check(negatives)
    targets_of_batch, others = in_batch(counts, max(1, negatives // 2)), uniform(counts, negatives)
    share = _share(counts, target_counts)

    def sample(generator: torch.Generator, targets: Tensor) -> Negatives:
        first, second = targets_of_batch(generator, targets).items, others(generator, targets).items
        items = torch.cat([first, second])[:negatives]
        expected = share.to(items.device)[items] * len(first)
        expected += (len(items) - len(first)) / (len(counts) - 1)
        return Negatives(items, expected.log().float())

    return sample


def union(
    counts: Int[Tensor, " V"], negatives: int, *, target_counts: Float[Tensor, " V"] | None = None
) -> Sampler:
    """Build a sampler that uses all targets of the batch and N uniform draws, each item once.

    An item occurs at most once, so its expected count is the probability that the sample has it:
    1 - (1 - share)^targets · (1 - 1/(V - 1))^N. The arguments are those of ``in_batch``.

    For independent targets, division by it makes any sum over the catalog unbiased. Targets are not
    quite independent: with horizon 0, the prefixes of one user are in the same batch and may have
    the same target, so an item is in fewer samples than expected. On ML-100K, the number of samples
    divided by the expected number is 0.85 to 0.98 in the fifths of the items with horizon 0, and
    1.01 to 1.03 with horizon 1.

    Source: Horvitz and Thompson, JASA 1952.
    """
    others = uniform(counts, negatives)
    share = _share(counts, target_counts)
    missed = negatives * torch.log1p(torch.tensor(-1 / (len(counts) - 1), dtype=torch.float64))

    def sample(generator: torch.Generator, targets: Tensor) -> Negatives:
        items = torch.unique(torch.cat([targets, others(generator, targets).items]))
        log_missed = len(targets) * torch.log1p(-share.to(items.device)[items].clamp(max=1 - 1e-9))
        included = -torch.expm1(log_missed + missed.to(items.device))
        return Negatives(items, included.log().float())

    return sample


def _share(
    counts: Int[Tensor, " V"], target_counts: Float[Tensor, " V"] | None
) -> Float[Tensor, " V"]:
    """Return the share of each item in all targets."""
    number = counts if target_counts is None else target_counts
    return number.double() / number.sum()


def _by_weight(weight: Float[Tensor, " V"], negatives: int) -> Sampler:
    """Build a sampler of N items by weight, with replacement, by inverting the cumulative sum."""
    _check(negatives)
    edges = weight[1:].cumsum(0)
    log_q = (weight / edges[-1] * negatives).log().float()

    def sample(generator: torch.Generator, targets: Tensor) -> Negatives:
        # Drawn on the device of the generator, so that every device of the model gets the same.
        point = torch.rand(negatives, generator=generator, dtype=torch.float64)
        items = torch.searchsorted(edges, point * edges[-1], right=True).clamp(max=len(edges) - 1)
        return Negatives((items + 1).to(targets.device), log_q[items + 1].to(targets.device))

    return sample


def _check(negatives: int) -> None:
    """Raise ConfigError for fewer than one negative."""
    if negatives < 1:
        raise ConfigError(
            f"negatives is {negatives}; it must be at least 1 for a sampler (0 on the command line "
            "means the full softmax, without a sampler)."
        )


SAMPLERS: dict[str, Callable[..., Sampler]] = {
    "uniform": uniform,
    "popularity": by_popularity,
    "log_uniform": log_uniform,
    "in_batch": in_batch,
    "mixed": mixed,
    "union": union,
}
