"""Compare the lists of the frontier with ``diversify`` at many strengths, and check targets."""

import time
from itertools import combinations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from prismrec.rerank import diversify, frontier
from prismrec.rerank.category import rank_in_category
from prismrec.rerank.strength import least_relevance
from prismrec.rerank.swaps import sets_along

quick = settings(deadline=None, max_examples=30)


@st.composite
def users(draw):
    m = draw(st.integers(1, 10))
    scores = draw(st.lists(st.integers(0, 20), min_size=m, max_size=m))
    categories = draw(st.lists(st.integers(-1, 3), min_size=m, max_size=m))
    return np.array(scores, dtype=np.float64), np.array(categories, dtype=np.int64)


def outcome(scores, categories, k, strength):
    """Return relevance and diversity of the list at one strength, by their definition."""
    chosen = diversify(scores[None], categories[None], k, strength=strength)[0].tolist()
    pairs = [
        categories[i] != categories[j] or categories[i] < 0 for i, j in combinations(chosen, 2)
    ]
    return scores[chosen].sum(), sum(pairs) / len(pairs) if pairs else np.nan


def strength_for_diversity(found, target):
    """Return the strength of the most relevant list of a frontier that is diverse enough."""
    return found.strength[np.searchsorted(found.diversity, target)]


def strength_for_relevance_loss(found, max_loss):
    """Return the strength of the most diverse list of a frontier that is relevant enough."""
    least = least_relevance(found.relevance[0], max_loss)
    return found.strength[np.flatnonzero(found.relevance >= least)[-1]]


def outcomes(found):
    return np.stack([found.relevance, found.diversity], axis=1)


@quick
@given(users(), st.integers(1, 8))
@pytest.mark.slow
def test_the_list_at_every_strength_equals_that_of_the_frontier(user, k):
    found = frontier(*user, k)
    # Scores are integers and ranks are below 10, so no breakpoint is within 0.001 of these
    # strengths, except 0.
    for strength in [0, *np.arange(0.001, 4, 1 / 8), *np.arange(4.001, 22)]:
        point = np.searchsorted(found.breakpoints, strength) - 1 if strength else 0
        expected = outcome(*user, k, strength)
        np.testing.assert_allclose(outcomes(found)[point], expected, atol=1e-12)


@quick
@given(users(), st.integers(1, 8))
def test_each_list_is_valid_from_its_breakpoint_to_the_next(user, k):
    found = frontier(*user, k)
    ends = np.append(found.breakpoints[1:], found.breakpoints[-1] + 2)
    for point, (begin, end) in enumerate(zip(found.breakpoints, ends, strict=True)):
        inside = [found.strength[point]]
        if end > begin:
            inside += [begin + 1e-6, end - 1e-6]
        for strength in inside:
            np.testing.assert_allclose(outcomes(found)[point], outcome(*user, k, strength))


@quick
@given(users(), st.integers(2, 8))
def test_relevance_falls_and_diversity_rises_at_every_step(user, k):
    found = frontier(*user, k)
    assert (np.diff(found.diversity) > 0).all()
    assert (np.diff(found.relevance) <= 0).all()
    assert (np.diff(found.breakpoints) >= 0).all()
    assert found.strength[0] == found.breakpoints[0] == 0


@quick
@given(users(), st.integers(2, 8), st.floats(0, 1))
def test_the_smallest_strength_that_reaches_a_target_is_found(user, k, target):
    assume(len(user[0]) > 1)
    found = frontier(*user, k)
    target = min(target, found.diversity[-1])
    strength = strength_for_diversity(found, target)
    assert outcome(*user, k, strength)[1] >= target - 1e-12
    weaker = found.strength[found.strength < strength]
    assert all(outcome(*user, k, s)[1] < target for s in weaker)


@quick
@given(users(), st.integers(1, 8), st.floats(0, 1))
def test_the_largest_strength_within_a_relevance_budget_is_found(user, k, lost):
    found = frontier(*user, k)
    budget = (1 - lost) * outcome(*user, k, 0)[0]
    strength = strength_for_relevance_loss(found, lost)
    assert outcome(*user, k, strength)[0] >= budget - 1e-9
    stronger = found.strength[found.strength > strength]
    assert all(outcome(*user, k, s)[0] < budget for s in stronger)


def test_absent_candidates_are_in_no_list():
    scores, categories = np.array([3.0, 2.0, -np.inf, 1.0]), np.array([0, 0, 1, 2])
    found = frontier(scores, categories, 2)
    np.testing.assert_array_equal(outcomes(found), [[3 + 2, 0], [3 + 1, 1]])
    np.testing.assert_array_equal(found.breakpoints, [0, 2 - 1])


def test_the_representation_is_one_short_line():
    found = frontier(np.array([3.0, 2.0, 1.0]), np.array([0, 0, 1]), 2)
    assert repr(found) == "Frontier(2 lists, relevance 5 to 4, diversity 0 to 1)"


def test_without_candidates_there_is_one_empty_list():
    found = frontier(np.array([-np.inf]), np.array([0]), 3)
    assert found.relevance.tolist() == [0]
    assert np.isnan(found.diversity).all()


@pytest.mark.parametrize(("m", "k", "categories"), [(300, 50, 5), (300, 50, 300), (200, 199, 3)])
def test_the_lists_of_many_candidates_equal_those_of_diversify(m, k, categories):
    generator = np.random.default_rng(m + categories)
    scores = np.round(generator.normal(size=m), 2)  # with ties
    user = scores, generator.integers(-1, categories, m)
    found = frontier(*user, k)
    assert (np.diff(found.diversity) > 0).all()
    for point, strength in enumerate(found.strength):
        np.testing.assert_allclose(outcomes(found)[point], outcome(*user, k, strength))


@pytest.mark.parametrize("categories", [5, 200, 4_000])
def test_the_frontier_of_500_items_costs_milliseconds(categories):
    generator = np.random.default_rng(0)
    user = generator.normal(size=4_096), generator.integers(0, categories, 4_096)
    began = time.process_time()
    assert len(frontier(*user, 500)) > 5
    assert time.process_time() - began < 0.1  # comparing all pairs takes more than a second


@quick
@given(users(), st.integers(1, 8), st.integers(0, 2))
def test_the_sets_are_the_same_by_category_and_by_rank(user, k, shape):
    scores, categories = user
    rank = rank_in_category(scores[None], categories[None])[0]
    one, other = (sets_along(scores, rank, k, chain) for chain in (categories, rank))
    np.testing.assert_array_equal(one.strength, other.strength)
    for values in (scores, rank, np.stack([scores] * (shape + 1), axis=1)):
        np.testing.assert_array_equal(one.sums(values), other.sums(values))
