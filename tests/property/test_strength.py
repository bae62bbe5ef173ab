"""Compare the strength of a target with the one that the whole frontier has."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_rerank_frontier import (
    outcome,
    strength_for_diversity,
    strength_for_relevance_loss,
    users,
)

from prismrec.errors import ConfigError
from prismrec.rerank import Diversity, diversify, frontier, strengths_for
from prismrec.rerank.strength import strength_for

shares = st.floats(0, 1)
diversities = st.one_of(
    st.builds(lambda share: Diversity(target=share), shares),
    st.builds(lambda share: Diversity(max_relevance_loss=share), shares),
)


def strength_on_frontier(diversity, scores, categories, k):
    found = frontier(scores, categories, k)
    if diversity.max_relevance_loss is not None:
        return strength_for_relevance_loss(found, diversity.max_relevance_loss)
    most = float(found.diversity[-1])
    return 0.0 if np.isnan(most) else strength_for_diversity(found, min(diversity.target, most))


def check_equal(diversity, scores, categories, k):
    found = strength_for(diversity, scores, categories, k).strength
    expected = strength_on_frontier(diversity, scores, categories, k)
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-9)
    lists = [outcome(scores, categories, k, one) for one in (found, expected)]
    np.testing.assert_allclose(*lists)


@settings(deadline=None, max_examples=200)
@given(users(), st.integers(1, 8), diversities)
@pytest.mark.slow
def test_the_strength_is_that_of_the_frontier_even_with_equal_scores(user, k, diversity):
    check_equal(diversity, *user, k)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2**32 - 1), st.integers(50, 400), st.integers(1, 100), st.integers(1, 60),
    st.sampled_from(["normal", "rounded", "32 bits"]), diversities,
)  # fmt: skip
def test_the_strength_of_many_candidates_is_that_of_the_frontier(
    seed, m, k, groups, kind, diversity
):
    generator = np.random.default_rng(seed)
    scores, categories = generator.random(m), generator.integers(-1, groups, m)
    if kind == "rounded":
        scores = scores.round(1)
    elif kind == "32 bits":
        scores = scores.astype(np.float32)
    scores[generator.random(m) < 0.1] = -np.inf
    scores[0] = 1
    found = strength_for(diversity, scores, categories, k).strength
    assert found == pytest.approx(
        strength_on_frontier(diversity, scores, categories, k), rel=1e-6, abs=1e-9
    )


@pytest.mark.parametrize("k", [5, 20, 100])
@pytest.mark.parametrize("digits", [1, 7])
@pytest.mark.parametrize("lost", [0, 1e-17, 1e-3])
@pytest.mark.slow
def test_sums_in_another_order_do_not_change_what_a_small_budget_allows(k, digits, lost):
    generator = np.random.default_rng(k)
    for _ in range(40):
        m = generator.integers(5, 60)
        scores = generator.random(m).astype(np.float32).astype(np.float64).round(digits)
        categories = generator.integers(-1, 5, m)
        check_equal(Diversity(max_relevance_loss=lost), scores, categories, k)


@pytest.mark.parametrize("k", [0, -1])
def test_a_list_without_items_is_an_error(k):
    with pytest.raises(ConfigError, match=str(k)):
        strength_for(Diversity(target=0.5), np.array([1.0, 2.0]), np.array([0, 1]), k)


@pytest.mark.parametrize("factor", [1e-6, 1, 1e6])
@pytest.mark.parametrize("unit", ["target", "max_relevance_loss"])
def test_the_strength_has_the_unit_of_the_scores(unit, factor):
    generator = np.random.default_rng(0)
    scores, categories = generator.random(300), generator.integers(0, 9, 300)
    diversity = Diversity(**{unit: 0.7 if unit == "target" else 0.05})
    found = strength_for(diversity, factor * scores, categories, 50).strength
    assert found == pytest.approx(factor * strength_for(diversity, scores, categories, 50).strength)
    assert found == pytest.approx(strength_on_frontier(diversity, factor * scores, categories, 50))


@pytest.mark.parametrize("unit", ["target", "max_relevance_loss"])
@pytest.mark.parametrize(
    ("scores", "k"),
    [([], 3), ([-np.inf, -np.inf], 2), ([1.0], 5), ([2.0, 2.0, 2.0], 2), ([3.0, 1.0], 9)],
)
def test_short_and_equal_candidates_have_a_strength(unit, scores, k):
    scores = np.array(scores, dtype=np.float64)
    categories = np.zeros(len(scores), dtype=np.int64)
    assert strength_for(Diversity(**{unit: 0.5}), scores, categories, k).strength == 0


def test_a_share_of_a_negative_relevance_is_an_error():
    with pytest.raises(ConfigError, match="scale the scores"):
        strength_for(Diversity(max_relevance_loss=0.1), np.array([-1.0, -2.0]), np.array([0, 1]), 1)


def test_a_loss_of_all_relevance_is_no_limit_even_if_a_list_sums_to_less_than_nothing():
    scores, categories = np.array([3.0, 1.0, -9.0]), np.array([0, 0, 1])
    check_equal(Diversity(max_relevance_loss=1), scores, categories, 2)
    strength = strength_for(Diversity(max_relevance_loss=1), scores, categories, 2).strength
    assert set(diversify(scores[None], categories[None], 2, strength=strength)[0]) == {0, 2}
    assert strength_for(Diversity(max_relevance_loss=0.99), scores, categories, 2).strength == 0


def test_each_user_of_a_batch_has_an_own_strength_that_meets_the_target():
    generator = np.random.default_rng(1)
    scores, categories = generator.random((4, 100)), generator.integers(0, 6, (4, 100))
    found = strengths_for(Diversity(target=0.9), scores, categories, 10).strength
    for user, strength in enumerate(found):
        row = scores[user : user + 1], categories[user : user + 1]
        chosen = categories[user][diversify(*row, 10, strength=strength)[0]]
        same = (chosen[:, None] == chosen).sum() - 10
        assert 1 - same / 90 >= 0.9
    assert len(set(found.tolist())) == 4


@pytest.mark.parametrize("groups", [3, 18, 300])
@pytest.mark.slow
def test_many_lists_with_equal_values_have_the_strength_of_the_frontier(groups):
    generator = np.random.default_rng(groups)
    for _ in range(40):
        m, k = generator.integers(100, 1_000), int(generator.integers(2, 200))
        scores = generator.integers(0, 20, m).astype(np.float64)
        lost = float(generator.random() ** 3)
        categories = generator.integers(-1, groups, m)
        check_equal(Diversity(max_relevance_loss=lost), scores, categories, k)
