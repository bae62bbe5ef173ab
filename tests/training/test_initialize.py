"""Check initial vectors from co-occurrence: the counts of pairs, their PMI, and its factors."""

from math import log

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from prismrec.data.histories import Histories
from prismrec.errors import ConfigError
from prismrec.models.clustering import assign_clusters
from prismrec.models.extractors import Prism
from prismrec.models.model import Model
from prismrec.training import factor
from prismrec.training import initialize as cooccurrence
from prismrec.training.factor import factor_many, randomized_svd
from prismrec.training.initialize import (
    cooccurrence_vectors,
    count_in_blocks,
    init_from_cooccurrence,
    positive_pmi,
    split_by_cluster,
)

FACTORS = pytest.mark.parametrize("svd", [randomized_svd, factor_many])
histories_of = st.lists(st.lists(st.integers(1, 8), max_size=15), min_size=1, max_size=12)


def test_later_items_count_fully_and_earlier_items_half():
    table = count_in_blocks(Histories.of([[1, 2, 3], [2, 1]]), 4).toarray()
    assert table[1, 2] == pytest.approx(1 + 0.5)  # once after item 1, once before it
    assert table[2, 1] == pytest.approx(1 + 0.5)
    assert table[1, 3] == pytest.approx(0.8)
    assert table[3, 1] == pytest.approx(0.8 / 2)
    assert table[3, 2] == pytest.approx(1 / 2)
    assert table[0].sum() == table[:, 0].sum() == 0


@pytest.mark.slow
@given(histories_of, st.integers(1, 20))
def test_counts_do_not_depend_on_the_size_of_blocks(rows, block):
    histories, whole = Histories.of(rows), count_in_blocks(Histories.of(rows), 9).toarray()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "BLOCK", block)
        np.testing.assert_allclose(count_in_blocks(histories, 9).toarray(), whole, rtol=1e-5)


def test_above_the_limit_the_rarest_pairs_are_dropped(monkeypatch):
    monkeypatch.setattr(cooccurrence, "BLOCK", 40)
    monkeypatch.setattr(cooccurrence, "BACKWARD", 0.0)
    random = np.random.default_rng(0)
    rows = [[1, 2, *random.integers(3, 60, 18)] for _ in range(50)]
    table = count_in_blocks(Histories.of(rows), 60, most=600)
    assert table.nnz <= 600
    assert table[1, 2] == pytest.approx(50)


def test_the_limit_holds_for_equally_rare_pairs(monkeypatch):
    monkeypatch.setattr(cooccurrence, "BLOCK", 40)
    rows = [[2 * n + 1, 2 * n + 2] for n in range(400)]  # every pair occurs once
    table = count_in_blocks(Histories.of(rows), 801, most=100)
    assert table.nnz <= 2 * 100  # each pair in both directions


def test_positive_pmi_matches_its_formula():
    pairs = sparse.csr_array(np.array([[0, 0, 0], [0, 1.0, 3.0], [0, 6.0, 0]]))
    found = positive_pmi(pairs).toarray()
    total = 7**0.75 + 3**0.75
    assert found[1, 2] == pytest.approx(log((3 / 4) / (3**0.75 / total)), rel=1e-6)
    assert found[2, 1] == pytest.approx(log(1 / (7**0.75 / total)), rel=1e-6)
    # 1/4 is less than the share of item 1 in all pairs, so the PMI is negative and becomes 0.
    assert found[1, 1] == 0
    assert found[0].sum() == found[:, 0].sum() == 0


@pytest.fixture(params=["few items", "many items"])
def number_of_items(request, monkeypatch):
    """Compute vectors as for a small catalog, and as for a large one."""
    if request.param == "many items":
        monkeypatch.setattr(cooccurrence, "MANY_ITEMS", 0)
        monkeypatch.setattr(cooccurrence, "randomized_svd", None)


@FACTORS
def test_the_svd_finds_the_largest_triplets(svd):
    random = np.random.default_rng(1)
    dense = sparse.random_array((60, 60), density=0.2, rng=random).toarray().astype(np.float32)
    left, values, right = svd(sparse.csr_array(dense), 5, seed=0)
    whole = np.linalg.svd(dense)
    np.testing.assert_allclose(values, whole[1][:5], rtol=1e-2)
    best = (whole[0][:, :5] * whole[1][:5]) @ whole[2][:5]
    error = np.linalg.norm(dense - (left * values) @ right.T)
    assert error < 1.01 * np.linalg.norm(dense - best)


@pytest.mark.parametrize("rows_at_a_time", [7, 1 << 16])
def test_the_vectors_of_the_svd_are_orthonormal(rows_at_a_time, monkeypatch):
    monkeypatch.setattr(factor, "ROWS", rows_at_a_time)
    random = np.random.default_rng(1)
    table = sparse.random_array((300, 300), density=0.05, rng=random, format="csr")
    left, values, right = factor_many(table.astype(np.float32), 20, seed=0)
    np.testing.assert_allclose(left.T @ left, np.eye(20), atol=1e-5)
    np.testing.assert_allclose(right.T @ right, np.eye(20), atol=1e-5)
    assert (np.diff(values) <= 0).all()
    assert left.dtype == values.dtype == right.dtype == np.float32


@FACTORS
@pytest.mark.parametrize("rank", [0, 1, 3])
def test_the_svd_of_a_table_of_low_rank_is_exact(svd, rank):
    random = np.random.default_rng(4)
    low = random.random((50, rank)) @ random.random((rank, 50))
    left, values, right = svd(sparse.csr_array(low.astype(np.float32)), 8, seed=0)
    np.testing.assert_allclose((left * values) @ right.T, low, atol=1e-4)
    assert np.isfinite(left).all()
    assert np.isfinite(right).all()
    assert not values[rank:].round(3).any()


@pytest.mark.usefixtures("number_of_items")
def test_vectors_of_full_rank_reproduce_the_pmi():
    random = np.random.default_rng(2)
    histories = Histories.of([random.integers(1, 9, 12) for _ in range(6)])
    sources, outputs = cooccurrence_vectors(histories, 9, dim=12)
    expected = positive_pmi(count_in_blocks(histories, 9)).toarray()
    np.testing.assert_allclose(sources @ outputs.T, expected, atol=1e-4)
    assert sources.shape == outputs.shape == (9, 12)
    assert not sources[0].any()
    assert not outputs[0].any()
    assert not sources[:, 9:].any()  # columns beyond the rank


@pytest.mark.usefixtures("number_of_items")
def test_a_large_catalog_has_fewer_pairs_in_memory(monkeypatch):
    counted = []

    def count(histories, size, *, most):
        counted.append(most)
        return count_in_blocks(histories, size, most=most)

    monkeypatch.setattr(cooccurrence, "count_in_blocks", count)
    cooccurrence_vectors(Histories.of([[1, 2, 3]]), 5, dim=3)
    many = cooccurrence.MANY_ITEMS == 0
    assert counted == [cooccurrence.PAIRS_OF_MANY if many else cooccurrence.PAIRS]


@pytest.mark.usefixtures("number_of_items")
@pytest.mark.parametrize("rows", [[[]], [[1]], [[3], [3]], [[2, 2]]])
def test_histories_without_useful_pairs_have_finite_vectors(rows):
    for vectors in cooccurrence_vectors(Histories.of(rows), 5, dim=3):
        assert np.isfinite(vectors).all()
        assert not vectors[0].any()


@pytest.mark.usefixtures("number_of_items")
def test_the_same_seed_gives_the_same_vectors():
    random = np.random.default_rng(3)
    histories = Histories.of([random.integers(1, 40, 15) for _ in range(30)])
    one, other = (cooccurrence_vectors(histories, 40, dim=6, seed=4) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_a_dimension_below_one_is_refused():
    with pytest.raises(ConfigError, match="dim is 0"):
        cooccurrence_vectors(Histories.of([[1, 2]]), 3, dim=0)


# ---- pairs within clusters --------------------------------------------------------------------


def clusters_one_by_one(histories, vectors, number):
    """Yield the events of each cluster of each history, with their times."""
    for user, items in enumerate(histories):
        mask = torch.ones(1, len(items), dtype=torch.bool)
        cluster = assign_clusters(torch.from_numpy(vectors[items])[None], mask, number=number)[
            0
        ].numpy()
        times = histories.times_of(user)
        for own in range(cluster.max(initial=-1) + 1):
            yield items[cluster == own].tolist(), times[cluster == own].tolist()


@pytest.mark.slow
@given(histories_of, st.integers(1, 4), st.integers(1, 20))
def test_clusters_of_many_histories_equal_those_of_each_history(rows, number, block):
    histories = Histories.of(rows)
    vectors = np.random.default_rng(0).standard_normal((9, 3), dtype=np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cooccurrence, "CLUSTER_BLOCK", block)
        found = split_by_cluster(histories, vectors, number=number)
    got = [(items.tolist(), found.times_of(row).tolist()) for row, items in enumerate(found)]
    assert got == list(clusters_one_by_one(histories, vectors, number))


def test_one_long_history_adds_no_padding_to_short_ones(monkeypatch):
    slots = []

    def record(items, mask, *, number):
        slots.append(mask.numel())
        return assign_clusters(items, mask, number=number)

    monkeypatch.setattr(cooccurrence, "assign_clusters", record)
    histories = Histories.of([[1, 2, 3]] * 200 + [[1] * 500])
    split_by_cluster(histories, np.ones((4, 2), np.float32), number=2)
    assert sum(slots) <= 2 * len(histories.items)


def shared_accounts(accounts=300):
    """Return accounts of four people. A person has one of ten tastes: items 1 to 10, 11 to 20, …"""
    random = np.random.default_rng(3)
    rows = []
    for _ in range(accounts):
        tastes = 10 * random.integers(0, 10, 4)
        people = [iter(random.choice(range(first + 1, first + 11), 6)) for first in tastes]
        rows.append([next(people[who]) for who in random.permutation(np.repeat(range(4), 6))])
    return Histories.of(rows)


def separation(sources):
    """Return the mean cosine of two items of one taste minus that of items of different tastes."""
    units = sources[1:] / np.linalg.norm(sources[1:], axis=1, keepdims=True)
    taste = np.arange(100) // 10
    same = taste[:, None] == taste
    cosines = units @ units.T
    return cosines[same & ~np.eye(100, dtype=bool)].mean() - cosines[~same].mean()


def test_pairs_within_clusters_separate_tastes_better():
    histories, found = shared_accounts(), []
    for clusters in (0, 6):
        model = Model(
            101, Prism(dim=16, interests=8, max_len=16, clusters=clusters), tie_embeddings=False
        )
        init_from_cooccurrence(model, histories, seed=0, clusters=clusters)
        found.append(separation(model.items.weight.detach().numpy()))
    assert found[1] > found[0] + 0.1
