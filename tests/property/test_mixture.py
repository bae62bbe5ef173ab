"""Check the retrieval of mixtures: exact against all scores of the catalog, or not certified."""

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from prismrec.rerank import Filter
from prismrec.retrieval import ItemSearch, Query, search
from prismrec.retrieval.index import ExactIndex
from worlds import formed, ids

pytestmark = pytest.mark.slow


@st.composite
def requests(draw):
    """Draw a catalog, the interests of a few users, excluded items and eligible items."""
    items, users = draw(st.integers(1, 60)), draw(st.integers(1, 3))
    interests = draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    vectors = random.normal(size=(items + 1, 3)).astype(np.float32)
    queries = random.normal(scale=2, size=(users, interests, 3)).astype(np.float32)
    logits = queries.astype(np.float64) @ vectors[1:].T
    prior = np.log(random.dirichlet(np.ones(interests), users)) - logsumexp(logits, axis=2)
    prior[random.random(prior.shape) < 0.2] = -np.inf
    prior[:, 0] = np.where(np.isneginf(prior).all(axis=1), 0, prior[:, 0])
    excluded = [random.choice(items, random.integers(items + 1), replace=False) + 1
                for _ in range(users)]  # fmt: skip
    eligible = None
    if draw(st.booleans()):
        eligible = random.random(items + 1) < draw(st.sampled_from([0.05, 0.5, 0.9]))
    query = Query(queries, prior.astype(np.float32), excluded, mixture=True)
    return vectors, query, draw(st.integers(1, 70)), eligible


def all_scores(vectors, query, eligible=None):
    """Return log Σ exp over the interests for each user and item; -inf where it may not be."""
    scores = query.vectors.astype(np.float64) @ vectors.T + query.prior[..., None]
    joined = logsumexp(scores, axis=1)
    joined[:, 0] = -np.inf
    for row, excluded in enumerate(query.excluded):
        joined[row, excluded] = -np.inf
    if eligible is not None:
        joined[:, ~eligible] = -np.inf
    return joined


def found_by(vectors, query, depth, eligible, kind=ExactIndex):
    index = kind.build(vectors[1:], np.arange(1, len(vectors)))
    return ItemSearch(index, lambda i: vectors[i], vectors.shape[1]).find(query, depth, eligible)


def assert_best(found, expected, depth):
    for items, scores, own in zip(found.items, found.scores, expected, strict=True):
        best = np.argsort(-own, kind="stable")[:depth]
        best = best[~np.isneginf(own[best])]
        assert items[items > 0].tolist() == best.tolist()
        assert scores[: len(best)] == pytest.approx(own[best], abs=1e-4)
        assert np.isneginf(scores[len(best) :]).all()


@given(requests())
@settings(max_examples=150)
def test_a_mixture_equals_the_log_sum_over_the_whole_catalog(request):
    vectors, query, depth, eligible = request
    found = found_by(vectors, query, depth, eligible)
    assert_best(found, all_scores(vectors, query, eligible), depth)
    assert found.certified.all()


@given(requests())
@settings(max_examples=150)
def test_searching_each_interest_finds_the_same_and_proves_it(request):
    vectors, query, depth, eligible = request
    with patch.object(search, "SMALL_CATALOG", 0):
        found = found_by(vectors, query, depth, eligible)
    assert_best(found, all_scores(vectors, query, eligible), depth)
    assert found.certified.all()


@given(requests(), st.integers(1, 8))
@settings(max_examples=150)
def test_a_list_that_is_certified_is_the_best(request, deepest):
    vectors, query, depth, eligible = request
    with patch.object(search, "SMALL_CATALOG", 0), patch.object(search, "MAX_DEPTH", deepest):
        found = found_by(vectors, query, min(depth, 3), eligible)
    expected = all_scores(vectors, query, eligible)
    part = found.certified
    if part.any():
        assert_best(type(found)(found.items[part], found.scores[part], part[part]),
                    expected[part], min(depth, 3))  # fmt: skip


def between_all():
    """Return a catalog in which the best item of a mixture is the best of no interest.

    Item 1 is second for each of 4 interests; before it come ten items of each interest.
    """
    vectors = np.zeros((42, 4), dtype=np.float32)
    vectors[1] = 1.0
    for interest in range(4):
        rows = slice(2 + 10 * interest, 12 + 10 * interest)
        vectors[rows, interest] = np.linspace(1.2, 1.1, 10)
        vectors[rows, np.arange(4) != interest] = -5
    query = Query(3 * np.eye(4, dtype=np.float32)[None], np.full((1, 4), -5, np.float32),
                  [np.empty(0, dtype=np.int64)], mixture=True)  # fmt: skip
    return vectors, query


def test_the_search_goes_deeper_until_the_list_is_certified(monkeypatch):
    monkeypatch.setattr(search, "SMALL_CATALOG", 0)
    vectors, query = between_all()
    found = found_by(vectors, query, 2, None)
    assert found.items[0, 0] == 1
    assert found.certified.all()


def test_a_list_that_the_deepest_search_does_not_prove_is_not_certified(monkeypatch):
    monkeypatch.setattr(search, "SMALL_CATALOG", 0)
    monkeypatch.setattr(search, "MAX_DEPTH", 2)
    vectors, query = between_all()
    found = found_by(vectors, query, 2, None)
    assert 1 not in found.items
    assert not found.certified.any()


def test_an_approximate_index_finds_a_mixture_up_to_its_recall():
    pytest.importorskip("faiss")
    from prismrec.retrieval.index.faiss import IvfFlat

    random = np.random.default_rng(0)
    vectors = random.normal(size=(2_000, 8)).astype(np.float32)
    queries = random.normal(size=(20, 4, 8)).astype(np.float32)
    prior = -logsumexp(queries.astype(np.float64) @ vectors[1:].T, axis=2) - np.log(4)
    query = Query(queries, prior.astype(np.float32), [np.arange(1, 9)] * 20, mixture=True)
    found = found_by(vectors, query, 20, None, IvfFlat)
    expected = np.argsort(-all_scores(vectors, query), axis=1)[:, :20]
    shared = [len(set(own) & set(best)) for own, best in
              zip(found.items.tolist(), expected.tolist(), strict=True)]  # fmt: skip
    assert np.mean(shared) > 0.95 * 20
    assert (found.items > 8).all()


@pytest.mark.parametrize("small", [0, 1 << 16])
def test_an_item_of_tiny_probability_is_not_lost(small, monkeypatch):
    monkeypatch.setattr(search, "SMALL_CATALOG", small)
    vectors = np.zeros((41, 2), dtype=np.float32)
    vectors[1:, 0] = -10.0 * np.arange(40)
    queries = np.array([[[1.0, 0], [1.0, 0.1]]], dtype=np.float32)
    query = Query(queries, np.full((1, 2), -1, np.float32), [np.array([1])], mixture=True)
    eligible = np.zeros(41, dtype=bool)
    eligible[[1, 30, 35, 40]] = True  # their probabilities are exp(-290) to exp(-390)
    found = found_by(vectors, query, 5, eligible)
    assert found.items[0].tolist() == [30, 35, 40, 0, 0]
    assert_best(found, all_scores(vectors, query, eligible), 5)


@pytest.mark.parametrize("small", [0, 1 << 16])
@pytest.mark.parametrize("masked", [False, True])
def test_lists_of_a_formed_model_are_the_most_likely_items(dataset, small, masked, monkeypatch):
    monkeypatch.setattr(search, "SMALL_CATALOG", small)
    recommender = formed(dataset, mask_history_negatives=masked)
    model, catalog = recommender.model, dataset.catalog
    names = catalog.items.external(list(range(1, catalog.size)))
    hidden, blocked = names[3], names[5]
    recommender = recommender.with_hidden([hidden])
    for user in range(6):
        history = dataset.histories[user]
        found = model.interests_of([history])
        logits = (found.vectors @ model.item_vectors().T).detach().double().numpy()[0]
        of_sum = np.ones(catalog.size, dtype=bool)
        of_sum[0] = False
        if masked:
            of_sum[history[-10:]] = False  # those that the model reads
        log_p = logits - logsumexp(logits[:, of_sum], axis=1)[:, None]
        active = found.active[0].numpy()
        prior = found.bias[0].double().numpy() + logsumexp(logits[:, of_sum], axis=1)
        assert np.exp(prior[active]).sum() == pytest.approx(1, abs=1e-4)
        score = logsumexp(log_p[active] + prior[active, None], axis=0)
        score[[0, 4, 6, *history]] = -np.inf
        expected = [i for i in np.argsort(-score, kind="stable") if score[i] > -np.inf]
        for k in (3, 100):
            answer = recommender.recommend(ids(dataset, user), k, filter=Filter(blocked=[blocked]))
            assert [item.id for item in answer] == catalog.items.external(expected[:k])
            assert [item.score for item in answer] == pytest.approx(
                score[expected[:k]].tolist(), abs=1e-4
            )
            assert answer.certified
        assert answer.reason == "exhausted"
