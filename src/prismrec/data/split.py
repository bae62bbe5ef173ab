"""Who is trained on and who is tested: METHODS §1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prismrec.data.histories import Histories


@dataclass(frozen=True)
class Case:
    """One user to be tested: what was known, and what came after."""

    history: NDArray[np.int64]
    """Item numbers, oldest first, whole; a model takes the newest it can use."""
    targets: NDArray[np.int64]
    """Item numbers, at least one, in time order; metrics take them as a set."""


@dataclass(frozen=True)
class Split:
    """Training histories and the cases of validation and test."""

    train: Histories
    valid: list[Case]
    test: list[Case]
    how: str
    """The protocol in words, for the protocol card: "by-user, seed 0, 80/10/10"."""
