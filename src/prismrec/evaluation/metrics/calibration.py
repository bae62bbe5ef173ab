"""calibration@k: the divergence of the category mix of the list from that of the history.

Source: Steck, "Calibrated Recommendations", RecSys 2018: smoothed Kullback-Leibler divergence.
"""

import numpy as np
from numpy.typing import NDArray

from prismrec.evaluation.metrics.answers import Answers
from prismrec.evaluation.metrics.coverage import shares
from prismrec.numerics import CALIBRATION_SMOOTHING as SMOOTHING


def calibration(answers: Answers, k: int) -> NDArray[np.float64]:
    """Compute KL(history ‖ list) over categories, in nats, from 0 (the same mix) to log 100.

    NaN for a user whose history has no category.
    """
    wanted = shares(answers.histories, answers.categories)
    listed = shares(answers.lists[:, :k], answers.categories)
    pattern = wanted.copy()
    pattern.data[:] = 1
    # Mix only the categories of the history.
    mixed = pattern * (SMOOTHING * wanted + (1 - SMOOTHING) * listed)
    mixed.sort_indices()
    row = np.repeat(np.arange(wanted.shape[0]), np.diff(wanted.indptr))
    terms = wanted.data * np.log(wanted.data / mixed.data)
    divergence = np.bincount(row, terms, minlength=wanted.shape[0])
    return np.where(np.diff(wanted.indptr) > 0, divergence, np.nan)
