"""Compare each re-ranker with lists computed by hand."""

import numpy as np
import pytest

from prismrec.errors import ConfigError
from prismrec.rerank import calibrated, certificate, diversify, frontier, mmr, overlap, xquad
from prismrec.types import Pool


def diversified(scores, categories, k, strength):
    return diversify(np.array([scores]), np.array([categories]), k, strength=strength)[0].tolist()


# The categories are red, red, red, blue and none. The second red loses λ, the third 2 λ.
SCORES, COLOURS = [1.0, 0.9, 0.8, 0.5, 0.1], [0, 0, 0, 1, -1]


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (0, [0, 1, 2, 3, 4]),
        (0.1, [0, 1, 2, 3, 4]),  # values 1, 0.9 - 0.1, 0.8 - 0.2, 0.5, 0.1
        (0.2, [0, 1, 3, 2, 4]),  # values 1, 0.9 - 0.2, 0.5, 0.8 - 0.4, 0.1
        (1.0, [0, 3, 4, 1, 2]),  # values 1, 0.5, 0.1, 0.9 - 1, 0.8 - 2
    ],
)
def test_repeated_categories_lower_the_value_by_strength_per_repeat(strength, expected):
    assert diversified(SCORES, COLOURS, 5, strength) == expected


def test_the_frontier_of_two_categories():
    found = frontier(np.array(SCORES[:4]), np.array(COLOURS[:4]), 2)
    # 0.9 - λ equals 0.5 at λ = 0.4. No larger λ changes the list.
    np.testing.assert_allclose(found.breakpoints, [0, 0.9 - 0.5])
    np.testing.assert_allclose(found.relevance, [1 + 0.9, 1 + 0.5])
    np.testing.assert_allclose(found.diversity, [0, 1])
    np.testing.assert_allclose(found.strength, [0, (0.4 + 2 * 0.4) / 2])


def test_a_list_is_certified_if_its_lowest_value_reaches_the_floor():
    scores, colours = np.array([SCORES] * 3), np.array([COLOURS] * 3)
    chosen = diversify(scores, colours, 3, strength=0.2)  # values 1, 0.9 - 0.2, 0.5
    floor = np.array([0.49, 0.5, 0.51])
    certain = certificate(scores, colours, chosen, floor, strength=0.2)
    assert certain.tolist() == [True, True, False]


def test_overlap_subtracts_the_share_of_common_categories():
    pool = Pool(scores=np.array([1.0, 0.9, 0.8]), categories=[{1, 2}, {1, 2, 3}, {2, 3, 4}])
    # After the first item, 0.9 - λ 2/3 equals 0.8 - λ 1/4 at λ = 0.1 / (5/12) = 0.24.
    assert overlap(pool, 3, strength=0.23).tolist() == [0, 1, 2]
    assert overlap(pool, 3, strength=0.25).tolist() == [0, 2, 1]


def test_mmr_subtracts_the_cosine():
    vectors = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])  # cosines with the first: 3/5 and 0
    pool = Pool(scores=np.array([1.0, 0.9, 0.6]), vectors=vectors)
    # 0.9 - λ 3/5 equals 0.6 at λ = 1/2.
    assert mmr(pool, 3, strength=0.49).tolist() == [0, 1, 2]
    assert mmr(pool, 3, strength=0.51).tolist() == [0, 2, 1]


def test_calibrated_follows_the_history_if_all_scores_are_equal():
    pool = Pool(
        scores=np.zeros(6), categories=[{1}, {1}, {1}, {2}, {2}, {2}], history=[{1}, {1}, {2}]
    )
    # Two items of category 1 and one of category 2.
    assert calibrated(pool, 3, strength=1).tolist() == [0, 3, 1]


def test_calibrated_ignores_items_without_a_category():
    pool = Pool(
        scores=np.array([20.0, 9.0, 0.6, 0.0]), categories=[set(), {1}, {2}, set()], history=[{1}]
    )
    # After two items the list has only category 1, like the history. The fourth item has no
    # category and does not change this: its value is 0. The third item makes the share of
    # category 1 one half: its value is 0.6 + log(0.01 + 0.99 / 2) < 0. If the first item counted
    # as a category, the third item would be chosen.
    assert calibrated(pool, 4, strength=1).tolist() == [0, 1, 3, 2]


def test_xquad_matches_values_by_hand():
    interest_scores = np.log([[0.6, 0.1], [0.3, 0.1], [0.1, 0.8]])
    pool = Pool(scores=np.array([1.0, 0.9, 0.5]), interest_scores=interest_scores)
    # The first item adds (0.6 + 0.1)/2 and the third (0.1 + 0.8)/2. So the first is chosen first:
    # 1 + 0.35 λ equals 0.5 + 0.45 λ only at λ = 5. After the first item,
    # 0.9 + λ (0.3·0.4 + 0.1·0.9)/2 equals 0.5 + λ (0.1·0.4 + 0.8·0.9)/2 at λ = 0.4/0.275.
    assert xquad(pool, 3, strength=0.4 / 0.275 - 0.01).tolist() == [0, 1, 2]
    assert xquad(pool, 3, strength=0.4 / 0.275 + 0.01).tolist() == [0, 2, 1]


def test_fewer_candidates_than_k_are_all_listed():
    scores, categories = [0.5, 0.4, 0.3, 0.2, 0.1], [1, 1, 2, 2, 3]
    assert sorted(diversified(scores, categories, 20, 0.1)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("strength", ["0.1", "abc", -1, float("nan"), float("inf")])
def test_an_impossible_strength_is_an_error(strength):
    with pytest.raises(ConfigError, match=r"give a number of 0 .* or more"):
        diversified([1.0], [0], 1, strength)


@pytest.mark.parametrize("category", [1, -1])
def test_with_one_or_no_category_the_list_is_sorted_by_score(category):
    scores = np.linspace(1, 0, 30).tolist()
    assert diversified(scores, [category] * 30, 30, 10) == list(range(30))


def test_with_several_categories_at_strength_zero_the_list_is_sorted_by_score():
    scores = np.linspace(1, 0, 30)
    sets = [{i % 3, i % 5, 9} for i in range(30)]
    assert overlap(Pool(scores=scores, categories=sets), 30, strength=0).tolist() == list(range(30))


def test_a_strength_beyond_any_score_makes_one_list_and_keeps_the_order_of_scores():
    scores = np.random.default_rng(0).normal(size=(8, 40))
    categories = np.random.default_rng(1).integers(0, 6, (8, 40))
    expected = diversify(scores, categories, 12, strength=50.0)
    bound = scores.min(axis=1) - 0.5
    for strength in (1e6, 1e17, 1e300):
        found = diversify(scores, categories, 12, strength=strength)
        np.testing.assert_array_equal(found, expected)
        # An item that is outside could be of a category that the list does not have.
        assert not certificate(scores, categories, found, bound, strength=strength).any()
        assert certificate(scores, categories, found, bound - np.inf, strength=strength).all()
