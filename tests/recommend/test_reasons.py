"""Reasons of items: contributions of events add up to what interests and item have in common.

The score of an item i is, with interests k of vectors v_k,

    log Σ_k exp(v_k·e_i + b_i + prior_k - Z_k)      (mixture)        or the largest of these terms.

``from_history`` is Σ_k p(k | i) v_k·e_i.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.special import softmax

from prismrec.recommend.reasons import event_contributions, reasons_of
from prismrec.rerank import AddedInterest, InterestOptions
from prismrec.retrieval.rules import RuleRetriever
from worlds import formed, ids, untrained

TWO_TABLES = {"tie_embeddings": False}
NORMALIZED = {"normalized": True}
COSINE = {"similarity": "cosine", "temperature": 0.1}
LINEAR = {
    "sa": untrained,
    "sa, one": lambda d: untrained(d, interests=1, **TWO_TABLES),
    "sa, cosine": lambda d: untrained(d, **COSINE),
    "dr": lambda d: untrained(d, extractor="dr"),
    "dr, cosine": lambda d: untrained(d, extractor="dr", **COSINE, **TWO_TABLES),
    "mean": lambda d: untrained(d, extractor="mean", interests=1),
    "mean, temperature": lambda d: untrained(d, extractor="mean", interests=1, temperature=0.5),
    "mind": lambda d: untrained(d, extractor="mind"),
    "prism": lambda d: untrained(d, extractor="prism", **NORMALIZED),
    "prism, block": lambda d: untrained(d, extractor="prism", own={"block": True}, **NORMALIZED),
    "prism, clusters": lambda d: untrained(d, extractor="prism", own={"clusters": 2},
                                           **NORMALIZED, **TWO_TABLES),
    "formed": formed,
    "formed, one table": lambda d: formed(d, tie_embeddings=True, temperature=0.4),
    "formed, cosine": lambda d: formed(d, **COSINE),
    "formed, block": lambda d: formed(d, own={"block": True}, mask_history_negatives=True),
    "formed, sa": lambda d: formed(d, extractor="sa"),
    "formed, mean": lambda d: formed(d, extractor="mean"),
}  # fmt: skip


@pytest.fixture(params=LINEAR)
def recommender(request, dataset):
    return LINEAR[request.param](dataset)


@pytest.fixture
def rules(dataset):
    return RuleRetriever.count(
        dataset.histories, dataset.catalog.size, backward=0.5, alpha=0.0, beta=0.3, weight=1.5
    )


def by_hand(recommender, history, items):
    """Return p(k | i), v_k·e_i, and the rest of the scores, for items ``[M]``, all ``[M, K]``."""
    model, dim = recommender.model, recommender.model.extractor.dim
    found = model.interests_of([history], states=True)
    vectors = model.item_vectors().detach().double()[torch.from_numpy(items)].numpy()
    queries = found.vectors[0].double().numpy()
    content = vectors[:, :dim] @ queries[:, :dim].T
    rest = vectors[:, dim:] @ queries[:, dim:].T + found.bias[0].double().numpy()
    rest = np.where(found.active[0].numpy(), rest, -np.inf)
    score = content + rest
    if model.forming is None:
        return np.eye(score.shape[1])[score.argmax(axis=1)], content, rest
    return softmax(score, axis=1), content, rest


@pytest.mark.slow
def test_contributions_add_up_to_what_interests_and_item_have_in_common(dataset, recommender):
    for user in range(5):
        history = dataset.histories[user]
        answer = recommender.recommend(ids(dataset, user), 40)
        items = dataset.catalog.items.index([item.id for item in answer])
        likely, content, rest = by_hand(recommender, history, items)
        expected = (likely * content).sum(axis=1)
        query = recommender.retriever.query_of(
            [history], recommender.model.interests_of([history], states=True)
        )
        parts = event_contributions(
            query, recommender.model.interests_of([history], states=True), 0,
            recommender.model.vectors_as_numpy(items),
        )  # fmt: skip
        assert parts.sum(axis=1) == pytest.approx(expected, abs=1e-4)
        assert [item.from_history for item in answer] == pytest.approx(expected, abs=1e-4)
        # The rest of the score: priors, normalizers and item bias, and the entropy of p(k | i).
        left = np.where(likely > 0, rest - np.log(np.maximum(likely, 1e-300)), 0)
        scores = expected + (likely * left).sum(axis=1)
        assert [item.score for item in answer] == pytest.approx(scores, abs=1e-4)


@pytest.mark.slow
def test_the_three_largest_positive_contributions_are_named(dataset, recommender):
    for user in range(5):
        history = dataset.histories[user]
        answer = recommender.recommend(ids(dataset, user), 40)
        items = dataset.catalog.items.index([item.id for item in answer])
        read = recommender.model.interests_of([history], states=True)
        query = recommender.retriever.query_of([history], read)
        vectors = recommender.model.vectors_as_numpy(items)
        parts = event_contributions(query, read, 0, vectors)
        newest = history[-10:]
        for item, own in zip(answer, parts, strict=True):
            by_id = {}
            for number, part in zip(newest.tolist(), own, strict=False):
                name = dataset.catalog.items.external([number])[0]
                by_id[name] = by_id.get(name, 0) + part
            positive = {name: part for name, part in by_id.items() if part > 1e-9}
            best = sorted(positive.values(), reverse=True)[:3]
            if own[: len(newest)].sum() <= 0:  # the history speaks against it
                best = []
            assert [one.contribution for one in item.because] == pytest.approx(best, abs=1e-5)
            for one in item.because:
                assert one.contribution == pytest.approx(by_id[one.id])
                assert one.share == pytest.approx(one.contribution / sum(positive.values()))


@pytest.mark.parametrize("name", [name for name in LINEAR if name.startswith("formed")])
@pytest.mark.slow
def test_an_item_belongs_to_the_cluster_whose_events_add_most(dataset, name):
    recommender = LINEAR[name](dataset)
    several = 0
    for user in range(12):
        history = dataset.histories[user]
        read = recommender.model.interests_of([history], states=True)
        source = recommender.retriever.source([history], read, exclude_seen=True, eligible=None)
        ranked, _ = source.search(np.arange(1), 30)
        items = ranked.items[0][ranked.items[0] > 0]
        vectors = recommender.model.vectors_as_numpy(items)
        parts = event_contributions(source.query, read, 0, vectors)  # [M, L]
        member = (read.weights[0] > 0).numpy()  # [K, L]
        numbers = read.shown[0].nonzero()[:, 0].numpy()
        if len(numbers) < 2:
            assert (ranked.interest[0] == 1).all()
            continue
        several += 1
        per_cluster = parts @ member[numbers].T
        assert per_cluster.sum(axis=1) == pytest.approx(parts.sum(axis=1), abs=1e-5)
        expected = numbers[per_cluster.argmax(axis=1)]
        margin = np.diff(np.sort(per_cluster, axis=1)[:, -2:], axis=1)[:, 0]
        clear = margin > 1e-5
        assert clear.mean() > 0.9
        assert np.array_equal(ranked.interest[0, : len(items)][clear], expected[clear])
    assert several > 2 or name == "formed, mean"


def test_an_added_interest_has_no_events(dataset):
    recommender, history = formed(dataset), dataset.histories[0]
    category = dataset.catalog.category_names[0]
    options = InterestOptions(added=[AddedInterest(category=category, weight=50)])
    answer = recommender.recommend(ids(dataset, 0), 20, interests=options)
    added = recommender.model.interests
    assert any(item.interest == added for item in answer)
    read = recommender._read([history], replace(answer.options))
    items = dataset.catalog.items.index([item.id for item in answer])
    found = read.vectors[0, :, :8].double().numpy()
    vectors = recommender.model.vectors_as_numpy(items)
    scores = vectors @ read.vectors[0].numpy().T + np.where(
        read.active[0], read.bias[0], -np.inf
    )  # fmt: skip
    likely = softmax(scores, axis=1)
    own = (likely * (vectors[:, :8] @ found.T))[:, :added].sum(axis=1)
    assert [item.from_history for item in answer] == pytest.approx(own, abs=1e-4)
    assert not any(item.because for item in answer if item.interest == added)
    assert all(item.because for item in answer if item.interest != added and item.from_history > 0)


def test_because_is_empty_where_no_event_speaks_for_an_item(dataset):
    contributions = np.array([[-1.0, -0.5, 0.0], [2.0, -1.0, 0.0], [0.5, 1.0, 3.0]])
    none, one, all_three = reasons_of(dataset.catalog, np.array([4, 7, 4]), contributions)
    assert none == ()
    names = dataset.catalog.items.external([4, 7])
    assert [(c.id, c.contribution, c.share) for c in one] == [(names[0], 2.0, 1.0)]
    # Item 4 is in the history twice: 0.5 + 3.
    assert [(c.id, c.contribution) for c in all_three] == [(names[0], 3.5), (names[1], 1.0)]
    assert [c.share for c in all_three] == pytest.approx([3.5 / 4.5, 1 / 4.5])


@pytest.mark.parametrize("kind", ["formed", "sa"])
@pytest.mark.slow
def test_the_share_of_the_rules_is_that_of_the_probability(dataset, rules, kind):
    plain = LINEAR[kind](dataset)
    recommender = plain.with_rules(rules)
    from_both = 0
    for user in range(6):
        history = dataset.histories[user]
        every = plain.ranked([history], dataset.catalog.size)
        scores = dict(zip(every.items[0].tolist(), every.scores[0].tolist(), strict=True))
        scores.pop(0, None)
        total = sum(np.exp(score) for score in scores.values())
        weights = 0.8 ** np.arange(len(history))[::-1]
        follows = sum(
            weight * rules.table[[item], :].toarray()[0]
            for item, weight in zip(history.tolist(), weights, strict=True)
        )
        follows[history] = 0
        for item in recommender.recommend(ids(dataset, user), 30):
            number = int(dataset.catalog.items.index([item.id])[0])
            likely = np.exp(scores[number]) / total
            by_rules = rules.weight * follows[number] / follows.sum()
            assert 0 <= item.from_rules <= 1
            assert item.from_rules == pytest.approx(by_rules / (likely + by_rules), abs=1e-5)
            assert item.score == pytest.approx(np.log(likely + by_rules), abs=1e-4)
            from_both += 0 < item.from_rules < 1
    assert from_both > 20


def test_the_share_of_the_rules_is_a_number_at_tiny_probabilities(dataset):
    plain, newest = untrained(dataset), dataset.histories[0][-1]
    number = next(n for n in range(1, 40) if n not in dataset.histories[0])
    size = dataset.catalog.size
    one_rule = RuleRetriever(sparse.csr_array(([1.0], ([newest], [number])), (size, size)), 1.0)
    with torch.no_grad():
        plain.model.items.weight *= 1_000
    far = type(plain).exact(plain.model, dataset.catalog).with_rules(one_rule)
    shares = [item.from_rules for item in far.recommend(ids(dataset, 0), 40)]
    assert len(shares) > 20
    assert sorted(shares)[:-1] == [0] * (len(shares) - 1)
    assert 0 < max(shares) <= 1


def test_without_rules_or_with_a_weight_of_zero_nothing_comes_from_rules(dataset):
    size = dataset.catalog.size
    empty = RuleRetriever(sparse.csr_array((size, size)), 1.0)
    for recommender in (formed(dataset), formed(dataset).with_rules(empty)):
        answer = recommender.recommend(ids(dataset, 0), 9)
        assert [item.from_rules for item in answer] == [0.0] * 9
        assert not any(item.goes_with for item in answer)


def test_without_explain_there_are_no_reasons(dataset):
    for item in formed(dataset).recommend(ids(dataset, 0), 5, explain=False):
        assert item.because == ()
        assert item.from_history is None


def test_an_interest_that_is_no_sum_of_events_has_no_reasons(dataset, rules):
    recommender = untrained(dataset, extractor="mind", own={"project": True}).with_rules(rules)
    answer = recommender.recommend(ids(dataset, 0), 30)
    assert {(item.because, item.from_history) for item in answer} == {((), None)}
    assert any(item.goes_with for item in answer)


@pytest.mark.parametrize("extractor", ["gru", "transformer"])
def test_other_extractors_state_their_whole_interest_at_the_newest_event(dataset, extractor):
    recommender = untrained(dataset, extractor=extractor, interests=1)
    history = ids(dataset, 0)
    for item in recommender.recommend(history, 9):
        assert {one.id for one in item.because} <= {history[-1]}
        assert item.from_history == pytest.approx(item.score, abs=1e-4)
