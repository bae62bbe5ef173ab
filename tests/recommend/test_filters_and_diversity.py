"""Test filters, hidden items and diversity, and how the answer describes them."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest
import torch

from prismrec.errors import ConfigError, UnknownName
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.model import Model
from prismrec.recommend.artifact import load, save
from prismrec.recommend.cold_start import NewItem
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import RERANKERS, Diversity, Filter, ListOptions
from prismrec.retrieval import search as retrieval
from prismrec.retrieval.index import ShardedIndex, choose_index
from worlds import formed, ids, untrained


@pytest.fixture(params=["short", "long"])
def recommender(dataset, request, monkeypatch):
    """Return a recommender that scores the whole catalog, or one that searches and merges."""
    if request.param == "long":
        monkeypatch.setattr(retrieval, "SMALL_CATALOG", 0)
    return untrained(dataset)


def whole_list(recommender, history):
    """Return all items that are not in the history, best first, as the expected order."""
    numbers = recommender.catalog.items.index(history)
    vectors = recommender.model.interests_of([numbers]).vectors[0]
    scores = (vectors @ recommender.model.item_vectors().T).amax(0).detach().numpy()
    order = np.argsort(-scores[1:], kind="stable") + 1
    left = order[~np.isin(order, numbers)]
    return recommender.catalog.items.external(left.tolist()), scores


def listed(answer):
    return [item.id for item in answer]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.95])
def test_the_list_contains_the_best_allowed_items(dataset, recommender, share):
    history = ids(dataset, 1)
    order, _ = whole_list(recommender, history)
    generator = np.random.default_rng(int(share * 100))
    open_ = {name for name in order if generator.random() < share}
    expected = [name for name in order if name in open_][:7]
    closed = set(order) - open_
    assert listed(recommender.recommend(history, 7, filter=Filter(allowed=open_))) == expected
    assert listed(recommender.recommend(history, 7, filter=Filter(blocked=closed))) == expected
    assert listed(recommender.with_hidden(closed).recommend(history, 7)) == expected


def test_a_list_that_filters_make_shorter_has_the_reason_exhausted(dataset, recommender):
    some = dataset.catalog.items.external(range(1, 11))
    only = Filter(allowed=some, blocked=some[:9])
    answer = recommender.recommend(ids(dataset, 0), 5, filter=only, exclude_seen=False)
    assert (listed(answer), answer.reason) == (some[9:], "exhausted")
    assert recommender.recommend(ids(dataset, 0), 5).reason is None


def test_a_hidden_item_is_removed_immediately_and_the_next_item_is_added(dataset, recommender):
    history = ids(dataset, 0)
    before = listed(recommender.recommend(history, 5))
    without = recommender.with_hidden(before[:1])
    after = listed(without.recommend(history, 5))
    assert after[:4] == before[1:]
    assert len(after) == 5
    assert before[0] not in [near.id for near in without.similar(before[1], 1_000)]
    assert listed(without.with_visible(before[:1]).recommend(history, 5)) == before
    assert listed(recommender.recommend(history, 5)) == before


def test_a_category_filter_returns_only_items_of_these_categories(dataset, recommender):
    name = dataset.catalog.category_names[0]
    answer = recommender.recommend(ids(dataset, 0), 5, filter=Filter(categories=[name]))
    assert len(answer) == 5
    for number in dataset.catalog.items.index(listed(answer)):
        assert 0 in dataset.catalog.categories_of(number)
    with pytest.raises(UnknownName, match="No category named 'x'"):
        recommender.recommend(ids(dataset, 0), 5, filter=Filter(categories=["x"]))


def test_filters_also_apply_to_unknown_users(dataset, recommender):
    name = dataset.catalog.category_names[0]
    top = listed(recommender.recommend([], 3))
    answer = recommender.with_hidden(top).recommend([], 3, filter=Filter(categories=[name]))
    assert not set(listed(answer)) & set(top)
    assert len(answer) == 3
    for number in dataset.catalog.items.index(listed(answer)):
        assert 0 in dataset.catalog.categories_of(number)


def test_the_list_is_empty_if_no_item_is_allowed(dataset, recommender):
    answer = recommender.recommend(ids(dataset, 0), 5, filter=Filter(allowed=[]))
    assert (listed(answer), answer.reason) == ([], "exhausted")


@pytest.mark.parametrize("strength", [0.01, 0.1, 0.5, 3.0])
def test_a_certified_list_is_the_best_of_the_whole_catalog(dataset, recommender, strength):
    history = ids(dataset, 2)
    order, scores = whole_list(recommender, history)
    answer = recommender.recommend(history, 5, diversity=strength)
    assert answer.certified
    numbers = dataset.catalog.items.index(order)
    pool = scores[numbers[:20]]  # scores are scaled by the first pool, which has 4 k items
    scaled = (scores[numbers] - pool.min()) / (pool.max() - pool.min())
    counts: dict[int, int] = {}
    values = []
    for number, score in zip(numbers, scaled, strict=True):
        category = int(dataset.catalog.single_category[number])
        values.append(score - strength * counts.get(category, 0))
        if category >= 0:
            counts[category] = counts.get(category, 0) + 1
    best = np.sort(values)[::-1][:5].sum()
    chosen = sum(values[order.index(name)] for name in listed(answer))
    assert chosen == pytest.approx(best, abs=1e-5)


def test_an_answer_lists_the_items_that_diversity_displaced(dataset, recommender):
    history = ids(dataset, 2)
    plain = listed(recommender.recommend(history, 6))
    answer = recommender.recommend(history, 6, diversity=0.5)
    assert listed(answer) != plain
    assert list(answer.displaced) == [name for name in plain if name not in listed(answer)]
    order, _ = whole_list(recommender, history)
    for item in answer:
        assert item.rank_by_score == order.index(item.id) + 1
    same = recommender.recommend(history, 6)
    assert [item.rank_by_score for item in same] == [1, 2, 3, 4, 5, 6]
    assert same.displaced == ()


def diversity_of(catalog, names):
    own = catalog.single_category[catalog.items.index(names)]
    pairs = [(a, b) for i, a in enumerate(own) for b in own[i + 1 :]]
    return np.mean([a != b or a < 0 for a, b in pairs])


def test_a_target_diversity_is_reached_with_the_smallest_strength(dataset, recommender):
    history = ids(dataset, 2)
    for wanted in (0.5, 0.8, 1.0):
        answer = recommender.recommend(history, 6, diversity=Diversity(target=wanted))
        reached = diversity_of(dataset.catalog, listed(answer))
        assert reached >= wanted or wanted == 1.0
        again = recommender.recommend(history, 6, diversity=answer.strength)
        assert listed(again) == listed(answer)


@pytest.mark.parametrize("diversity", [Diversity(target=0.5), Diversity(max_relevance_loss=0.2)])
def test_a_diversity_target_does_not_change_a_list_without_pairs(dataset, recommender, diversity):
    """Check lists of one item or none, also in one batch with a list that has pairs of items."""
    history = ids(dataset, 2)
    everything = dataset.catalog.items.external(range(1, dataset.catalog.size))
    assert len(recommender.recommend(history, 1, diversity=diversity)) == 1
    together = recommender.recommend_many(
        [history, everything[1:]], ListOptions(k=5, diversity=diversity)
    )
    assert [len(answer) for answer in together] == [5, 1]
    assert listed(together[0]) == listed(recommender.recommend(history, 5, diversity=diversity))
    nothing = recommender.recommend(history, 5, diversity=diversity, filter=Filter(allowed=[]))
    assert not len(nothing)


def test_the_loss_of_relevance_stays_within_its_limit(dataset, recommender):
    history = ids(dataset, 2)
    order, scores = whole_list(recommender, history)
    numbers = dataset.catalog.items.index(order)
    pool = scores[numbers[:24]]
    scaled = {
        name: (scores[n] - pool.min()) / (pool.max() - pool.min())
        for name, n in zip(order, numbers, strict=True)
    }
    best = sum(scaled[name] for name in order[:6])
    strengths = []
    for lost in (0.0, 0.05, 0.3):
        answer = recommender.recommend(history, 6, diversity=Diversity(max_relevance_loss=lost))
        assert sum(scaled[name] for name in listed(answer)) >= (1 - lost) * best - 1e-6
        strengths.append(answer.strength)
    assert strengths == sorted(strengths)
    assert strengths[-1] > 0


def test_the_frontier_contains_the_diversity_of_each_served_list(dataset, recommender):
    history = ids(dataset, 2)
    found = recommender.frontier(history, 6)
    for place, strength in enumerate(found.strength.tolist()):
        answer = recommender.recommend(history, 6, diversity=strength)
        assert answer.diversity == pytest.approx(found.diversity[place])
        assert answer.diversity == pytest.approx(diversity_of(dataset.catalog, listed(answer)))
    assert len(recommender.frontier([], 6).strength) >= 1
    farthest = recommender.recommend(history, 6, diversity=100.0)
    assert farthest.diversity == pytest.approx(found.diversity[-1])


def test_an_answer_without_explanations_has_the_same_items(dataset, recommender):
    history = ids(dataset, 2)
    explained, unexplained = (
        recommender.recommend(history, 6, explain=flag) for flag in (True, False)
    )
    assert listed(explained) == listed(unexplained)
    assert [item.because for item in unexplained] == [()] * 6


@pytest.mark.parametrize("options", [{}, {"diversity": 0.3}, {"exclude_seen": False}])
@pytest.mark.slow
def test_a_batch_gives_the_same_answers_as_single_requests(dataset, recommender, options):
    histories = [ids(dataset, user) for user in range(9)] + [[], ["zzz", *ids(dataset, 1)]]
    together = recommender.recommend_many(histories, ListOptions(k=7, **options))
    for history, answer in zip(histories, together, strict=True):
        alone = recommender.recommend(history, 7, **options)
        assert listed(answer) == listed(alone)
        assert (answer.source, answer.unknown) == (alone.source, alone.unknown)
        reasons = [
            [(r.id, pytest.approx(r.contribution, abs=1e-5)) for r in i.because] for i in alone
        ]
        assert [[(r.id, r.contribution) for r in i.because] for i in answer] == reasons


@pytest.mark.parametrize("extractor", ["sa", "mind", "transformer"])
@pytest.mark.parametrize("share", [None, 0.05, 0.6])
def test_scoring_the_whole_catalog_gives_the_same_lists_as_search_and_merge(
    dataset, monkeypatch, extractor, share
):
    recommender = untrained(dataset, extractor=extractor)
    histories = [dataset.histories[user] for user in range(12)]
    names = dataset.catalog.items.external(range(1, dataset.catalog.size))
    only = Filter(allowed=names[:: round(1 / share)]) if share else Filter()
    for diversity in (0.0, 0.4):
        short = recommender.ranked(histories, 9, diversity=diversity, filter=only)
        with monkeypatch.context() as patch:
            patch.setattr(retrieval, "SMALL_CATALOG", 0)
            long = recommender.ranked(histories, 9, diversity=diversity, filter=only)
        assert np.array_equal(short.items, long.items)
        assert np.array_equal(short.interest, long.interest)
        assert np.allclose(short.scores, long.scores, atol=1e-5)


@pytest.mark.parametrize("name", RERANKERS)
def test_every_reranker_serves_and_lists_no_item_twice(dataset, recommender, name):
    history = ids(dataset, 3)
    answer = recommender.recommend(history, 6, diversity=0.4, rerank=name)
    assert len(set(listed(answer))) == 6
    assert not set(listed(answer)) & set(history)
    plain = recommender.recommend(history, 6)
    off = recommender.recommend(history, 6, diversity=0.0, rerank=name)
    assert listed(off) == listed(plain)


@pytest.mark.parametrize(
    "wrong",
    [
        {"strength": -1.0},
        {"strength": float("nan")},
        {"strength": "0.1"},
        {"target": 1.5},
        {"max_relevance_loss": -0.1},
        {"strength": 0.1, "target": 0.5},
    ],
)
def test_an_invalid_diversity_is_an_error(wrong):
    with pytest.raises(ConfigError):
        Diversity(**wrong)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"diversity": -1.0}, {"diversity": "0.1"}])
def test_invalid_options_are_an_error(wrong):
    with pytest.raises(ConfigError):
        ListOptions(**wrong)


@pytest.mark.parametrize(("unit", "words"), [
    ({"target": 0.5}, "A diversity target"), ({"max_relevance_loss": 0.1}, "A largest relevance"),
])  # fmt: skip
def test_a_target_needs_the_reranker_category(unit, words):
    with pytest.raises(ConfigError, match=f"{words}.* only 'category' can reach one exactly"):
        ListOptions(diversity=Diversity(**unit), rerank="mmr")


def test_a_reranker_that_does_not_exist_is_an_error(dataset, recommender):
    with pytest.raises(UnknownName, match="Did you mean 'mmr'"):
        recommender.recommend(ids(dataset, 1), 5, rerank="mmrr")


def test_similar_items_are_the_nearest_by_cosine(dataset, recommender):
    vectors = recommender.model.item_vectors().detach().numpy()
    unit = vectors[1:] / np.linalg.norm(vectors[1:], axis=1, keepdims=True)
    cosine = unit @ unit[4]
    expected = [place + 1 for place in np.argsort(-cosine, kind="stable") if place != 4][:5]
    found = recommender.similar(dataset.catalog.items.external([5])[0], 5)
    assert [near.id for near in found] == dataset.catalog.items.external(expected)
    assert found[0].similarity == pytest.approx(cosine[expected[0] - 1], abs=1e-5)
    with pytest.raises(UnknownName):
        recommender.similar("zzz")


def test_an_index_of_another_catalog_is_refused(dataset, recommender):
    extended = recommender.index.add(
        np.ones((1, recommender.index.dim), dtype=np.float32), np.array([dataset.catalog.size])
    )
    with pytest.raises(ConfigError, match="index that holds item"):
        Recommender(recommender.model, extended, dataset.catalog)


def test_a_sharded_index_serves_the_same_lists(dataset, recommender):
    whole = recommender.index
    half = whole.ids[: len(whole) // 2]
    parts = ShardedIndex([whole.remove(half), whole.remove(whole.ids[len(half) :])])
    sharded = Recommender(recommender.model, parts, dataset.catalog)
    for user in range(5):
        history = ids(dataset, user)
        assert listed(sharded.recommend(history, 8)) == listed(recommender.recommend(history, 8))


def changed(recommender):
    """Return a recommender after an item was added and another one hidden."""
    return recommender.with_items([NewItem(id="new", related_to=("3",))]).with_hidden(["5"])


@pytest.mark.parametrize("make", [untrained, formed])
@pytest.mark.slow
def test_a_divided_index_gives_the_lists_of_one_index(dataset, make, tmp_path):
    """With filters, diversity and a mixture of interests, after changes, and after loading."""
    whole = make(dataset)
    choice = choose_index(
        whole.model.vectors_as_numpy, np.arange(1, dataset.catalog.size), name="exact/4"
    )
    save(replace(whole, index=choice.index), tmp_path / "artifact")
    divided = load(tmp_path / "artifact")
    assert divided.index.kind == "sharded"
    category = dataset.catalog.category_names[1]
    options = ({}, {"diversity": 0.3}, {"filter": Filter(categories=(category,))})
    for one, other in ((divided, whole), (changed(divided), changed(whole))):
        for user in range(4):
            for more in options:
                found = one.recommend(ids(dataset, user), 8, **more)
                assert found == other.recommend(ids(dataset, user), 8, **more)
                assert found.certified
    assert [len(shard) for shard in changed(divided).index.shards][-1] == 11


@pytest.mark.parametrize("make", [untrained, formed])
def test_a_divided_index_of_many_items_gives_the_lists_of_one_index(dataset, make):
    """Above ``SMALL_CATALOG`` items shards are searched, and candidates certify the list."""
    whole = make(dataset)
    parts = choose_index(
        whole.model.vectors_as_numpy, np.arange(1, dataset.catalog.size), name="exact/4"
    ).index
    with mock.patch("prismrec.retrieval.search.SMALL_CATALOG", 0):
        for user in range(4):
            found = replace(whole, index=parts).recommend(ids(dataset, user), 8)
            assert listed(found) == listed(whole.recommend(ids(dataset, user), 8))
            assert found.certified


def test_popularity_does_not_change_similar_items(dataset):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        extractor = EXTRACTORS["prism"](dim=8, interests=2, max_len=10)
        model = Model(dataset.catalog.size, extractor, tie_embeddings=False)
    before = Recommender.exact(model, dataset.catalog).similar("3", 8)
    with torch.no_grad():
        model.outputs.weight[1:, -1] += torch.linspace(0, 50, dataset.catalog.size - 1)
    assert Recommender.exact(model, dataset.catalog).similar("3", 8) == before


def test_an_unknown_user_always_gets_items_of_several_categories(dataset, recommender):
    by_count = recommender.recommend([], 8, diversity=Diversity(target=0.0))
    mixed = recommender.recommend([], 8, diversity=0.0)
    assert mixed.strength == 0.1
    assert mixed.diversity > by_count.diversity
    assert listed(recommender.recommend([], 8, diversity=Diversity())) == listed(mixed)
    assert Diversity(strength=0.05).at_least(0.1) == Diversity(strength=0.1)
    assert Diversity(strength=0.5).at_least(0.1) == Diversity(strength=0.5)


def test_the_top_items_of_each_interest_exclude_seen_and_hidden_items(dataset, recommender):
    history = dataset.histories[2]
    vectors = recommender.model.interests_of([history]).vectors[0].numpy()
    answer = recommender.with_hidden(["7"]).recommend(ids(dataset, 2), top_items=5)
    excluded = [0, *history, *dataset.catalog.items.index(["7"])]
    assert len(answer.interests) == 3
    for interest, vector in zip(answer.interests, vectors, strict=True):
        assert interest.vector == tuple(vector.tolist())
        scores = recommender.model.item_vectors().detach().numpy() @ vector
        scores[excluded] = -np.inf
        best = np.argsort(-scores, kind="stable")[:5].tolist()
        assert [item.id for item in interest.top] == dataset.catalog.items.external(best)
        assert [item.score for item in interest.top] == pytest.approx(scores[best], abs=1e-5)
