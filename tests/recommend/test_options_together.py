"""Compare all options of one request together with the scores of the whole catalog."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from attribute_world import dataset_with_attributes, passes, random_condition
from prismrec.numerics import normalize
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import Boost, Filter, InterestOptions, ListOptions
from prismrec.retrieval import NEAR, PENALTY, RuleRetriever, blended, count_rules, disliked
from prismrec.retrieval import search as retrieval
from worlds import formed, untrained

pytestmark = pytest.mark.slow

DATASET = dataset_with_attributes()
CATALOG = DATASET.catalog
CELLS = [CATALOG.attributes.of_item(item) for item in range(CATALOG.size)]


def with_near_items(recommender):
    """Return a recommender in which the items of every ten have parallel vectors."""
    model, items = recommender.model, np.arange(1, CATALOG.size)
    table, dim = (model.outputs or model.items).weight.data, model.extractor.dim
    length = torch.from_numpy(1 + 0.1 * (items % 10)).float()
    table[items, :dim] = length[:, None] * table[np.maximum(items - items % 10, 1), :dim]
    return Recommender.exact(model, CATALOG)


PLAIN = {
    one: with_near_items(make(DATASET))
    for one, make in (("interests", untrained), ("formed", formed))
}
RULES = RuleRetriever(count_rules(DATASET.histories, CATALOG.size), 0.7)
RECOMMENDERS = PLAIN | {f"{name}, rules": one.with_rules(RULES) for name, one in PLAIN.items()}


def passing(conditions):
    """Return which items pass all of some conditions."""
    return np.array([n > 0 and all(passes(own, c) for c in conditions)
                     for n, own in enumerate(CELLS)])  # fmt: skip


def whole_catalog(recommender, history, options, numbers):
    """Return the score of every item, -inf where it is not eligible."""
    query = recommender.retriever.query_of(
        [history], recommender.model.interests_of([history]), exclude_seen=options.exclude_seen
    )
    vectors = recommender.model.vectors_as_numpy(np.arange(CATALOG.size)).astype(np.float64)
    scores = vectors @ query.vectors[0].T + query.prior[0]
    scores = logsumexp(scores, axis=1) if query.mixture else scores.max(axis=1)
    eligible = passing(options.filter.where)
    eligible[numbers] = False
    eligible[query.excluded[0]] = False
    scores[~eligible] = -np.inf
    if recommender.rules is not None and eligible.any():
        rules = np.where(eligible, recommender.rules.scores([history]).toarray()[0], 0)
        rules[np.argsort(-rules, kind="stable")[blended.CANDIDATES :]] = 0
        weighted = recommender.rules.weight * rules / max(rules.sum(), 1e-300)
        total = logsumexp(np.sort(scores)[-blended.REFERENCE :])
        with np.errstate(divide="ignore"):
            scores = np.where(eligible, np.logaddexp(scores - total, np.log(weighted)), -np.inf)
    for boost in options.boosts:
        scores[passing(boost.where)] += boost.added
    unit = normalize(vectors[:, : recommender.model.extractor.dim])
    near = (unit @ unit[numbers].T >= NEAR).any(axis=1)
    return scores - PENALTY * near


def random_options(generator, recommender, history):
    """Return options of every kind, and the numbers of the disliked items, none or two."""
    boosts = [
        Boost(where=[random_condition(generator)], factor=float(generator.choice([0.01, 3, 1000])))
        for _ in range(2)
    ]
    options = ListOptions(
        k=int(generator.choice([1, 7, 25])),
        exclude_seen=bool(generator.random() < 0.5),
        filter=Filter(where=[random_condition(generator)]),
        boosts=boosts,
    )
    best = recommender.ranked([history], options).items[0]
    numbers = best[best > 0][[0, -1]] if generator.random() < 0.7 else best[:0]
    return replace(options, dislikes=CATALOG.items.external(numbers.tolist())), numbers


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("name", sorted(RECOMMENDERS))
def test_a_certified_list_is_the_best_of_the_whole_catalog(name, small, monkeypatch):
    generator, recommender = np.random.default_rng(3), RECOMMENDERS[name]
    if not small:
        monkeypatch.setattr(retrieval, "SMALL_CATALOG", 0)
    monkeypatch.setattr(blended, "REFERENCE", 15)
    monkeypatch.setattr(blended, "CANDIDATES", 10)
    for user in range(12):
        deepest = int(generator.choice([8, 4_096]))
        monkeypatch.setattr(disliked, "MAX_DEPTH", deepest)
        history = DATASET.histories[user]
        options, numbers = random_options(generator, recommender, history)
        (answer,) = recommender.recommend_many([CATALOG.items.external(history.tolist())], options)
        scores = whole_catalog(recommender, history, options, numbers)
        listed = CATALOG.items.index([item.id for item in answer])
        shown = [item.score for item in answer]
        np.testing.assert_allclose(shown, scores[listed], rtol=1e-5, atol=4e-5)
        assert answer.certified or deepest == 8
        if answer.certified:
            best = np.sort(scores[np.isfinite(scores)])[::-1][: options.k]
            np.testing.assert_allclose(shown, best, rtol=1e-5, atol=4e-5)


@pytest.mark.parametrize("name", sorted(RECOMMENDERS))
def test_weights_of_interests_apply_to_the_changed_scores(name):
    recommender, generator = RECOMMENDERS[name], np.random.default_rng(5)
    for user in range(6):
        history = DATASET.histories[user]
        options, _ = random_options(generator, recommender, history)
        weights = InterestOptions(weights={1: 6.0})
        common = {"filter": options.filter, "boosts": options.boosts, "dislikes": options.dislikes}
        whole = recommender.ranked([history], CATALOG.size, **common)
        found = recommender.ranked([history], 7, interests=weights, **common)
        relevance = whole.scores[0] + np.log(6.0) * (whole.interest[0] == 1)
        relevance = relevance[whole.items[0] > 0]
        best = np.sort(relevance)[::-1][:7]
        own = (found.scores[0] + np.log(6.0) * (found.interest[0] == 1))[found.items[0] > 0]
        np.testing.assert_allclose(own, best, rtol=1e-5, atol=4e-5)


@pytest.mark.parametrize("name", sorted(RECOMMENDERS))
def test_other_users_of_a_batch_change_no_list(name):
    recommender, histories = RECOMMENDERS[name], [DATASET.histories[user] for user in range(9)]
    options, _ = random_options(np.random.default_rng(4), recommender, histories[0])
    together = recommender.ranked(histories, options)
    for row, history in enumerate(histories):
        alone = recommender.ranked([history], options)
        assert alone.items[0].tolist() == together.items[row].tolist()
