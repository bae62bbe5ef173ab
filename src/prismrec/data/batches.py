"""From histories to training batches, each a pure function of the seed and the step.

    batches = Batches(split.train, max_len=50, batch_size=1024, targets="all", seed=0)
    history, target = batches.at(step)       # [B, L] and [B, L]; what types.Batch says

An epoch shows every training pair once. Nothing is kept between steps, so a run resumes
anywhere and several readers share the work by taking different steps.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prismrec.data.histories import Histories
from prismrec.errors import ConfigError, DataError

Targets = Literal["all", "random"]


FARTHEST = 20
"""Events ahead of which a target is drawn at most, where it depends on the prefix."""


@dataclass(frozen=True)
class Rows:
    """Slices of histories that fit a model: inputs ``items[start:stop]``, in the flat array.

    The prefixes that end at slots ``learn`` to ``stop - 1`` are trained; the slots before give
    them context. Every event but a user's first is the target of exactly one row.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    learn: NDArray[np.int64]


def rows_of(histories: Histories, max_len: int) -> Rows:
    """Cut histories into rows of at most ``max_len`` inputs.

    A short history is one row. A long one is cut every ``max_len / 2`` targets, and each row
    after the first starts early enough that its targets see at least half a row of context.

    Cost: O(U + rows).
    """
    stride = max(1, max_len // 2)
    begin, pairs = histories.indptr[:-1], np.maximum(histories.lengths - 1, 0)
    more = np.maximum(pairs - max_len, 0)
    number = (pairs > 0) * (1 + -(-more // stride))  # rows a user
    user = np.repeat(np.arange(len(pairs)), number)
    place = np.arange(len(user)) - np.repeat(np.cumsum(number) - number, number)
    stop = np.minimum(max_len + place * stride, pairs[user])
    learn = np.where(place == 0, 0, max_len + (place - 1) * stride)
    start = np.maximum(stop - max_len, 0) * (place > 0)
    first = begin[user]
    return Rows(first + start, first + stop, first + learn)


class Batches:
    """Training batches over some histories.

    Args:
        histories: Whole training histories, oldest first.
        max_len: Longest input L; also the widest batch.
        batch_size: Training pairs (a prefix and its target) a step, about: rows are not cut, and
            so a step never has fewer than the longest row on average.
        targets: "all" trains every prefix of a row in one pass. "random", ComiRec's way, shows
            each user once an epoch, with one target at random and the ``max_len`` events before.
        window: A prefix's target is drawn from the next ``horizon`` events; 1 is the next one. 0:
            from the next ⌈n / 4⌉, at most ``FARTHEST``, n events being in the prefix.
        seed: Where all draws come from.

    Raises:
        ConfigError: A size below 1 or unknown ``targets``.
        DataError: No history has two events, so there is nothing to train on.
    """

    def __init__(
        self,
        histories: Histories,
        *,
        max_len: int,
        batch_size: int,
        targets: Targets = "all",
        horizon: int = 1,
        seed: int = 0,
    ) -> None:
        sizes = {"max_len": (max_len, 1), "batch_size": (batch_size, 1), "horizon": (horizon, 0)}
        for name, (value, least) in sizes.items():
            if value < least:
                raise ConfigError(f"{name} is {value}; it must be at least {least}.")
        if targets not in ("all", "random"):
            raise ConfigError(f"targets is {targets!r}; it must be 'all' or 'random'.")
        self.histories, self.targets, self.horizon, self.seed = histories, targets, horizon, seed
        self.max_len = max_len
        if targets == "all":
            self.rows = rows_of(histories, max_len)
        else:
            users = np.flatnonzero(histories.lengths >= 2)
            first, last = histories.indptr[users], histories.indptr[users + 1] - 1
            self.rows = Rows(first, last, last - 1)
        pairs = self.rows.stop - self.rows.learn
        if not len(pairs):
            raise DataError(
                f"Training needs a user with two events, but none of {len(histories)} users has; "
                "lower the filters or give a longer log."
            )
        self.pairs, self.batch_size = pairs, batch_size
        # Enough batches for all pairs; a batch takes rows until its share is full. A share holds
        # the longest row, or some batch would be left without any.
        total = int(pairs.sum())
        self.batches = max(1, min(round(total / batch_size), total // int(pairs.max())))
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def __len__(self) -> int:
        """Give the number of batches an epoch."""
        return self.batches

    def at(self, step: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give history and target, both ``[B, L]``, of one step of an endless run.

        Cost: O(B L); once an epoch a shuffle, O(rows).
        """
        epoch, batch = divmod(step, self.batches)
        order, edges = self._order(epoch)
        rows = order[edges[batch] : edges[batch + 1]]
        random = np.random.default_rng([self.seed, 2, step])
        start, stop, learn = self.rows.start[rows], self.rows.stop[rows], self.rows.learn[rows]
        if self.targets == "random":
            stop = start + 1 + random.integers(stop - start)
            start, learn = np.maximum(start, stop - self.max_len), stop - 1
        slots = np.arange(int((stop - start).max()))
        place = start[:, None] + slots
        inside = place < stop[:, None]
        history = self.histories.items[np.where(inside, place, 0)] * inside
        trained = inside & (place >= learn[:, None])
        return history, self._next(place, trained, random)

    def _next(
        self, place: NDArray[np.int64], trained: NDArray[np.bool_], random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw the target of each trained slot from the next ``horizon`` events of its user."""
        target = np.zeros_like(place)
        at = place[trained]
        ahead = np.ones_like(at)
        if self.horizon != 1:
            owner = np.searchsorted(self.histories.indptr, at, side="right")
            left = self.histories.indptr[owner] - 1 - at
            known = at + 1 - self.histories.indptr[owner - 1]
            horizon = self.horizon or np.minimum(-(-known // 4), FARTHEST)
            ahead = 1 + random.integers(np.minimum(left, horizon))
        target[trained] = self.histories.items[at + ahead]
        return target

    def _shuffle(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Order the rows of an epoch and cut them into batches of about equal pairs."""
        order = np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.pairs))
        before = np.cumsum(self.pairs[order]) - self.pairs[order]
        batch = before * self.batches // int(self.pairs.sum())
        return order, np.searchsorted(batch, np.arange(self.batches + 1))
