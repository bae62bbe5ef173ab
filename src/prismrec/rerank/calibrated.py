"""Calibrated lists: categories in the shares that the user's history has them.

    F(S) = Σ score - strength · KL(history ‖ list)

Source: Steck, "Calibrated Recommendations", RecSys 2018; the same divergence and smoothing as
the metric ``calibration``.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.rerank.base import greedy, require_part
from prismrec.rerank.sets import incidence
from prismrec.types import Pool

SMOOTHING = 0.01
"""Part of the history mixed into the list, so that a category it lacks costs log 100 at most."""


def calibrated(pool: Pool, k: int, *, strength: float) -> NDArray[np.int64]:
    """Choose greedily the candidate that raises F most.

    Reads the pool's ``categories`` and ``history``. An item's categories share its weight; an
    item without any says nothing of the mix; a history without any leaves the ranking by score.

    Cost: O(k E), E the categories of all candidates together; O(M C) memory.
    """
    own = require_part(pool.categories, "categories", "calibrated")
    past = require_part(pool.history, "history", "calibrated")
    shares = incidence([*own, *past])
    size = shares.sum(axis=1)
    shares /= np.maximum(size, 1)[:, None]
    wanted = shares[len(own) :].sum(axis=0)
    held = wanted > 0  # a category that the history lacks adds nothing to the divergence
    wanted = wanted[held] / max(wanted.sum(), 1)
    each = shares[: len(own), held]
    row, column = np.nonzero(each)
    share, blank = each[row, column], size[: len(own)] == 0
    mix, items = np.zeros(len(wanted)), 0

    def terms(given: NDArray[np.float64], of: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give minus each category's part of the divergence, but for the history's entropy."""
        part: NDArray[np.float64] = of * np.log(SMOOTHING + (1 - SMOOTHING) * given / of)
        return part

    def closeness() -> NDArray[np.float64]:
        """Give minus the divergence of the list with each candidate added."""
        others = terms(mix / (items + 1), wanted)  # in a candidate's own categories: replaced
        own_terms = terms((mix[column] + share) / (items + 1), wanted[column])
        moved = np.bincount(row, own_terms - others[column], minlength=len(each))
        gain: NDArray[np.float64] = others.sum() + moved
        gain[blank] = terms(mix / max(items, 1), wanted).sum()
        return gain

    def after(best: int) -> NDArray[np.float64]:
        nonlocal mix, items
        mix, items = mix + each[best], items + (not blank[best])
        return closeness()

    return greedy(pool, k, strength=strength, first=closeness(), after=after)
