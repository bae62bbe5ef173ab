"""Compare the array functions that are written for speed with plain ones."""

import numpy as np
import pytest
import scipy.special
from hypothesis import given
from hypothesis import strategies as st

from prismrec.numerics import at_columns, softmax, top_k


@given(st.integers(0, 10_000), st.integers(0, 4), st.integers(1, 9))
def test_the_largest_values_are_those_of_a_stable_sort(seed, rows, columns):
    random = np.random.default_rng(seed)
    value = random.integers(0, 4, (rows, columns)).astype(np.float32)  # with many ties
    value[random.random(value.shape) < 0.2] = -np.inf
    for k in range(columns + 1):
        chosen = top_k(value, k)
        assert np.array_equal(chosen, np.argsort(-value, axis=1, kind="stable")[:, :k])
        assert np.array_equal(at_columns(value, chosen), np.take_along_axis(value, chosen, axis=1))


def test_values_at_columns_of_an_array_in_another_order():
    value = np.arange(12).reshape(3, 4).T
    assert at_columns(value, np.array([[2], [0], [1], [2]])).tolist() == [[8], [1], [6], [11]]


@given(st.integers(0, 10_000))
def test_softmax_equals_that_of_scipy(seed):
    random = np.random.default_rng(seed)
    logits = 50 * random.standard_normal((2, 3, 5))
    logits[..., 1:][random.random((2, 3, 4)) < 0.3] = -np.inf
    assert softmax(logits) == pytest.approx(scipy.special.softmax(logits, axis=-1))
