"""Lists that were computed by hand."""

import numpy as np
import pytest

from prismrec.errors import ConfigError
from prismrec.rerank import calibrated, certificate, diversify, frontier, mmr, overlap, xquad
from prismrec.types import Pool


def one(scores, categories, k, strength):
    return diversify(np.array([scores]), np.array([categories]), k, strength=strength)[0].tolist()


# Red, red, red, blue, none: the second red pays λ, the third 2 λ.
SCORES, COLOURS = [1.0, 0.9, 0.8, 0.5, 0.1], [0, 0, 0, 1, -1]


@pytest.mark.parametrize(
    ("strength", "expected"),
    [
        (0, [0, 1, 2, 3, 4]),
        (0.1, [0, 1, 2, 3, 4]),  # 1, .9 - .1, .8 - .2, .5, .1
        (0.2, [0, 1, 3, 2, 4]),  # 1, .9 - .2, .5, .8 - .4, .1
        (1.0, [0, 3, 4, 1, 2]),  # 1, .5, .1, .9 - 1, .8 - 2
    ],
)
def test_the_second_of_a_category_pays_once_and_the_third_twice(strength, expected):
    assert one(SCORES, COLOURS, 5, strength) == expected


def test_the_frontier_of_three_reds_and_a_blue():
    found = frontier(np.array(SCORES[:4]), np.array(COLOURS[:4]), 2)
    # .9 - λ meets .5 at λ = .4; nothing changes after.
    np.testing.assert_allclose(found.breakpoints, [0, 0.9 - 0.5])
    np.testing.assert_allclose(found.relevance, [1 + 0.9, 1 + 0.5])
    np.testing.assert_allclose(found.diversity, [0, 1])
    assert found.strength_for_diversity(0.5) == pytest.approx((0.4 + 2 * 0.4) / 2)
    assert found.strength_for_relevance_loss(0.4 / 1.9 + 1e-9) == found.strength_for_diversity(1)
    assert found.strength_for_relevance_loss(0.4 / 1.9 - 1e-9) == 0


def test_a_list_is_certified_where_its_least_value_reaches_the_floor():
    scores, colours = np.array([SCORES] * 3), np.array([COLOURS] * 3)
    chosen = diversify(scores, colours, 3, strength=0.2)  # values 1, .9 - .2, .5
    floor = np.array([0.49, 0.5, 0.51])
    certain = certificate(scores, colours, chosen, floor, strength=0.2)
    assert certain.tolist() == [True, True, False]


def test_overlap_pays_the_share_of_categories_in_common():
    pool = Pool(scores=np.array([1.0, 0.9, 0.8]), categories=[{1, 2}, {1, 2, 3}, {2, 3, 4}])
    # With the first chosen: .9 - λ 2/3 against .8 - λ 1/4 meet at λ = .1 / (5/12) = .24.
    assert overlap(pool, 3, strength=0.23).tolist() == [0, 1, 2]
    assert overlap(pool, 3, strength=0.25).tolist() == [0, 2, 1]


def test_mmr_pays_the_cosine():
    vectors = np.array([[1.0, 0.0], [3.0, 4.0], [0.0, 2.0]])  # cosines to the first: 3/5 and 0
    pool = Pool(scores=np.array([1.0, 0.9, 0.6]), vectors=vectors)
    # .9 - λ 3/5 against .6 meet at λ = 1/2.
    assert mmr(pool, 3, strength=0.49).tolist() == [0, 1, 2]
    assert mmr(pool, 3, strength=0.51).tolist() == [0, 2, 1]


def test_calibrated_follows_the_history_even_where_scores_are_level():
    pool = Pool(
        scores=np.zeros(6), categories=[{1}, {1}, {1}, {2}, {2}, {2}], history=[{1}, {1}, {2}]
    )
    assert calibrated(pool, 3, strength=1).tolist() == [0, 3, 1]  # two of the 1, one of the 2


def test_calibrated_reads_no_mix_from_an_item_without_a_category():
    pool = Pool(
        scores=np.array([20.0, 9.0, 0.6, 0.0]), categories=[set(), {1}, {2}, set()], history=[{1}]
    )
    # After the first two all of the mix is 1, as in the history. The fourth leaves it so, at 0;
    # the third makes it half: .6 + log(.01 + .99 / 2) < 0. Were the first counted, it would win.
    assert calibrated(pool, 4, strength=1).tolist() == [0, 1, 3, 2]


def test_xquad_serves_the_other_interest_next():
    interest_scores = np.log([[0.6, 0.1], [0.3, 0.1], [0.1, 0.8]])
    pool = Pool(scores=np.array([1.0, 0.9, 0.5]), interest_scores=interest_scores)
    # The first adds (.6 + .1)/2 and the third (.1 + .8)/2, so 1 + .35 λ meets .5 + .45 λ at λ = 5.
    # After the first: .9 + λ (.3·.4 + .1·.9)/2 against .5 + λ (.1·.4 + .8·.9)/2: λ = .4/.275.
    assert xquad(pool, 3, strength=0.4 / 0.275 - 0.01).tolist() == [0, 1, 2]
    assert xquad(pool, 3, strength=0.4 / 0.275 + 0.01).tolist() == [0, 2, 1]


def test_fewer_candidates_than_k_are_all_listed():
    scores, categories = [0.5, 0.4, 0.3, 0.2, 0.1], [1, 1, 2, 2, 3]
    assert sorted(one(scores, categories, 20, 0.1)) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("strength", ["0.1", "abc", -1, float("nan"), float("inf")])
def test_an_impossible_strength_is_an_error(strength):
    with pytest.raises(ConfigError, match=r"give a number of 0 .* or more"):
        one([1.0], [0], 1, strength)


@pytest.mark.parametrize("category", [1, -1])
def test_one_category_or_none_is_the_order_by_score_and_drops_nothing(category):
    scores = np.linspace(1, 0, 30).tolist()
    assert one(scores, [category] * 30, 30, 10) == list(range(30))


def test_several_categories_at_strength_zero_are_the_order_by_score():
    scores = np.linspace(1, 0, 30)
    sets = [{i % 3, i % 5, 9} for i in range(30)]
    assert overlap(Pool(scores=scores, categories=sets), 30, strength=0).tolist() == list(range(30))
