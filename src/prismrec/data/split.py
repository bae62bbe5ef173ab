"""Who is trained on and who is tested: METHODS §1.

    split = split_by_user(dataset, valid=0.1, test=0.1, seed=0)
    split = make_split(dataset, "leave-last-out")         # by name, for the command line

A split is a function of the data set and its options alone; two calls give the same one. The
arrays of a case are views of the data set's.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prismrec.data.dataset import Dataset
from prismrec.data.histories import Histories
from prismrec.errors import ConfigError, DataError, UnknownName


@dataclass(frozen=True, slots=True)
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


def split_by_user(
    dataset: Dataset, *, valid: float = 0.1, test: float = 0.1, seed: int = 0,
    history_share: float = 0.8,
) -> Split:  # fmt: skip
    """Train on most users, test on others: the ComiRec protocol.

    Users in number order are permuted; the first go to training, the next to validation, the
    rest to test. Of a tested user's n events the first ⌊history_share · n⌋ are history and the
    rest targets; a user left without either cannot be tested and is counted in ``how``.

    Args:
        dataset: What to split.
        valid: Share of the users for validation.
        test: Share of the users for test.
        seed: Of the permutation, ``numpy.random.default_rng(seed)``.
        history_share: Share of a tested user's events that is known.

    Raises:
        ConfigError: Shares that leave nothing to train on, to know or to find; a negative seed.
        DataError: Too few users to leave one for training.

    Source: Cen et al., KDD 2020, the evaluation on users not trained on.
    """
    _check_shares(valid, test)
    if not 0 < history_share < 1:
        raise ConfigError(f"history_share is {history_share}; it must lie between 0 and 1.")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must be 0 or more.")
    users = np.random.default_rng(seed).permutation(len(dataset.users))
    first, second = _cuts(len(users), valid, test)
    if not first:
        raise DataError(
            f"A split by user was asked of {len(users)} users, which leaves none to train on; "
            "give more users or smaller shares of validation and test."
        )
    histories = dataset.histories
    # Rounded first: 0.29 * 100 is 28.999999999999996.
    known = np.floor(np.round(histories.lengths * history_share, 9)).astype(np.int64)

    def cases(chosen: NDArray[np.int64]) -> list[Case]:
        return _cases(histories, np.sort(chosen), known[np.sort(chosen)])

    validation, final = cases(users[first:second]), cases(users[second:])
    short = len(users) - first - len(validation) - len(final)
    return Split(
        histories.select(np.sort(users[:first])), validation, final,
        f"by-user, seed {seed}, {_percent(valid, test)}, first {history_share:.0%} of a user's "
        f"events as history{_untested(short, 'too short')}",
    )  # fmt: skip


def split_leave_last_out(dataset: Dataset) -> Split:
    """Test on every user's last item, validate on the one before, train on the rest.

    The history of a test holds the validation's target. Users with fewer than three events are
    trained on whole and not tested.
    """
    histories = dataset.histories
    lengths = histories.lengths
    users = np.flatnonzero(lengths >= 3)
    trained = np.where(lengths >= 3, lengths - 2, lengths)
    return Split(
        _heads(histories, trained),
        _cases(histories, users, lengths[users] - 2, lengths[users] - 1),
        _cases(histories, users, lengths[users] - 1),
        f"leave-last-out{_untested(len(lengths) - len(users), 'of fewer than 3 events')}",
    )


def split_by_time(
    dataset: Dataset, *, valid_from: int | None = None, test_from: int | None = None,
    valid: float = 0.1, test: float = 0.1,
) -> Split:  # fmt: skip
    """Train on the events before a moment, test on what users did after a later one.

    Validation knows what was before ``valid_from`` and looks for what came before
    ``test_from``; test knows all before ``test_from``. An event at a moment comes after it.
    Users with nothing before cannot be tested and are counted in ``how``.

    Args:
        dataset: What to split.
        valid_from: Microseconds since 1970 UTC; with ``test_from``, instead of the shares.
        test_from: Microseconds since 1970 UTC, not before ``valid_from``.
        valid: Share of the events for validation, if no moments are given.
        test: Share of the events for test, likewise.

    Raises:
        DataError: The data set has no times, or no event is before ``valid_from``.
        ConfigError: One moment without the other, or in the wrong order; impossible shares.
    """
    if not dataset.how.get("has_time", True):
        raise DataError(
            "A split by time was asked of a log without times; give it a time column, "
            "or split by-user or leave-last-out."
        )
    histories = dataset.histories
    if valid_from is None and test_from is None:
        _check_shares(valid, test)
        places = _cuts(len(histories.times), valid, test)
        moments = np.append(histories.times, histories.times.max() + 1)  # test may be 0: no event
        valid_from, test_from = np.partition(moments, places)[places].tolist()
    if valid_from is None or test_from is None or valid_from > test_from:
        raise ConfigError(
            f"valid_from is {valid_from} and test_from is {test_from}; give both, the first not "
            "after the second, in microseconds since 1970 UTC."
        )
    before, between = _before(histories, valid_from), _before(histories, test_from)
    if not before.any():
        raise DataError(
            f"No event is before valid_from ({valid_from}), so there is nothing to train on; "
            "give a later moment."
        )
    validation = _cases(histories, np.arange(len(histories)), before, between)
    final = _cases(histories, np.arange(len(histories)), between)
    new = (
        int(((before == 0) & (between > 0)).sum()),
        int(((between == 0) & (histories.lengths > 0)).sum()),
    )
    return Split(
        _heads(histories, before), validation, final,
        f"by-time, valid from {valid_from} µs, test from {test_from} µs"
        f"{_untested(new[0], 'new in validation')}{_untested(new[1], 'new in test')}",
    )  # fmt: skip


SPLITS: dict[str, Callable[..., Split]] = {
    "by-user": split_by_user,
    "leave-last-out": split_leave_last_out,
    "by-time": split_by_time,
}


def make_split(dataset: Dataset, name: str, **options: float) -> Split:
    """Split by a name of ``SPLITS``, with that protocol's options.

    Raises:
        UnknownName: No such protocol.
        ConfigError: An option that the protocol does not take, or an impossible value.
    """
    if name not in SPLITS:
        raise UnknownName.among("split", name, SPLITS)
    known = list(inspect.signature(SPLITS[name]).parameters)[1:]
    for option in options:
        if option not in known:
            takes = ", ".join(known) or "none"
            raise ConfigError(f"The split {name!r} has no option {option!r}; it takes: {takes}.")
    return SPLITS[name](dataset, **options)


def _check_shares(valid: float, test: float) -> None:
    if not (valid >= 0 and test >= 0 and valid + test < 1):
        raise ConfigError(
            f"valid is {valid} and test is {test}; neither may be negative and together they "
            "must leave something to train on: their sum must be below 1."
        )


def _cuts(size: int, valid: float, test: float) -> NDArray[np.int64]:
    """Give where validation and test begin among ``size`` things in order."""
    shares = np.array([1 - valid - test, 1 - test])
    return np.floor(np.round(size * shares, 9)).astype(np.int64)


def _percent(valid: float, test: float) -> str:
    return "/".join(f"{100 * share:.4g}" for share in (1 - valid - test, valid, test))


def _untested(users: int, why: str) -> str:
    return f"; {users:,} users {why} not tested" if users else ""


def _before(histories: Histories, moment: int) -> NDArray[np.int64]:
    """Count each user's events before a moment, ``[U]``."""
    sums = np.concatenate([[0], np.cumsum(histories.times < moment)]).astype(np.int64)
    return sums[histories.indptr[1:]] - sums[histories.indptr[:-1]]


def _heads(histories: Histories, lengths: NDArray[np.int64]) -> Histories:
    """Give the first ``lengths`` events of each user, without the users who have none of them."""
    place = np.arange(len(histories.items)) - np.repeat(histories.indptr[:-1], histories.lengths)
    kept = place < np.repeat(lengths, histories.lengths)
    indptr = np.concatenate([[0], np.cumsum(lengths[lengths > 0])]).astype(np.int64)
    return Histories(indptr, histories.items[kept], histories.times[kept])


def _cases(
    histories: Histories, users: NDArray[np.int64], known: NDArray[np.int64],
    until: NDArray[np.int64] | None = None,
) -> list[Case]:  # fmt: skip
    """Make a case of each user who has both: ``known`` events, then targets up to ``until``."""
    items = np.asarray(histories.items)  # a plain view: slicing a memory map is ten times slower
    starts = histories.indptr[users]
    ends = histories.indptr[users + 1] if until is None else starts + until
    middles = starts + known
    testable = (starts < middles) & (middles < ends)
    rows = np.stack([starts, middles, ends], axis=1)[testable].tolist()
    return [Case(items[start:middle], items[middle:end]) for start, middle, end in rows]
