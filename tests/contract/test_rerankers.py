"""Check the rules that every re-ranker must follow. Each one in ``RERANKERS`` is tested."""

import copy

import numpy as np
import pytest

from prismrec.errors import ConfigError, DataError
from prismrec.rerank import RERANKERS
from prismrec.types import Pool

M, D, K = 12, 5, 3


@pytest.fixture(params=sorted(RERANKERS))
def rerank(request):
    return RERANKERS[request.param]


def make_pool(seed=0, absent=()):
    rng = np.random.default_rng(seed)
    scores = rng.standard_normal(M).round(1).astype(np.float32)  # rounded, so that ties occur
    scores[list(absent)] = -np.inf
    sets = [set(rng.choice(6, rng.integers(0, 3), replace=False).tolist()) for _ in range(M + 4)]
    return Pool(
        scores=scores,
        category=rng.integers(-1, 4, M),
        categories=sets[:M],
        vectors=rng.standard_normal((M, D)).astype(np.float32),
        interest_scores=rng.standard_normal((M, K)),
        history=sets[M:],
    )


@pytest.mark.parametrize("strength", [0, 0.1, 1, 1e3, 1e300])
@pytest.mark.parametrize("k", [1, 5, M])
def test_returns_k_distinct_positions(rerank, k, strength):
    for seed in range(5):
        chosen = rerank(make_pool(seed), k, strength=strength)
        assert chosen.dtype == np.int64
        assert chosen.shape == (k,)
        assert len(set(chosen.tolist())) == k
        assert chosen.min() >= 0
        assert chosen.max() < M


@pytest.mark.parametrize("strength", [0, 0.5])
def test_if_k_exceeds_the_candidates_all_are_listed(rerank, strength):
    assert sorted(rerank(make_pool(), M + 9, strength=strength)) == list(range(M))


def test_strength_zero_sorts_by_score_and_ties_by_position(rerank):
    for seed in range(5):
        pool = make_pool(seed, absent=[3])
        expected = np.argsort(-pool.scores, kind="stable")[:8]
        np.testing.assert_array_equal(rerank(pool, 8, strength=0), expected)


@pytest.mark.parametrize("strength", [0, 0.5, 1e6])
def test_absent_candidates_are_never_chosen(rerank, strength):
    chosen = rerank(make_pool(absent=[0, 4, 7]), M, strength=strength)
    assert sorted(chosen) == sorted(set(range(M)) - {0, 4, 7})
    assert len(rerank(make_pool(absent=range(M)), 3, strength=strength)) == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("strength", [0.5, 20])
def test_absent_candidates_change_nothing(rerank, seed, strength):
    pool, rng = make_pool(seed, absent=[M - 1, M - 2]), np.random.default_rng(9)
    other = copy.deepcopy(pool)
    other.category[-2:], other.vectors[-2:] = 2, rng.standard_normal((2, D))
    other.categories[-2:] = [{1}, {2}]
    other.interest_scores[-2:] = 9
    chosen = rerank(pool, 9, strength=strength)
    np.testing.assert_array_equal(rerank(other, 9, strength=strength), chosen)


def test_the_pool_is_not_changed_and_two_calls_return_the_same_list(rerank):
    pool = make_pool()
    before = copy.deepcopy(vars(pool))
    first = rerank(pool, 7, strength=0.5)
    np.testing.assert_array_equal(rerank(pool, 7, strength=0.5), first)
    for name, part in vars(pool).items():
        np.testing.assert_array_equal(part, before[name])


def test_a_large_strength_changes_the_list(rerank):
    changed = [
        rerank(make_pool(seed), 6, strength=9).tolist()
        != rerank(make_pool(seed), 6, strength=0).tolist()
        for seed in range(5)
    ]
    assert any(changed)


@pytest.mark.parametrize(
    "strength", [-1, -1e-9, float("nan"), float("inf"), "0.1", "abc", None, 10**400]
)
def test_an_impossible_strength_is_refused_with_its_value(rerank, strength):
    with pytest.raises(ConfigError, match=r"give a number of 0 .* or more") as error:
        rerank(make_pool(), 5, strength=strength)
    assert repr(strength) in str(error.value)


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_of_no_items_is_refused(rerank, k):
    with pytest.raises(ConfigError, match="at least 1"):
        rerank(make_pool(), k, strength=0.1)


def test_a_missing_part_of_the_pool_is_an_error(rerank):
    with pytest.raises(ConfigError, match=r"make the pool with Pool\("):
        rerank(Pool(scores=np.array([1.0, 0.5])), 1, strength=0.1)


def test_parts_of_different_lengths_are_refused():
    with pytest.raises(DataError, match="2 scores was given vectors of 3"):
        Pool(scores=np.array([1.0, 0.5]), vectors=np.zeros((3, 2)))


def test_a_score_of_nan_is_refused():
    with pytest.raises(DataError, match="NaN"):
        Pool(scores=np.array([1.0, np.nan]))
