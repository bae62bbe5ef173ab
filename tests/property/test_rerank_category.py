"""Compare ``diversify``, which sorts once, with the published greedy method and with all lists."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.errors import DataError
from prismrec.rerank import certificate, diversify, rescale, score_range
from prismrec.rerank.category import BLOCK

quick = settings(deadline=None, max_examples=60)


def differ(a, b):
    """Return whether two categories differ. -1 means no category and differs from every one."""
    return a != b or a < 0


def objective(chosen, scores, categories, strength):
    """Return Q(S) of the paper: the sum of scores plus ``strength`` per pair that differs."""
    pairs = sum(differ(categories[i], categories[j]) for i, j in combinations(chosen, 2))
    return sum(scores[i] for i in chosen) + strength * pairs


def list_of_the_paper(scores, categories, k, strength):
    """Return the list of the paper: add the item that makes Q(S) largest, k times. O(k³ M)."""
    chosen = []
    for _ in range(min(k, len(scores))):
        rest = [i for i in range(len(scores)) if i not in chosen]
        q = {i: objective([*chosen, i], scores, categories, strength) for i in rest}
        chosen.append(max(rest, key=lambda i: (q[i], -i)))
    return chosen


@st.composite
def candidate_lists(draw, descending=True):
    m = draw(st.integers(0, 8))
    # The scores are integers, so that ties are exact.
    scores = draw(st.lists(st.integers(-20, 20), min_size=m, max_size=m))
    categories = draw(st.lists(st.integers(-1, 3), min_size=m, max_size=m))
    scores = sorted(scores, reverse=True) if descending else scores
    return np.array(scores, dtype=np.float64), np.array(categories, dtype=np.int64)


def diversified(scores, categories, k, strength):
    return diversify(scores[None], categories[None], k, strength=strength)[0].tolist()


@quick
@given(candidate_lists(), st.integers(1, 10), st.integers(0, 40))
def test_the_list_equals_that_of_the_paper(candidates, k, strength):
    scores, categories = candidates
    expected = list_of_the_paper(scores, categories, k, strength)
    assert diversified(scores, categories, k, strength) == expected


@quick
@given(candidate_lists(descending=False), st.integers(1, 10), st.integers(0, 40))
def test_the_list_equals_that_of_the_paper_for_any_order_of_candidates(candidates, k, strength):
    scores, categories = candidates
    expected = list_of_the_paper(scores, categories, k, strength)
    assert diversified(scores, categories, k, strength) == expected


@quick
@given(candidate_lists(), st.integers(1, 5), st.integers(0, 40))
def test_no_list_has_a_larger_objective(candidates, k, strength):
    scores, categories = candidates
    chosen = diversified(scores, categories, k, strength)
    best = max(
        objective(other, scores, categories, strength)
        for other in combinations(range(len(scores)), min(k, len(scores)))
    )
    assert objective(chosen, scores, categories, strength) == best


@quick
@given(candidate_lists(descending=False), st.integers(1, 10))
def test_strength_zero_is_the_ranking_by_score(candidates, k):
    scores, categories = candidates
    assert diversified(scores, categories, k, 0) == np.argsort(-scores, kind="stable")[:k].tolist()


@quick
@given(candidate_lists(), st.integers(1, 10), st.sampled_from([1e6, 1e300]))
def test_a_huge_strength_shows_every_category_before_it_repeats_one(candidates, k, strength):
    scores, categories = candidates
    categories = np.abs(categories)
    shown = categories[diversified(scores, categories, k, strength)]
    distinct = len(set(categories.tolist()))
    head = shown[: min(distinct, len(shown))]
    assert len(set(head.tolist())) == len(head)


@quick
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 0.1, 1, 5]), st.booleans())
def test_results_do_not_depend_on_the_rest_of_the_batch(seed, strength, descending):
    rng = np.random.default_rng(seed)
    users = rng.choice([1, 2, BLOCK, BLOCK + 1])
    # The scores are rounded, so that ties occur at the last places.
    scores = rng.standard_normal((users, 12)).round(1).astype(np.float32)
    scores = -np.sort(-scores, axis=1) if descending else scores
    categories = rng.integers(-1, 4, (users, 12))
    chosen = diversify(scores, categories, 5, strength=strength)
    for row in {0, users // 2, users - 1}:
        alone = diversify(scores[[row]], categories[[row]], 5, strength=strength)[0]
        np.testing.assert_array_equal(chosen[row], alone)


@quick
@given(candidate_lists(), st.integers(1, 10), st.integers(0, 40))
def test_the_value_of_a_category_number_does_not_matter(candidates, k, strength):
    scores, categories = candidates
    names = np.array([7, 2**15 + 7, 2**16 + 7, 2**40])  # equal in 16 or 32 bits
    renamed = np.where(categories < 0, -1, names[categories])
    assert diversified(scores, renamed, k, strength) == diversified(scores, categories, k, strength)


@quick
@given(candidate_lists(), st.integers(0, 4), st.integers(1, 12), st.integers(0, 40))
def test_absent_candidates_come_last(candidates, absent, k, strength):
    scores, categories = candidates
    padded = np.append(scores, np.full(absent, -np.inf))
    named = np.append(categories, np.full(absent, -1))
    chosen = diversified(padded, named, k, strength)
    assert chosen[: len(scores)] == diversified(scores, categories, k, strength)
    assert chosen[len(scores) :] == list(range(len(scores), len(chosen)))


def test_a_score_of_nan_is_an_error():
    scores = np.array([[0.5, np.nan, 0.1]])
    with pytest.raises(DataError, match="NaN"):
        diversify(scores, np.zeros((1, 3), dtype=np.int64), 2, strength=0.1)


@st.composite
def catalogs(draw):
    """Return the scores of a catalog per interest, its categories, and a retrieval depth."""
    size, interests = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    row = st.lists(st.integers(0, 30), min_size=size, max_size=size)
    scores = np.array(draw(st.lists(row, min_size=interests, max_size=interests)), dtype=float)
    categories = draw(st.lists(st.integers(-1, 2), min_size=size, max_size=size))
    return scores, np.array(categories), draw(st.integers(1, size))


@quick
@given(catalogs(), st.integers(1, 4), st.integers(0, 20))
def test_a_certified_list_is_the_best_of_the_whole_catalog(catalog, k, strength):
    scores, categories, depth = catalog
    order = np.argsort(-scores, axis=1, kind="stable")[:, :depth]
    found = np.take_along_axis(scores, order, axis=1)
    items = np.unique(order)
    # The best score of an item among the interests that retrieved it, as in ``merge``.
    best = np.array([found[order == item].max() for item in items])
    chosen = diversify(best[None], categories[items][None], k, strength=strength)
    floor = np.array([found[:, -1].max() if depth < scores.shape[1] else -np.inf])
    certain = certificate(best[None], categories[items][None], chosen, floor, strength=strength)
    assert certain.shape == (1,)
    assert certain[0] or depth < scores.shape[1]
    if certain[0]:
        whole = scores.max(axis=0)
        optimum = diversified(whole, categories, chosen.shape[1], strength)
        found_objective = objective(items[chosen[0]], whole, categories, strength)
        assert found_objective == objective(optimum, whole, categories, strength)


def normalized(scores):
    return rescale(scores, *score_range(scores))


@quick
@given(candidate_lists(), st.floats(0.1, 10), st.floats(-5, 5), st.sampled_from([0, 0.25, 0.5]))
def test_normalized_scores_do_not_depend_on_scale_and_shift(candidates, scale, shift, strength):
    scores = candidates[0]
    scores = np.unique(scores)[::-1]
    here = normalized(scores[None])
    there = normalized((scale * scores + shift)[None])
    np.testing.assert_allclose(here, there, atol=1e-9)
    assert len(scores) < 2 or (here.max(), here.min()) == (1, 0)


def test_normalization_keeps_absent_candidates_absent():
    scores = np.array([[3.0, 1.0, -np.inf], [2.0, 2.0, 2.0], [-np.inf] * 3])
    expected = [[1, 0, -np.inf], [0, 0, 0], [-np.inf] * 3]
    np.testing.assert_array_equal(normalized(scores), expected)


def test_normalization_keeps_scores_that_are_no_numbers():
    scores = np.array([[3.0, np.nan, 1.0, np.inf, -np.inf]])
    np.testing.assert_array_equal(normalized(scores), [[1, np.nan, 0, np.inf, -np.inf]])
