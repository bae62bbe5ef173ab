"""Calibrated lists: categories have the same shares in the list as in the user's history.

    F(S) = Σ score - strength · KL(history ‖ list)

Source: Steck, "Calibrated Recommendations", RecSys 2018. Divergence and smoothing are those of the
metric ``calibration``.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.numerics import CALIBRATION_SMOOTHING as SMOOTHING
from prismrec.rerank.base import greedy, require_part
from prismrec.rerank.sets import sets_as_rows
from prismrec.types import Pool


def calibrated(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily the candidate that raises F most.

    Reads ``categories`` and ``history`` of the pool. The categories of an item have equal parts of
    its weight. An item without categories does not change the shares. If the history has no
    categories, the list is ranked by score.

    Cost: O(k E), E the number of categories of all candidates together; O(M C) memory.
    """
    candidates = require_part(pool.categories, "categories", "calibrated")
    history = require_part(pool.history, "history", "calibrated")
    parts = sets_as_rows([*candidates, *history])
    size = parts.sum(axis=1)
    parts /= np.maximum(size, 1)[:, None]
    target = parts[len(candidates) :].sum(axis=0)
    present = target > 0  # categories that are not in the history do not change the divergence
    target = target[present] / max(target.sum(), 1)
    each = parts[: len(candidates), present]
    row, column = np.nonzero(each)
    part, blank = each[row, column], size[: len(candidates)] == 0
    total, items = np.zeros(len(target)), 0  # summed parts of the list, and its number of items

    def terms(shares: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return minus the divergence per category, without the entropy of the history."""
        term: NDArray[np.float64] = of * np.log(SMOOTHING + (1 - SMOOTHING) * shares / of)
        return term

    def gain() -> NDArray[np.float64]:
        """Return minus the divergence of the list with each candidate added."""
        without = terms(total / (items + 1), target)
        added = terms((total[column] + part) / (items + 1), target[column])
        change = np.bincount(row, added - without[column], minlength=len(each))
        result: NDArray[np.float64] = without.sum() + change
        result[blank] = terms(total / max(items, 1), target).sum()
        return result

    def next_gain(best: int) -> NDArray[np.float64]:
        nonlocal total, items
        total, items = total + each[best], items + (not blank[best])
        return gain()

    return greedy(pool, k, strength=strength, first_gain=gain(), next_gain=next_gain)
