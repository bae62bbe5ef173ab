"""What may be recommended, how diverse it is, and what the answer says of both."""

import numpy as np
import pytest
import torch

from prismrec.errors import ConfigError, UnknownName
from prismrec.models.extractors import EXTRACTORS
from prismrec.models.model import Model
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import RERANKERS
from prismrec.retrieval import sources as retrieval
from prismrec.retrieval.index.sharded import ShardedIndex
from prismrec.types import Diversity, Filter, ListOptions
from worlds import ids, untrained


@pytest.fixture(params=["short", "long"])
def recommender(dataset, request, monkeypatch):
    """Give a recommender that retrieves the short way of small catalogs, or by search and merge."""
    if request.param == "long":
        monkeypatch.setattr(retrieval, "SMALL", 0)
    return untrained(dataset)


def whole_list(recommender, history):
    """Give every item that is not of the history, best first: the oracle."""
    numbers = recommender.catalog.items.index(history)
    vectors = recommender.model.interests_of([numbers]).vectors[0]
    scores = (vectors @ recommender.model.item_vectors().T).amax(0).detach().numpy()
    order = np.argsort(-scores[1:], kind="stable") + 1
    left = order[~np.isin(order, numbers)]
    return recommender.catalog.items.external(left.tolist()), scores


def listed(answer):
    return [item.id for item in answer]


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.95])
def test_whatever_is_closed_the_list_is_the_best_of_what_is_left(dataset, recommender, share):
    history = ids(dataset, 1)
    order, _ = whole_list(recommender, history)
    generator = np.random.default_rng(int(share * 100))
    open_ = {name for name in order if generator.random() < share}
    expected = [name for name in order if name in open_][:7]
    closed = set(order) - open_
    assert listed(recommender.recommend(history, 7, filter=Filter(allowed=open_))) == expected
    assert listed(recommender.recommend(history, 7, filter=Filter(blocked=closed))) == expected
    assert listed(recommender.with_hidden(closed).recommend(history, 7)) == expected


def test_nine_of_ten_items_blocked_gives_the_one_that_is_left_and_says_why(dataset, recommender):
    # R02
    some = dataset.catalog.items.external(range(1, 11))
    only = Filter(allowed=some, blocked=some[:9])
    answer = recommender.recommend(ids(dataset, 0), 5, filter=only, exclude_seen=False)
    assert (listed(answer), answer.reason) == (some[9:], "exhausted")
    assert recommender.recommend(ids(dataset, 0), 5).reason is None


def test_a_hidden_item_is_gone_at_once_and_the_list_filled_up(dataset, recommender):
    # S04, R06
    history = ids(dataset, 0)
    before = listed(recommender.recommend(history, 5))
    without = recommender.with_hidden(before[:1])
    after = listed(without.recommend(history, 5))
    assert after[:4] == before[1:]
    assert len(after) == 5
    assert before[0] not in [near.id for near in without.similar(before[1], 1_000)]
    assert listed(without.with_visible(before[:1]).recommend(history, 5)) == before
    assert listed(recommender.recommend(history, 5)) == before


def test_a_category_filter_gives_items_of_these_categories_only(dataset, recommender):
    name = dataset.catalog.category_names[0]
    answer = recommender.recommend(ids(dataset, 0), 5, filter=Filter(categories=[name]))
    assert len(answer) == 5
    for number in dataset.catalog.items.index(listed(answer)):
        assert 0 in dataset.catalog.categories_of(number)
    with pytest.raises(UnknownName, match="No category named 'x'"):
        recommender.recommend(ids(dataset, 0), 5, filter=Filter(categories=["x"]))


def test_bounds_hold_for_someone_unknown_too(dataset, recommender):
    name = dataset.catalog.category_names[0]
    top = listed(recommender.recommend([], 3))
    answer = recommender.with_hidden(top).recommend([], 3, filter=Filter(categories=[name]))
    assert not set(listed(answer)) & set(top)
    assert len(answer) == 3
    for number in dataset.catalog.items.index(listed(answer)):
        assert 0 in dataset.catalog.categories_of(number)


def test_nothing_may_be_recommended_gives_nothing(dataset, recommender):
    answer = recommender.recommend(ids(dataset, 0), 5, filter=Filter(allowed=[]))
    assert (listed(answer), answer.reason) == ([], "exhausted")


@pytest.mark.parametrize("strength", [0.01, 0.1, 0.5, 3.0])
def test_a_certified_list_is_the_best_of_the_whole_catalog(dataset, recommender, strength):
    history = ids(dataset, 2)
    order, scores = whole_list(recommender, history)
    answer = recommender.recommend(history, 5, diversity=strength)
    assert answer.certified
    numbers = dataset.catalog.items.index(order)
    pool = scores[numbers[:20]]  # the scale is that of the first pool, of 4 k
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


def test_an_answer_says_what_diversity_moved(dataset, recommender):
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


def test_the_dial_reaches_a_wanted_diversity_with_the_least_strength(dataset, recommender):
    history = ids(dataset, 2)
    for wanted in (0.5, 0.8, 1.0):
        answer = recommender.recommend(history, 6, diversity=Diversity(target=wanted))
        reached = diversity_of(dataset.catalog, listed(answer))
        assert reached >= wanted or wanted == 1.0
        again = recommender.recommend(history, 6, diversity=answer.strength)
        assert listed(again) == listed(answer)


@pytest.mark.parametrize("dial", [Diversity(target=0.5), Diversity(max_relevance_loss=0.2)])
def test_a_target_asks_nothing_of_a_list_without_pairs(dataset, recommender, dial):
    """A list of one, of a user who has seen all but one, of nobody: and beside one with pairs."""
    history = ids(dataset, 2)
    everything = dataset.catalog.items.external(range(1, dataset.catalog.size))
    assert len(recommender.recommend(history, 1, diversity=dial)) == 1
    beside = recommender.recommend_many([history, everything[1:]], ListOptions(k=5, diversity=dial))
    assert [len(answer) for answer in beside] == [5, 1]
    assert listed(beside[0]) == listed(recommender.recommend(history, 5, diversity=dial))
    nothing = recommender.recommend(history, 5, diversity=dial, filter=Filter(allowed=[]))
    assert not len(nothing)


def test_the_dial_gives_up_no_more_relevance_than_it_may(dataset, recommender):
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


def test_the_frontier_holds_the_list_that_is_served(dataset, recommender):
    history = ids(dataset, 2)
    found = recommender.frontier(history, 6)
    for place, strength in enumerate(found.strength.tolist()):
        answer = recommender.recommend(history, 6, diversity=strength)
        assert answer.diversity == pytest.approx(found.diversity[place])
        assert answer.diversity == pytest.approx(diversity_of(dataset.catalog, listed(answer)))
    assert len(recommender.frontier([], 6).strength) >= 1
    farthest = recommender.recommend(history, 6, diversity=100.0)
    assert farthest.diversity == pytest.approx(found.diversity[-1])


def test_without_explanation_the_list_is_the_same_and_no_reason_given(dataset, recommender):
    history = ids(dataset, 2)
    told, untold = (recommender.recommend(history, 6, explain=flag) for flag in (True, False))
    assert listed(told) == listed(untold)
    assert [item.because for item in untold] == [()] * 6


@pytest.mark.parametrize("options", [{}, {"diversity": 0.3}, {"exclude_seen": False}])
def test_several_at_once_get_what_each_gets_alone(dataset, recommender, options):
    histories = [ids(dataset, user) for user in range(9)] + [[], ["zzz", *ids(dataset, 1)]]
    together = recommender.recommend_many(histories, ListOptions(k=7, **options))
    for history, answer in zip(histories, together, strict=True):
        alone = recommender.recommend(history, 7, **options)
        assert listed(answer) == listed(alone)
        assert (answer.source, answer.unknown) == (alone.source, alone.unknown)
        reasons = [[(r.id, pytest.approx(r.weight, abs=1e-5)) for r in i.because] for i in alone]
        assert [[(r.id, r.weight) for r in i.because] for i in answer] == reasons


@pytest.mark.parametrize("extractor", ["sa", "mind", "transformer"])
@pytest.mark.parametrize("share", [None, 0.05, 0.6])
def test_small_catalogs_get_by_the_short_way_what_they_get_by_search_and_merge(
    dataset, monkeypatch, extractor, share
):
    recommender = untrained(dataset, extractor=extractor)
    histories = [dataset.histories[user] for user in range(12)]
    names = dataset.catalog.items.external(range(1, dataset.catalog.size))
    only = Filter(allowed=names[:: round(1 / share)]) if share else Filter()
    for diversity in (0.0, 0.4):
        short = recommender.ranked(histories, 9, diversity=diversity, filter=only)
        with monkeypatch.context() as patch:
            patch.setattr(retrieval, "SMALL", 0)
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
def test_an_impossible_diversity_is_an_error(wrong):
    with pytest.raises(ConfigError):
        Diversity(**wrong)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"diversity": -1.0}, {"diversity": "0.1"}])
def test_impossible_options_are_an_error(wrong):
    with pytest.raises(ConfigError):
        ListOptions(**wrong)


@pytest.mark.parametrize("unit", [{"target": 0.5}, {"max_relevance_loss": 0.1}])
def test_a_target_needs_the_reranker_category(unit):
    with pytest.raises(ConfigError, match="only 'category' can reach one exactly"):
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


def test_how_common_an_item_is_does_not_make_it_similar(dataset):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        extractor = EXTRACTORS["prism"](dim=8, interests=2, max_len=10)
        model = Model(dataset.catalog.size, extractor, tie_embeddings=False)
    before = Recommender.exact(model, dataset.catalog).similar("3", 8)
    with torch.no_grad():
        model.outputs.weight[1:, -1] += torch.linspace(0, 50, dataset.catalog.size - 1)
    assert Recommender.exact(model, dataset.catalog).similar("3", 8) == before


def test_an_unknown_user_gets_a_mixed_list_whatever_the_diversity(dataset, recommender):
    by_count = recommender.recommend([], 8, diversity=Diversity(target=0.0))
    mixed = recommender.recommend([], 8, diversity=0.0)
    assert mixed.strength == 0.1
    assert mixed.diversity > by_count.diversity
    assert listed(recommender.recommend([], 8, diversity=Diversity())) == listed(mixed)
    assert Diversity(strength=0.05).at_least(0.1) == Diversity(strength=0.1)
    assert Diversity(strength=0.5).at_least(0.1) == Diversity(strength=0.5)


def test_each_interest_alone_lists_its_best_without_what_was_seen_or_is_hidden(
    dataset, recommender
):
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
