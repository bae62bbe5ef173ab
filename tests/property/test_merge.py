"""Check that merging adds no item, repeats no item, and is exact with an exact index."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismrec.retrieval.index import ExactIndex
from prismrec.retrieval.merge import merge_candidates
from prismrec.types import Candidates


@st.composite
def searches(draw):
    """Draw a catalog, the interests of a few users, a depth, and excluded items."""
    items, users = draw(st.integers(1, 12)), draw(st.integers(1, 3))
    k, m = draw(st.integers(1, 4)), draw(st.integers(1, 14))
    # The values are integers, so that ties are exact.
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    vectors = random.integers(-2, 3, (items, 2)).astype(np.float32)
    queries = random.integers(-2, 3, (users, k, 2)).astype(np.float32)
    prior = np.where(random.random((users, k)) < 0.2, -np.inf, random.integers(-1, 2, (users, k)))
    prior[:, 0] = 0  # one interest is always active
    excluded = [random.choice(items, draw(st.integers(0, items)), replace=False) + 1] * users
    return vectors, queries, prior, m, excluded


def by_hand(vectors, queries, prior, excluded):
    """Score every item by its best interest and sort by score. Ties are sorted by item number."""
    ranked = []
    for query, own, absent in zip(queries, prior, excluded, strict=True):
        scores = (query @ vectors.T + own[:, None]).max(axis=0)
        order = [i + 1 for i in np.argsort(-scores, kind="stable") if i + 1 not in absent]
        ranked.append([(item, scores[item - 1]) for item in order])
    return ranked


@given(searches())
@pytest.mark.slow
def test_with_an_exact_index_the_merge_equals_the_best_items_of_the_catalog(search):
    vectors, queries, prior, m, excluded = search
    index = ExactIndex.build(vectors, np.arange(1, len(vectors) + 1))
    depth = m + max(len(numbers) for numbers in excluded)
    merged = merge_candidates(index.search(queries, depth), prior, m, excluded=excluded)
    for row, expected in enumerate(by_hand(vectors, queries, prior, excluded)):
        found = [(i, s) for i, s in zip(merged.items[row], merged.scores[row], strict=True) if i]
        assert found == expected[:m]


@given(searches())
@pytest.mark.slow
def test_an_item_is_listed_once_with_the_interest_that_scores_it_best(search):
    vectors, queries, prior, m, excluded = search
    index = ExactIndex.build(vectors, np.arange(1, len(vectors) + 1))
    depth = m + max(len(numbers) for numbers in excluded)
    merged = merge_candidates(index.search(queries, depth), prior, m, excluded=excluded)
    for row in range(len(queries)):
        listed = merged.items[row][merged.items[row] > 0]
        assert len(set(listed.tolist())) == len(listed)
        assert not set(listed.tolist()) & set(excluded[row].tolist())
        for item, score, interest in zip(*(part[row] for part in merged), strict=True):
            if item:
                own = queries[row] @ vectors[item - 1] + prior[row]
                assert own[interest] == own.max() == score


def test_an_empty_place_of_a_search_is_not_an_item():
    candidates = Candidates(
        np.array([[[3, 0], [0, 0]]]), np.array([[[1.0, 0.0], [0.0, 0.0]]], dtype=np.float32)
    )
    merged = merge_candidates(candidates, np.zeros((1, 2)), 3)
    assert merged.items.tolist() == [[3, 0, 0]]


def test_the_input_is_not_changed():
    items = np.array([[[2, 1], [1, 2]]])
    scores = np.array([[[2.0, 1.0], [3.0, 0.0]]], dtype=np.float32)
    merge_candidates(Candidates(items, scores), np.zeros((1, 2)), 4, excluded=[np.array([2])])
    assert items.tolist() == [[[2, 1], [1, 2]]]
    assert scores[0, 0, 0] == pytest.approx(2.0)
