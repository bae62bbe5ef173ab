"""Check the arguments of the functions that split a data set."""

import numpy as np
from numpy.typing import NDArray

from prismrec.data.dataset import Dataset
from prismrec.data.reprs import written_time
from prismrec.errors import (
    ConfigError,
    DataError,
    check_type,
    check_whole_number,
    described,
    is_number,
)

HELD_OUT = 0.1
"""Share of validation, and share of test, unless another is given."""
MICROSECONDS = (
    "a whole number of microseconds since 1970 UTC; write int(1e6 * datetime(2021, 1, 1, "
    "tzinfo=UTC).timestamp())"
)
"""What a time must be, for messages."""


def check_dataset(dataset: Dataset) -> None:
    """Raise ConfigError for what is not a data set, such as a log."""
    check_type("dataset", dataset, Dataset, "a Dataset; make one with build_dataset(log)")


def check_shares(valid: float, test: float) -> None:
    """Raise ConfigError for shares of validation and test that leave nothing for training."""
    for name, share in (("valid", valid), ("test", test)):
        if not is_number(share):
            raise ConfigError(
                f"{name} is {described(share)}, but must be a share from 0 to 1, such as 0.1."
            )
    if not (valid >= 0 and test >= 0 and valid + test < 1):
        raise ConfigError(
            f"valid is {valid} and test is {test}; neither may be negative and together they "
            "must leave something for training: their sum must be below 1."
        )


def check_user_options(seed: int, history_share: float) -> None:
    """Raise ConfigError for an impossible seed or share of a user's events."""
    if not is_number(history_share) or not 0 < history_share < 1:
        raise ConfigError(f"history_share is {history_share!r}; it must lie between 0 and 1.")
    check_whole_number("seed", seed, "a whole number of 0 or more, such as 0")
    if seed < 0:
        raise ConfigError(f"seed is {seed}; it must be 0 or more.")


def check_times(valid_from: int | None, test_from: int | None) -> None:
    """Raise ConfigError for times that are no whole numbers; None is allowed."""
    for name, moment in (("valid_from", valid_from), ("test_from", test_from)):
        if moment is not None:
            check_whole_number(name, moment, MICROSECONDS)


def nothing_before(times: NDArray[np.int64], valid_from: int, *, chosen: bool) -> DataError:
    """Return the error for a time before which there is no event; ``chosen``: from the shares."""
    written = written_time(valid_from)
    if not chosen:
        return DataError(
            f"No event is before valid_from ({written}), so there is nothing to train on; give a "
            "later time."
        )
    first = int((times == valid_from).sum())
    return DataError(
        f"A split by time has nothing to train on: {first:,} of {len(times):,} events have the "
        f"same earliest time, {written}; correct the times, or split by-user."
    )
