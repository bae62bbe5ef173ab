"""Split a data set into training histories and cases for validation and test.

    split = split_by_user(dataset, valid=0.1, test=0.1, seed=0)
    split = make_split(dataset, "leave-last-out")         # by name, for the command line

A split depends only on the data set and the options, so two calls return the same split.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prismrec.data.cases import Case, Cases
from prismrec.data.dataset import Dataset
from prismrec.data.dislikes import dislikes_before
from prismrec.data.histories import Histories, count_before
from prismrec.data.reprs import html_facts, text_facts, written_time
from prismrec.data.split_arguments import (
    HELD_OUT,
    check_dataset,
    check_shares,
    check_times,
    check_user_options,
    nothing_before,
)
from prismrec.errors import ConfigError, DataError, UnknownName, to_python


@dataclass(frozen=True, repr=False)
class Split:
    """The histories for training and the cases for validation and test."""

    train: Histories
    """The histories to train on."""
    valid: Sequence[Case]
    """The users on whom weights and settings are chosen."""
    test: Sequence[Case]
    """The users on whom the result is measured."""
    how: str
    """The protocol in words: "by-user, seed 0, 80/10/10"."""
    dislikes: Histories | None = None
    """The disliked items of each training user, before validation; None as in ``Dataset``."""
    protocol: Mapping[str, Any] | None = None
    """The ``name`` of the protocol and its ``options``, for ``save_dataset``; None if the split was
    made in another way."""
    dataset: Dataset | None = None
    """What was split; None if the split was made in another way."""
    made_of: tuple[object, ...] | None = None
    """Its parts, but for ``test``, as they were made; set by itself."""
    begins: Mapping[str, int] | None = None
    """Of a split by time: ``valid_from`` and ``test_from``, in microseconds since 1970 UTC."""

    def __post_init__(self) -> None:
        if self.made_of is None:
            object.__setattr__(self, "made_of", self._parts())

    def _parts(self) -> tuple[object, ...]:
        return self.train, self.valid, self.dislikes, self.dataset, self.protocol

    @property
    def is_unchanged(self) -> bool:
        """Whether none of its parts, but for ``test``, was replaced since it was made."""
        return all(map(is_, self.made_of or (), self._parts()))

    def __repr__(self) -> str:
        return text_facts("Split", self._facts())

    def _repr_html_(self) -> str:
        return html_facts("Split", self._facts())

    def _facts(self) -> Iterator[tuple[str, object]]:
        yield "train", f"{len(self.train):,} users, {len(self.train.items):,} events"
        yield "valid", f"{len(self.valid):,} cases"
        yield "test", f"{len(self.test):,} cases"
        yield "protocol", self.how


def split_by_user(
    dataset: Dataset, *, valid: float = HELD_OUT, test: float = HELD_OUT, seed: int = 0,
    history_share: float = 0.8,
) -> Split:  # fmt: skip
    """Split by user (ComiRec's protocol): train on most users, validate and test on other users.

    The users, in the order of their numbers, are permuted. The first ones are for training, the
    next ones for validation and the last ones for test. In validation and test, the first
    ⌊history_share · n⌋ of a user's n events are the history and the others are the targets. A user
    without history or without targets is left out and counted in ``how``.

    Args:
        dataset: The data set.
        valid: Share of the users for validation, from 0 to 1.
        test: Share of the users for test, from 0 to 1.
        seed: Seed of the permutation, ``numpy.random.default_rng(seed)``.
        history_share: Share of a user's events that is the history, between 0 and 1.

    Raises:
        ConfigError: The shares leave no users for training, no history or no targets; a negative
            seed; or an argument of another type.
        DataError: There are too few users to have one for training.

    Cost: O(users), and a copy of the training events.

    Source: Cen et al., KDD 2020, the evaluation on held-out users.
    """
    check_dataset(dataset)
    check_shares(valid, test)
    check_user_options(seed, history_share)
    users = np.random.default_rng(seed).permutation(len(dataset.users))
    first, second = _cuts(len(users), valid, test)
    if not first:
        raise DataError(
            f"A split by user of {len(users)} users leaves no user for training; give more users, "
            "or smaller shares of validation and test."
        )
    histories = dataset.histories
    # Rounded before floor: 0.29 * 100 is 28.999999999999996.
    known = np.floor(np.round(histories.lengths * history_share, 9)).astype(np.int64)

    def cases(chosen: NDArray[np.int64]) -> Cases:
        return _cases(dataset, np.sort(chosen), known[np.sort(chosen)])

    trained = np.sort(users[:first])
    validation, final = cases(users[first:second]), cases(users[second:])
    short = len(users) - first - len(validation) - len(final)
    return Split(
        histories.select(trained), validation, final,
        f"by-user, seed {seed}, {_percent(valid, test)}, first {history_share:.0%} of a user's "
        f"events as history{_untested(short, 'too short')}",
        None if dataset.dislikes is None else dataset.dislikes.select(trained),
        _protocol("by-user", valid=valid, test=test, seed=seed, history_share=history_share),
        dataset,
    )  # fmt: skip


def split_leave_last_out(dataset: Dataset) -> Split:
    """Split by position: test on the last item of each user, validate on the one before.

    The history of a test case includes the target of validation. Users with fewer than three events
    are used for training only.

    Raises:
        ConfigError: ``dataset`` is no data set.

    Cost: O(users), and a copy of the training events.
    """
    check_dataset(dataset)
    histories = dataset.histories
    lengths = histories.lengths
    users = np.flatnonzero(lengths >= 3)
    trained = np.where(lengths >= 3, lengths - 2, lengths)
    return Split(
        _heads(histories, trained),
        _cases(dataset, users, lengths[users] - 2, lengths[users] - 1),
        _cases(dataset, users, lengths[users] - 1),
        f"leave-last-out{_untested(len(lengths) - len(users), 'of fewer than 3 events')}",
        dislikes_before(dataset.dislikes, histories, trained),
        _protocol("leave-last-out"),
        dataset,
    )


def split_by_time(
    dataset: Dataset, *, valid_from: int | None = None, test_from: int | None = None,
    valid: float = HELD_OUT, test: float = HELD_OUT,
) -> Split:  # fmt: skip
    """Split by time: train on the events before one time, test on the events after a later time.

    Training uses the events before ``valid_from``. The targets of validation are the events from
    ``valid_from`` until before ``test_from``; those of test are the events from ``test_from`` on.
    The history is all before the targets. Users without history are left out, counted in ``how``.

    Args:
        dataset: The data set.
        valid_from: Microseconds since 1970 UTC; use it with ``test_from``, instead of the shares.
        test_from: Microseconds since 1970 UTC, not before ``valid_from``.
        valid: Share of the events for validation, if the times are not given; from 0 to 1.
        test: Share of the events for test, likewise.

    Raises:
        DataError: The data set has no times, or no event is before ``valid_from``.
        ConfigError: Only one of the times is given, or their order is wrong; impossible shares; or
            an argument of another type.

    Cost: O(users log events), and a copy of the training events; with shares, also of all times.
    """
    check_dataset(dataset)
    check_times(valid_from, test_from)
    if not dataset.how.get("has_time", True):
        raise DataError(
            "A split by time needs times, but the log has none; give a log with a time column, "
            "or split by-user or leave-last-out."
        )
    histories = dataset.histories
    by_share = valid_from is None and test_from is None
    protocol = _protocol("by-time", valid_from=valid_from, test_from=test_from)
    if by_share:
        protocol = _protocol("by-time", valid=valid, test=test)
        check_shares(valid, test)
        places = _cuts(len(histories.times), valid, test)
        moments = np.append(histories.times, histories.times.max() + 1)  # test may be 0: no events
        valid_from, test_from = np.partition(moments, places)[places].tolist()
    if valid_from is None or test_from is None or valid_from > test_from:
        raise ConfigError(
            f"valid_from is {valid_from} and test_from is {test_from}; give both, valid_from not "
            "after test_from, in microseconds since 1970 UTC."
        )
    before, between = (count_before(histories, moment) for moment in (valid_from, test_from))
    if not before.any():
        raise nothing_before(histories.times, valid_from, chosen=by_share)
    validation = _cases(dataset, np.arange(len(histories)), before, between)
    final = _cases(dataset, np.arange(len(histories)), between)
    new_in_validation = int(((before == 0) & (between > 0)).sum())
    new_in_test = int(((between == 0) & (histories.lengths > 0)).sum())
    return Split(
        _heads(histories, before), validation, final,
        f"by-time, valid from {written_time(valid_from)}, test from {written_time(test_from)}"
        f"{_untested(new_in_validation, 'new in validation')}"
        f"{_untested(new_in_test, 'new in test')}",
        dislikes_before(dataset.dislikes, histories, before), protocol, dataset,
        begins={"valid_from": int(valid_from), "test_from": int(test_from)},
    )  # fmt: skip


SPLITS: dict[str, Callable[..., Split]] = {
    "by-user": split_by_user,
    "leave-last-out": split_leave_last_out,
    "by-time": split_by_time,
}


def make_split(dataset: Dataset, name: str, **options: float) -> Split:
    """Split a data set by the name of a protocol.

    Args:
        dataset: The data set.
        name: A key of ``SPLITS``.
        **options: Options of the protocol's function.

    Raises:
        UnknownName: Unknown protocol.
        ConfigError: An option that the protocol does not have, or an impossible value.
    """
    if name not in SPLITS:
        raise UnknownName.among("split", name, SPLITS)
    known = list(inspect.signature(SPLITS[name]).parameters)[1:]
    for option in options:
        if option not in known:
            choices = ", ".join(known) or "none"
            raise ConfigError(f"The split {name!r} has no option {option!r}; choose: {choices}.")
    return SPLITS[name](dataset, **options)


def _protocol(name: str, **options: float | None) -> dict[str, Any]:
    """Return a protocol as ``save_dataset`` writes it, without options that are None."""
    given = {option: value for option, value in options.items() if value is not None}
    return {"name": name, "options": to_python(given)}


def _cuts(size: int, valid: float, test: float) -> NDArray[np.int64]:
    """Return the positions at which validation and test begin in a sequence of length ``size``."""
    shares = np.array([1 - valid - test, 1 - test])
    return np.floor(np.round(size * shares, 9)).astype(np.int64)


def _percent(valid: float, test: float) -> str:
    return "/".join(f"{100 * share:.4g}" for share in (1 - valid - test, valid, test))


def _untested(users: int, why: str) -> str:
    return f"; {users:,} users {why} not tested" if users else ""


def _heads(histories: Histories, lengths: NDArray[np.int64]) -> Histories:
    """Return the first ``lengths`` events of each user; users with length 0 are left out."""
    parts = np.stack([lengths, histories.lengths - lengths], axis=1)  # kept and not, by user
    kept = np.repeat(np.tile([True, False], len(lengths)), parts.ravel())
    indptr = np.concatenate([[0], np.cumsum(lengths[lengths > 0])]).astype(np.int64)
    return histories.take(indptr, kept)


def _cases(
    dataset: Dataset, users: NDArray[np.int64], known: NDArray[np.int64],
    until: NDArray[np.int64] | None = None,
) -> Cases:  # fmt: skip
    """Return a case per user: ``known`` events of history, then targets up to event ``until``.

    Users without history or without targets are left out.
    """
    indptr = dataset.histories.indptr
    starts = indptr[users]
    ends = indptr[users + 1] if until is None else starts + until
    middles = starts + known
    testable = (starts < middles) & (middles < ends)
    bounds = np.stack([starts, middles, ends], axis=1)[testable]
    return Cases(dataset.histories, dataset.dislikes, users[testable], bounds)
