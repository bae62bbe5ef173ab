"""What every metric reads: the lists that B users were given, beside what they wanted.

    answers = Answers(np.array([[7, 3, 9]]), [np.array([3, 8])])    # one user: a batch of one
    recall(answers, 3)                                              # array([0.5])

One form of each formula serves a single list and sixty thousand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from prismrec.errors import DataError


@dataclass(frozen=True, eq=False)
class Answers:
    """B lists, best first, and what is known of their users and items."""

    lists: NDArray[np.int64]
    """``[B, k]`` item numbers; 0 where there are fewer."""
    targets: Sequence[NDArray[np.int64]]
    """One row a user, at least one item each; taken as a set."""
    histories: Sequence[NDArray[np.int64]] = ()
    """One row a user; read by calibration alone."""
    categories: sparse.csr_array = field(default_factory=lambda: sparse.csr_array((1, 0)))
    """``[V, C]``: an item's row shares out 1 among its categories, and is empty without any."""
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    """``[V]`` events of each item in training."""

    @cached_property
    def relevant(self) -> NDArray[np.int64]:
        """Number of distinct targets of each user, ``[B]``.

        Raises:
            DataError: A user without targets: there is nothing to measure.
        """
        distinct = np.array([len(np.unique(row)) for row in self.targets], dtype=np.int64)
        if (distinct == 0).any():
            raise DataError(
                f"{int((distinct == 0).sum())} of {len(distinct)} users to be measured have no "
                "targets; leave such users out of the split."
            )
        return distinct

    @cached_property
    def hits(self) -> NDArray[np.bool_]:
        """Where the lists hold a target for the first time, ``[B, k]``."""
        items, wanted = self.lists, np.concatenate(self.targets)
        base = max(items.max(initial=0), wanted.max(initial=0)) + 1
        users = np.arange(len(items))
        listed = (users[:, None] * base + items).ravel()
        owner = np.repeat(users, [len(row) for row in self.targets])
        found = np.isin(listed, owner * base + wanted)
        first = np.zeros(len(listed), dtype=bool)
        first[np.unique(listed, return_index=True)[1]] = True
        return (found & first).reshape(items.shape) & (items > 0)
