"""The data that every metric reads: the lists of B users, and their targets.

    answers = Answers(np.array([[7, 3, 9]]), [np.array([3, 8])])    # one user: a batch of one
    recall(answers, 3)                                              # array([0.5])

A single list is a batch of one, so each metric has one implementation.
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
    """B lists, best item first, with data about their users and items."""

    lists: NDArray[np.int64]
    """``[B, k]`` item numbers; 0 where a list is shorter."""
    targets: Sequence[NDArray[np.int64]]
    """One array of item numbers per user, not empty; repeats are ignored."""
    histories: Sequence[NDArray[np.int64]] = ()
    """One array of item numbers per user; only calibration needs it."""
    categories: sparse.csr_array = field(default_factory=lambda: sparse.csr_array((1, 0)))
    """``[V, C]``: the row of an item sums to 1 over its categories, or is empty."""
    counts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))
    """``[V]``: number of training events per item."""
    target_weights: Sequence[NDArray[np.float32]] | None = None
    """One weight per target; None if events have none. Only the weighted metrics need it."""

    @cached_property
    def relevant(self) -> NDArray[np.int64]:
        """Number of distinct targets per user, ``[B]``.

        Raises:
            DataError: A user has no targets.
        """
        distinct = np.array([len(np.unique(row)) for row in self.targets], dtype=np.int64)
        if (distinct == 0).any():
            raise DataError(
                f"{int((distinct == 0).sum())} of {len(distinct)} evaluated users have no targets; "
                "leave such users out of the split."
            )
        return distinct

    @cached_property
    def weighted_targets(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The user and the largest weight of each distinct target, by user and item.

        Raises:
            DataError: The targets have no weights.
        """
        _, user, weight = self._distinct_targets
        return user, weight

    @cached_property
    def hit_weights(self) -> NDArray[np.float64]:
        """Weight of the target at each position of the lists, ``[B, k]``; any number elsewhere.

        Raises:
            DataError: The targets have no weights.
        """
        key, _, weight = self._distinct_targets
        return weight[np.minimum(np.searchsorted(key, self._listed_keys), len(key) - 1)]

    @cached_property
    def _base(self) -> int:
        """A number above every item: the key of a user and an item is user * base + item."""
        wanted = np.concatenate(self.targets)
        return int(max(self.lists.max(initial=0), wanted.max(initial=0))) + 1

    @cached_property
    def _listed_keys(self) -> NDArray[np.int64]:
        """The key of each position of the lists, ``[B, k]``."""
        keys: NDArray[np.int64] = np.arange(len(self.lists))[:, None] * self._base + self.lists
        return keys

    @cached_property
    def _target_keys(self) -> NDArray[np.int64]:
        """The key of each target, user by user."""
        owner = np.repeat(np.arange(len(self.targets)), [len(row) for row in self.targets])
        keys: NDArray[np.int64] = owner * self._base + np.concatenate(self.targets)
        return keys

    @cached_property
    def _distinct_targets(
        self,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The key, the user and the largest weight of each distinct target, by key."""
        if self.target_weights is None:
            raise DataError(
                "A weighted metric was asked for, but the targets have no weights; prepare the "
                "data set with --weight-column or --event-weights."
            )
        key, place = np.unique(self._target_keys, return_inverse=True)
        largest = np.zeros(len(key))
        np.maximum.at(largest, place, np.concatenate(self.target_weights).astype(np.float64))
        return key, key // self._base, largest

    @cached_property
    def hits(self) -> NDArray[np.bool_]:
        """Positions of targets in the lists, ``[B, k]``; a repeated item is counted once."""
        listed = self._listed_keys.ravel()
        is_target = np.isin(listed, self._target_keys)
        first = np.zeros(len(listed), dtype=bool)
        first[np.unique(listed, return_index=True)[1]] = True
        return (is_target & first).reshape(self.lists.shape) & (self.lists > 0)
