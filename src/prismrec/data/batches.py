"""Build training batches from histories. A batch is a pure function of seed and step.

    batches = Batches(split.train, max_len=50, batch_size=1024, targets="all", seed=0)
    examples = batches.at(step)     # history and target, [B, L], weights and disliked items

An epoch contains every training pair once. There is no state between steps, so a run can resume at
any step, and several processes can divide the steps among them.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from prismrec.data.histories import Histories
from prismrec.errors import ConfigError, DataError

Targets = Literal["all", "random"]

MAX_HORIZON = 20
"""Largest horizon (in events) if the horizon depends on the length of the prefix."""


class BatchArrays(NamedTuple):
    """The arrays of a batch, all ``[B, L]``; see ``types.Batch``."""

    history: NDArray[np.int64]
    """Padding is 0 at the end of a row."""
    target: NDArray[np.int64]
    """0 at positions that are not trained."""
    weight: NDArray[np.float32] | None
    """Weight of each target, 0 where there is none; None if events have no weights."""
    disliked: NDArray[np.int64] | None
    """An item that the user disliked, 0 where there is none; None without dislikes."""


@dataclass(frozen=True)
class Rows:
    """Slices of histories that fit a model: the inputs ``items[start:stop]`` of the flat array.

    The prefixes that end at positions ``learn`` to ``stop - 1`` are trained; earlier positions are
    context. Every event except the first event of a user is the target of exactly one row.
    """

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    learn: NDArray[np.int64]


def rows_of(histories: Histories, max_len: int) -> Rows:
    """Cut histories into rows of at most ``max_len`` inputs.

    A short history is one row. A long history is cut every ``max_len / 2`` targets. Each row after
    the first starts early enough that its targets have at least half a row of context.

    Returns:
        The rows of all users, in the order of users.

    Cost: O(U + rows).
    """
    stride = max(1, max_len // 2)
    begin, pairs = histories.indptr[:-1], np.maximum(histories.lengths - 1, 0)
    more = np.maximum(pairs - max_len, 0)
    number = (pairs > 0) * (1 + -(-more // stride))  # rows per user
    user = np.repeat(np.arange(len(pairs)), number)
    place = np.arange(len(user)) - np.repeat(np.cumsum(number) - number, number)
    stop = np.minimum(max_len + place * stride, pairs[user])
    learn = np.where(place == 0, 0, max_len + (place - 1) * stride)
    start = np.maximum(stop - max_len, 0) * (place > 0)
    first = begin[user]
    return Rows(first + start, first + stop, first + learn)


class Batches:
    """Training batches over histories.

    Args:
        histories: Complete training histories, oldest event first.
        max_len: Maximum input length L, and maximum width of a batch.
        batch_size: Approximate number of training pairs (prefix and target) per step. Rows are not
            cut, so the average is never smaller than the longest row.
        targets: "all" trains every prefix of a row in one pass. "random" (ComiRec) uses each user
            once per epoch, with one random target and the ``max_len`` events before it.
        horizon: The target of a prefix is drawn from its next ``horizon`` events; 1 is the next
            event. 0: from the next ⌈n / 4⌉ events, at most ``MAX_HORIZON``, for a prefix of n
            events.
        seed: Seed of all random draws.
        dislikes: Disliked items of the same users: one of them is drawn per trained position.

    Raises:
        ConfigError: A size is below its minimum, or ``targets`` is unknown.
        DataError: No history has two events, so there is nothing to train on; or the dislikes are
            those of another number of users.
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
        dislikes: Histories | None = None,
    ) -> None:
        sizes = {"max_len": (max_len, 1), "batch_size": (batch_size, 1), "horizon": (horizon, 0)}
        for name, (value, least) in sizes.items():
            if value < least:
                raise ConfigError(f"{name} is {value}; it must be at least {least}.")
        if targets not in ("all", "random"):
            raise ConfigError(f"targets is {targets!r}; it must be 'all' or 'random'.")
        if dislikes is not None and len(dislikes) != len(histories):
            raise DataError(
                f"Training has the histories of {len(histories):,} users, but the dislikes of "
                f"{len(dislikes):,}; select the same users of both, or give no dislikes."
            )
        self.histories, self.targets, self.horizon, self.seed = histories, targets, horizon, seed
        self.max_len, self.dislikes = max_len, dislikes
        if targets == "all":
            self.rows = rows_of(histories, max_len)
        else:
            users = np.flatnonzero(histories.lengths >= 2)
            first, last = histories.indptr[users], histories.indptr[users + 1] - 1
            self.rows = Rows(first, last, last - 1)
        pairs = self.rows.stop - self.rows.learn
        if not len(pairs):
            raise DataError(
                f"Training needs a user with two events, but none of {len(histories)} users has "
                "two; lower the filters or give a longer log."
            )
        self.pairs, self.batch_size = pairs, batch_size
        # Each batch gets rows until it has its share of the pairs. A share is at least the longest
        # row; otherwise some batch could be empty.
        total = int(pairs.sum())
        self.batches = max(1, min(round(total / batch_size), total // int(pairs.max())))
        self._order = lru_cache(maxsize=2)(self._shuffle)

    def __repr__(self) -> str:
        pairs = f"about {self.batch_size:,} training pairs each"
        return f"Batches({self.batches:,} per epoch, {pairs}, max_len {self.max_len})"

    def __len__(self) -> int:
        """Return the number of batches per epoch."""
        return self.batches

    def at(self, step: int) -> BatchArrays:
        """Return the examples of a step, from 0, without end.

        Cost: O(B L); once per epoch a shuffle, O(rows).
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
        chosen = self._draw_targets(place[trained], random)
        target, weight = np.zeros_like(place), None
        target[trained] = self.histories.items[chosen]
        if self.histories.weights is not None:
            weight = np.zeros(place.shape, dtype=np.float32)
            weight[trained] = self.histories.weights[chosen]
        return BatchArrays(history, target, weight, self._draw_dislikes(start, trained, step))

    def target_counts(self, size: int) -> NDArray[np.float64]:
        """Compute how often each item is a target of an epoch on average, ``[size]``.

        Cost: O(E) time and memory.
        """
        offsets, lengths = self.histories.indptr, self.histories.lengths
        events = np.arange(offsets[-1])
        place = events - np.repeat(offsets[:-1], lengths)
        remaining = np.repeat(offsets[1:], lengths) - 1 - events
        at = events[remaining > 0]  # the last events of the prefixes
        number = self._choices(place[at] + 1, remaining[at])
        weight = 1 / number
        if self.targets == "random":  # a user has one prefix per epoch
            weight /= (place + remaining)[at]
        # A prefix adds its weight to each of its possible targets: sums of what begins and ends.
        begin = np.bincount(at + 1, weight, minlength=len(events) + 1)
        end = np.bincount(at + 1 + number, weight, minlength=len(events) + 1)
        expected = np.maximum((begin - end)[:-1].cumsum(), 0)
        return np.bincount(self.histories.items, expected, minlength=size).astype(np.float64)

    def _choices(
        self, length: NDArray[np.int64], remaining: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """Return how many events the target of a prefix is drawn from.

        Args:
            length: Events of the prefixes.
            remaining: Events of the users after the prefixes.
        """
        horizon = self.horizon or np.minimum(-(-length // 4), MAX_HORIZON)
        return np.minimum(remaining, horizon)

    def _draw_targets(
        self, at: NDArray[np.int64], random: np.random.Generator
    ) -> NDArray[np.int64]:
        """Draw the place of each target from the next ``horizon`` events of its user."""
        ahead = np.ones_like(at)
        if self.horizon != 1:
            edge = np.searchsorted(self.histories.indptr, at, side="right")
            remaining = self.histories.indptr[edge] - 1 - at
            length = at + 1 - self.histories.indptr[edge - 1]
            ahead = 1 + random.integers(self._choices(length, remaining))
        return at + ahead

    def _draw_dislikes(
        self, start: NDArray[np.int64], trained: NDArray[np.bool_], step: int
    ) -> NDArray[np.int64] | None:
        """Draw a disliked item of the user per trained position; 0 for users without any."""
        if self.dislikes is None:
            return None
        user = np.searchsorted(self.histories.indptr, start, side="right") - 1
        number = self.dislikes.lengths[user][:, None]
        # Other random numbers than those of the targets, which dislikes must not change.
        share = np.random.default_rng([self.seed, 5, step]).random(trained.shape)
        place = self.dislikes.indptr[user][:, None] + (share * number).astype(np.int64)
        drawn = np.zeros_like(place)
        possible = trained & (number > 0)
        drawn[possible] = self.dislikes.items[place[possible]]
        return drawn

    def _shuffle(self, epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Shuffle the rows of an epoch and cut them into batches of similar numbers of pairs."""
        order = np.random.default_rng([self.seed, 1, epoch]).permutation(len(self.pairs))
        before = np.cumsum(self.pairs[order]) - self.pairs[order]
        batch = before * self.batches // int(self.pairs.sum())
        return order, np.searchsorted(batch, np.arange(self.batches + 1))
