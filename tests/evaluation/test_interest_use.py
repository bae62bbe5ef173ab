"""Compare how interests share a list with values that were computed by hand, and with a count."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismrec.evaluation.interest_use import INTEREST_LENGTH, measure_interest_use, median


def measure(items, interest):
    """Measure one list."""
    use = measure_interest_use(np.array([items], dtype=np.int64), np.array([interest]))
    return use.largest_share[0], use.interests_used[0]


@pytest.mark.parametrize(
    ("items", "interest", "expected"),
    [
        ([7, 8, 9, 4], [1, 1, 1, 2], (3 / 4, 2)),
        ([7, 8, 9, 4], [3, 3, 3, 3], (1, 1)),
        ([7, 8, 9, 4], [0, 6, 2, 9], (1 / 4, 4)),
        ([7, 8, 9, 4], [5, 1, 5, 1], (2 / 4, 2)),
        ([7, 8, 9, 0], [2, 2, 1, 0], (2 / 3, 2)),  # padding is no item of interest 0
        ([7], [4], (1, 1)),
        (range(1, 26), [1] * 8 + [2] * 7 + [3] * 5 + [2] * 5, (8 / 20, 3)),  # only 20 count
        (range(1, 26), [1] * 20 + [2] * 5, (1, 1)),
    ],
)
def test_one_list(items, interest, expected):
    assert measure(list(items), interest) == pytest.approx(expected)


@pytest.mark.parametrize("items", [[], [0, 0]])
def test_an_empty_list_is_undefined(items):
    assert np.isnan(measure(items, [0] * len(items))).all()


def test_users_are_measured_apart():
    items = np.array([[3, 4, 5], [0, 0, 0], [5, 4, 3], [6, 0, 0]])
    interest = np.array([[2, 2, 1], [0, 0, 0], [1, 2, 3], [2, 0, 0]])
    largest, used = measure_interest_use(items, interest)
    np.testing.assert_allclose(largest, [2 / 3, np.nan, 1 / 3, 1])
    np.testing.assert_allclose(used, [2, np.nan, 3, 1])


rows = st.lists(st.lists(st.integers(0, 4), max_size=23), min_size=1, max_size=5)


@given(rows)
def test_it_is_a_count_of_the_interests_of_each_list(interests):
    width = max(map(len, interests))
    items, interest = np.zeros((2, len(interests), width), dtype=np.int64)
    for row, own in enumerate(interests):
        items[row, : len(own)], interest[row, : len(own)] = np.arange(1, len(own) + 1), own
    largest, used = measure_interest_use(items, interest)
    for row, own in enumerate(interests):
        count = Counter(own[:INTEREST_LENGTH])
        assert used[row] == len(count) if own else np.isnan(used[row])
        if own:
            assert largest[row] == pytest.approx(max(count.values()) / len(own[:INTEREST_LENGTH]))


def test_the_median_leaves_out_what_is_undefined():
    assert median(np.array([np.nan, 0.2, 0.8])) == pytest.approx(0.5)
    assert median(np.array([np.nan])) is None
    assert median(np.array([])) is None
