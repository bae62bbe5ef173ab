"""Check the splits of data sets into training, validation and test cases."""

import numpy as np
import polars as pl
import pytest

from event_logs import dataset_of, log_of
from prismrec.data.dataset import build_dataset
from prismrec.data.events import read_events
from prismrec.data.split import (
    SPLITS,
    make_split,
    split_by_time,
    split_by_user,
    split_leave_last_out,
)
from prismrec.errors import ConfigError, DataError, UnknownName

EVERYTHING = {"min_user_events": 1, "min_item_events": 1}


def users_of(count, events=5):
    """Return users without common items, so that an item identifies its user."""
    return {f"u{u}": [f"{u}-{i}" for i in range(events)] for u in range(count)}


def letters(dataset, items):
    return "".join(dataset.catalog.items.external(items))


def test_by_user_is_the_published_permutation_of_users():
    dataset = dataset_of(users_of(20))
    order = np.random.default_rng(7).permutation(20)
    split = split_by_user(dataset, seed=7)
    assert (len(split.train), len(split.valid), len(split.test)) == (16, 2, 2)
    trained = {dataset.catalog.items.external(row)[0].split("-")[0] for row in split.train}
    tested = {dataset.catalog.items.external(case.history)[0].split("-")[0] for case in split.test}
    assert trained == {str(u) for u in order[:16]}
    assert tested == {str(u) for u in order[18:]}


@pytest.mark.parametrize(
    ("users", "parts"), [(943, (754, 94, 95)), (22_363, (17_890, 2_236, 2_237))]
)
def test_by_user_parts_have_the_measured_sizes(users, parts):
    split = split_by_user(dataset_of(users_of(users, events=2)))
    assert (len(split.train), len(split.valid), len(split.test)) == parts


@pytest.mark.parametrize(("events", "known"), [(2, 1), (4, 3), (5, 4), (6, 4), (10, 8), (15, 12)])
def test_the_first_four_fifths_are_history(events, known):
    (case, *_) = split_by_user(dataset_of(users_of(10, events))).test
    assert (len(case.history), len(case.targets)) == (known, events - known)


def test_a_share_is_not_rounded_down_by_float_error():
    (case, *_) = split_by_user(dataset_of(users_of(10, 100)), history_share=0.29).test
    assert len(case.history) == 29


def test_users_with_too_few_events_are_left_out_and_counted():
    split = split_by_user(dataset_of(users_of(10, events=1)))
    assert (len(split.train), len(split.valid), len(split.test)) == (8, 0, 0)
    assert split.how.endswith("; 2 users too short not tested")


def test_leave_last_out_tests_the_last_item_and_validates_the_one_before():
    dataset = dataset_of({"one": "a", "two": "ab", "three": "abc", "five": "abcde"})
    split = split_leave_last_out(dataset)
    assert [letters(dataset, row) for row in split.train] == ["a", "ab", "a", "abc"]
    assert [(letters(dataset, c.history), letters(dataset, c.targets)) for c in split.valid] == [
        ("a", "b"),
        ("abc", "d"),
    ]
    assert [(letters(dataset, c.history), letters(dataset, c.targets)) for c in split.test] == [
        ("ab", "c"),
        ("abcd", "e"),
    ]
    assert split.how == "leave-last-out; 2 users of fewer than 3 events not tested"


def test_by_time_has_earlier_events_as_history_and_later_ones_as_targets():
    rows = [("u", "a", 1), ("u", "b", 10), ("u", "c", 20), ("v", "d", 3), ("new", "e", 15)]
    dataset = build_dataset(log_of(rows), **EVERYTHING)
    split = split_by_time(dataset, valid_from=10, test_from=20)
    assert [letters(dataset, row) for row in split.train] == ["a", "d"]
    (valid,), (test,) = split.valid, split.test
    assert (letters(dataset, valid.history), letters(dataset, valid.targets)) == ("a", "b")
    assert (letters(dataset, test.history), letters(dataset, test.targets)) == ("ab", "c")
    assert "1 users new in validation not tested" in split.how


def test_by_time_shares_are_shares_of_the_events():
    rows = [(f"u{t % 4}", "a", t) for t in range(100)]
    split = split_by_time(build_dataset(log_of(rows), **EVERYTHING), valid=0.2, test=0.1)
    assert len(split.train.items) == 70
    assert sum(len(case.targets) for case in split.valid) == 20
    assert sum(len(case.targets) for case in split.test) == 10
    assert not split_by_time(build_dataset(log_of(rows), **EVERYTHING), valid=0, test=0).test


def test_by_time_needs_times():
    dataset = build_dataset(log_of([("u", "a", 0), ("u", "b", 0)], has_time=False), **EVERYTHING)
    with pytest.raises(DataError, match="needs times"):
        split_by_time(dataset)


@pytest.mark.parametrize("moments", [{"valid_from": 5}, {"valid_from": 9, "test_from": 8}])
def test_by_time_needs_both_times_in_order(moments):
    with pytest.raises(ConfigError, match="valid_from is"):
        split_by_time(dataset_of({"u": "abc"}), **moments)


def test_by_time_needs_events_for_training():
    with pytest.raises(DataError, match="No event is before"):
        split_by_time(dataset_of({"u": "abc"}), valid_from=0, test_from=1)


@pytest.mark.parametrize("name", sorted(SPLITS))
def test_an_item_that_is_only_a_test_target_is_not_in_training(name):
    tested = {f"u{u}" for u in np.random.default_rng(0).permutation(10)[9:]}  # by "by-user"
    tested = tested if name == "by-user" else {f"u{u}" for u in range(10)}
    histories = {f"u{u}": "abcdabcdZ" if f"u{u}" in tested else "abcdabcda" for u in range(10)}
    dataset = dataset_of(histories)
    split = make_split(dataset, name)
    (target,) = dataset.catalog.items.index(["Z"])
    assert all(target in case.targets for case in split.test)
    assert split.test
    assert target not in split.train.items
    assert all(target not in case.history for case in [*split.test, *split.valid])
    assert all(target not in case.targets for case in split.valid)


@pytest.mark.parametrize("name", sorted(SPLITS))
def test_two_calls_return_the_same_split(name):
    dataset = dataset_of(users_of(30))
    one, two = make_split(dataset, name), make_split(dataset, name)
    assert one.how == two.how
    for a, b in zip(one.test, two.test, strict=True):
        np.testing.assert_array_equal(a.history, b.history)


def test_wrong_names_options_and_shares_are_errors():
    dataset = dataset_of(users_of(5))
    with pytest.raises(UnknownName, match="Did you mean 'by-user'"):
        make_split(dataset, "by-users")
    with pytest.raises(ConfigError, match="no option 'sede'; choose: valid, test, seed"):
        make_split(dataset, "by-user", sede=1)
    with pytest.raises(ConfigError, match=r"valid is 0\.5"):
        split_by_user(dataset, valid=0.5, test=0.5)
    with pytest.raises(ConfigError, match="history_share is 1"):
        split_by_user(dataset, history_share=1)
    with pytest.raises(ConfigError, match="seed is -1"):
        split_by_user(dataset, seed=-1)
    with pytest.raises(DataError, match="leaves no user for training"):
        split_by_user(dataset_of(users_of(1)))


@pytest.mark.parametrize("later", [0, 1])
def test_a_split_by_time_of_equal_times_names_the_cause(later):
    times = [1_700_000_000] * 20
    times[-1] += later
    frame = pl.DataFrame({"user": ["u", "v"] * 10, "item": list(range(20)), "time": times})
    dataset = build_dataset(read_events(frame), **EVERYTHING)
    with pytest.raises(DataError) as raised:
        split_by_time(dataset, valid=0.3)
    assert str(raised.value) == (
        f"A split by time has nothing to train on: {20 - later} of 20 events have the same "
        "earliest time, 2023-11-14T22:13:20Z; correct the times, or split by-user."
    )


@pytest.mark.parametrize(
    ("split", "options", "sentence"),
    [
        (split_by_user, {"valid": "a"}, "valid is 'a', but must be a share from 0 to 1"),
        (split_by_user, {"test": True}, "test is True, but must be a share"),
        (split_by_user, {"seed": 1.5}, "seed is 1.5, but must be a whole number"),
        (split_by_user, {"history_share": "0.8"}, "history_share is '0.8'; it must lie between"),
        (split_by_time, {"valid": None}, "valid is None, but must be a share"),
        (split_by_time, {"valid_from": "2021-01-01"}, "valid_from is '2021-01-01', .* microsec"),
        (split_by_time, {"valid_from": 1, "test_from": 2.5}, "test_from is 2.5, .* microseconds"),
    ],
)
def test_options_of_another_type_are_refused(split, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        split(dataset_of({"ann": "abc", "bob": "ab"}), **options)


@pytest.mark.parametrize("split", [split_by_user, split_by_time, split_leave_last_out])
def test_what_is_no_data_set_cannot_be_split(split):
    with pytest.raises(ConfigError, match=r"dataset is 'events\.csv', but must be a Dataset"):
        split("events.csv")
