"""The start from co-occurrence: what is counted, its PMI, and its factors."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from prismrec import cooccurrence
from prismrec.cooccurrence import (
    cooccurrence_vectors,
    count_in_blocks,
    positive_pmi,
    randomised_svd,
)
from prismrec.data.histories import Histories
from prismrec.errors import ConfigError

histories_of = st.lists(st.lists(st.integers(1, 8), max_size=15), min_size=1, max_size=12)


def test_pairs_count_what_followed_and_half_of_what_went_before():
    table = count_in_blocks(Histories.of([[1, 2, 3], [2, 1]]), 4).toarray()
    assert table[1, 2] == pytest.approx(1 + 0.5)  # followed once, went before once
    assert table[2, 1] == pytest.approx(1 + 0.5)
    assert table[1, 3] == pytest.approx(0.8)
    assert table[3, 1] == pytest.approx(0.8 / 2)
    assert table[3, 2] == pytest.approx(1 / 2)
    assert table[0].sum() == table[:, 0].sum() == 0


@given(histories_of, st.integers(1, 20))
def test_blocks_of_any_size_count_the_same(rows, block):
    histories, whole = Histories.of(rows), count_in_blocks(Histories.of(rows), 9).toarray()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "BLOCK", block)
        np.testing.assert_allclose(count_in_blocks(histories, 9).toarray(), whole, rtol=1e-5)


def test_beyond_the_bound_the_rarest_pairs_are_forgotten(monkeypatch):
    monkeypatch.setattr(cooccurrence, "BLOCK", 40)
    monkeypatch.setattr(cooccurrence, "BACKWARD", 0.0)
    random = np.random.default_rng(0)
    rows = [[1, 2, *random.integers(3, 60, 18)] for _ in range(50)]
    table = count_in_blocks(Histories.of(rows), 60, most=600)
    assert table.nnz <= 600
    assert table[1, 2] == pytest.approx(50)


def test_pmi_is_its_formula_where_positive():
    pairs = sparse.csr_array(np.array([[0, 0, 0], [0, 1.0, 3.0], [0, 6.0, 0]]))
    found = positive_pmi(pairs).toarray()
    total = 7**0.75 + 3**0.75
    assert found[1, 2] == pytest.approx(log((3 / 4) / (3**0.75 / total)), rel=1e-6)
    assert found[2, 1] == pytest.approx(log(1 / (7**0.75 / total)), rel=1e-6)
    assert found[1, 1] == 0  # 1/4 is less than the item's share
    assert found[0].sum() == found[:, 0].sum() == 0


def test_the_svd_finds_the_largest_triplets():
    random = np.random.default_rng(1)
    dense = sparse.random_array((60, 60), density=0.2, rng=random).toarray().astype(np.float32)
    left, values, right = randomised_svd(sparse.csr_array(dense), 5, seed=0)
    whole = np.linalg.svd(dense)
    np.testing.assert_allclose(values, whole[1][:5], rtol=1e-2)
    best = (whole[0][:, :5] * whole[1][:5]) @ whole[2][:5]
    error = np.linalg.norm(dense - (left * values) @ right.T)
    assert error < 1.01 * np.linalg.norm(dense - best)


def test_vectors_of_full_rank_are_the_pmi_itself():
    random = np.random.default_rng(2)
    histories = Histories.of([random.integers(1, 9, 12) for _ in range(6)])
    sources, outputs = cooccurrence_vectors(histories, 9, dim=12)
    expected = positive_pmi(count_in_blocks(histories, 9)).toarray()
    np.testing.assert_allclose(sources @ outputs.T, expected, atol=1e-4)
    assert sources.shape == outputs.shape == (9, 12)
    assert not sources[0].any()
    assert not outputs[0].any()
    assert not sources[:, 9:].any()  # beyond the rank


@pytest.mark.parametrize("rows", [[[]], [[1]], [[3], [3]], [[2, 2]]])
def test_histories_without_a_telling_pair_give_finite_vectors(rows):
    for vectors in cooccurrence_vectors(Histories.of(rows), 5, dim=3):
        assert np.isfinite(vectors).all()
        assert not vectors[0].any()


def test_the_same_seed_gives_the_same_vectors():
    random = np.random.default_rng(3)
    histories = Histories.of([random.integers(1, 40, 15) for _ in range(30)])
    one, other = (cooccurrence_vectors(histories, 40, dim=6, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_width_below_one_is_refused():
    with pytest.raises(ConfigError, match="dim is 0"):
        cooccurrence_vectors(Histories.of([[1, 2]]), 3, dim=0)
