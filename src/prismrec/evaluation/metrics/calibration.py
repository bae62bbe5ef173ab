"""calibration@k: how far the list's mix of categories is from the history's.

Source: Steck, "Calibrated Recommendations", RecSys 2018, the Kullback-Leibler divergence with
its smoothing.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers
from prismrec.evaluation.metrics.coverage import shares

SMOOTHING = 0.01
"""Part of the history mixed into the list, so that a category it lacks costs log 100 at most."""


def calibration(answers: Answers, k: int) -> NDArray[np.float64]:
    """Give KL(history ‖ list) over categories, in nats: 0 is the same mix, the worst is log 100.

    NaN for a user whose history has no category.
    """
    wanted = shares(answers.histories, answers.categories)
    given = shares(answers.lists[:, :k], answers.categories)
    pattern = wanted.copy()
    pattern.data[:] = 1
    mixed = pattern * (SMOOTHING * wanted + (1 - SMOOTHING) * given)  # at the history's categories
    mixed.sort_indices()
    row = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
    terms = wanted.data * np.log(wanted.data / mixed.data)
    divergence = np.bincount(row, terms, minlength=wanted.shape[0])
    return np.where(np.diff(wanted.indptr) > 0, divergence, np.nan)
