"""The order of items without training events that have the same vector."""

import numpy as np
import torch
from numpy.typing import NDArray

from prismrec.models import Model

LARGEST = 1e-3
"""Largest addition to a bias: the item is 0.1 % more probable, and rounding does not hide it."""


def shuffle_untrained(
    model: Model, counts: NDArray[np.int64] | NDArray[np.float64], *, seed: int
) -> None:
    """Add a random number below ``LARGEST`` to the bias of each item without training events.

    Such items have the vector of their categories, so those of the same categories have equal
    scores, and would be listed in the order of their numbers. Items are numbered by their events in
    the whole log, so that order would know the test events.

    Args:
        model: Changed in place. A model with one table has no biases; its vectors differ.
        counts: Training events per item, or the sum of their weights, ``[V]``. An item whose events
            all have weight 0 is one without events.
        seed: Seed of the training.

    Cost: O(V).
    """
    untrained = np.flatnonzero(counts[1:] == 0) + 1
    if model.outputs is None or not len(untrained):
        return
    added = np.random.default_rng([seed, len(counts)]).uniform(0, LARGEST, len(untrained))
    bias = model.outputs.weight.data[:, -1]
    rows = torch.from_numpy(untrained).to(bias.device)
    bias[rows] += torch.from_numpy(added).to(bias)
    model.train(model.training)  # forget what was computed with the biases before
