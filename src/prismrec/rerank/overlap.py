"""ComiRec's controllable aggregation for items of several categories.

    Q(S) = Σ score + strength · Σ over pairs of  1 - |C_i ∩ C_j| / |C_i ∪ C_j|

The Jaccard distance is a metric, so the greedy choice is worth at least half of the best list
(with scores of 0 or more). With one category an item it is ``category``'s value, and there the
greedy finds the optimum.

Source: Cen et al., KDD 2020, for Q; Borodin et al., "Max-Sum Diversification, Monotone Submodular
Functions and Dynamic Updates", for the bound.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.rerank.base import greedy, require_part
from prismrec.rerank.sets import incidence
from prismrec.types import Pool


def overlap(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily, each paying for the categories it shares with those before it.

    Reads the pool's ``categories``; an item without any differs from every other. A choice adds
    to Q its score and strength * (length of the list - its likeness to the list); the length is
    the same for all.

    Cost: O(k M C), C the categories of the pool: 0.5 ms for 50 of 200 with 18 categories, 0.9 ms
    with 300. Penalties only grow, so a heap that brings them up to date only at its top gives the
    same list; it took 0.3 ms where few items share a category, and up to 1.3 ms where many do.
    """
    belongs = incidence(require_part(pool.categories, "categories", "overlap"))
    size = np.maximum(belongs.sum(axis=1), 1)  # without a category, nothing is in common anyway
    unlike = np.zeros(len(belongs))  # minus the likeness to the list

    def after(best: int) -> NDArray[np.float64]:
        common = belongs @ belongs[best]
        np.subtract(unlike, common / (size + size[best] - common), out=unlike)
        return unlike

    return greedy(pool, k, strength=strength, first=unlike, after=after)
