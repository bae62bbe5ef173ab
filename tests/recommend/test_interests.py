"""Interests as they are described: names, added interests, and what the options change."""

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.data.catalog import Catalog
from prismrec.data.ids import IdMap
from prismrec.errors import ConfigError, UnknownName
from prismrec.recommend import interests as described_interests
from prismrec.recommend.interests import added_vectors, describe_interests, name_interests
from prismrec.rerank import AddedInterest, Diversity, Filter, InterestOptions, ListOptions
from prismrec.retrieval.rules import RuleRetriever
from worlds import formed, ids, small_dataset, untrained

pytestmark = pytest.mark.slow


def catalog_of(categories, *, names, counts=None, titles=None):
    """Return a catalog: the numbers of the categories of each item, from item 1."""
    indptr = np.cumsum([0, 0, *map(len, categories)])
    flat = np.array([c for own in categories for c in own], dtype=np.int32)
    external = [f"i{n}" for n in range(1, len(categories) + 1)]
    return Catalog(
        items=IdMap(external, first=1, kind="item"),
        titles=pl.Series(titles or [f"T{n}" for n in range(1, len(categories) + 1)]),
        category_names=names,
        category_indptr=indptr,
        category_ids=flat,
        count=np.array([0, *(counts or [1] * len(categories))]),
    )


@st.composite
def described(draw):
    """Draw a catalog, a history, weights of interests, and what each interest finds."""
    random = np.random.default_rng(draw(st.integers(0, 100_000)))
    items, labels = draw(st.integers(1, 12)), draw(st.integers(0, 3))
    categories = [sorted(random.choice(labels, random.integers(labels + 1), replace=False))
                  for _ in range(items)]  # fmt: skip
    # Few titles, some empty: many items share one.
    titles = random.choice(["A", "B", ""], items).tolist()
    catalog = catalog_of(categories, names=[f"c{n}" for n in range(labels)], titles=titles)
    length, interests = draw(st.integers(0, 6)), draw(st.integers(1, 6))
    read = random.integers(1, items + 1, length)
    weights = random.random((interests, length)) * (random.random((interests, length)) < 0.6)
    found = [random.integers(1, items + 1, random.integers(4)) for _ in range(interests)]
    given_names = {at: random.choice(["c0", "c1", "A", "mine"])
                   for at in range(interests) if random.random() < 0.3}  # fmt: skip
    return catalog, read, weights, found, given_names


@given(described())
@settings(max_examples=150)
def test_no_two_names_are_equal_and_set_names_stay(one):
    catalog, read, weights, found, set_names = one
    names = name_interests(catalog, read, weights, found, set_names)
    assert len(names) == len(weights)
    assert len(set(names)) == len(names)
    first_use = {name: at for at, name in sorted(set_names.items(), reverse=True)}
    for name, at in first_use.items():
        assert names[at] == name  # the second one of the same name cannot have it too


def test_a_category_that_is_typical_of_both_sides_names_the_interest():
    # "drama" is common everywhere; "war" is what the events are made of, "music" what is found,
    # and "noir" is typical of both.
    names = ["drama", "war", "music", "noir"]
    categories = [[0], [0, 1, 3], [0, 2, 3], [0]]
    catalog = catalog_of(categories, names=names, counts=[500, 5, 5, 500])
    read, weights = np.array([1, 2]), np.array([[0.1, 0.9]])
    (name,) = name_interests(catalog, read, weights, [np.array([3, 3, 1])], {})
    assert name.split(", ")[0] == "noir"
    assert "war" not in name
    assert "music" not in name


def test_a_category_that_is_rare_among_what_is_found_does_not_name_the_interest():
    # Of the events 70 % are "war"; of what is found 8 %, which is less than in the whole catalog.
    catalog = catalog_of([[0], [1], [2]], names=["drama", "war", "noir"], counts=[70, 20, 10])
    finds = np.array([2, *[3] * 4, *[1] * 7])
    (name,) = name_interests(catalog, np.array([2, 3]), np.array([[0.7, 0.3]]), [finds], {})
    assert name == "noir"


def test_the_title_of_an_event_of_the_interest_tells_equal_names_apart():
    catalog = catalog_of([[0], [0], [0]], names=["drama"], titles=["One", "Two", "Three"])
    weights = np.array([[0.7, 0.3, 0.0], [0.6, 0.4, 0.0]])
    found = [np.array([3])] * 2
    names = name_interests(catalog, np.array([1, 2, 3]), weights, found, {})
    assert names == ["drama", "drama (One)"]
    # Event 3 is part of no interest, so its title is never used.
    weights = np.array([[1.0, 0, 0]] * 3)
    names = name_interests(catalog, np.array([1, 2, 3]), weights, found + found[:1], {})
    assert names == ["drama", "drama (One)", "drama 2"]


def test_without_categories_interests_are_named_by_their_heaviest_events():
    catalog = catalog_of([[], [], []], names=[], titles=["One", "Two", "Three"])
    weights = np.array([[0.7, 0.3, 0.0], [0.2, 0.8, 0.0], [0, 0, 1]])
    names = name_interests(catalog, np.array([1, 2, 3]), weights, [np.array([3])] * 3, {})
    assert names == ["One", "Two", "Three"]


@pytest.fixture(params=["formed", "sa", "rules"])
def recommender(request, dataset):
    if request.param == "sa":
        return untrained(dataset)
    made = formed(dataset)
    if request.param == "rules":
        rules = RuleRetriever.count(
            dataset.histories, dataset.catalog.size, backward=0.5, alpha=0.0, beta=0.3, weight=1.0
        )
        return made.with_rules(rules)
    return made


def test_shown_interests_have_distinct_names_and_their_own_events(dataset):
    recommender = formed(dataset)
    for user in range(20):
        history = ids(dataset, user)
        answer = recommender.recommend(history, 10)
        numbers = [one.number for one in answer.interests]
        assert 0 not in numbers
        assert len({one.name for one in answer.interests}) == len(numbers)
        events = [event.id for one in answer.interests for event in one.items]
        assert set(events) == set(history[-10:])
        assert {item.interest for item in answer} <= set(numbers)
        shares = {one.number: one.share for one in answer.interests}
        for number, share in shares.items():
            assert share == pytest.approx(np.mean([item.interest == number for item in answer]))


def test_describing_interests_does_not_change_which_are_active(dataset, recommender):
    numbers = [np.empty(0, dtype=np.int64), dataset.histories[0]]
    read = recommender.model.interests_of(numbers)
    before = read.active.clone()
    described = describe_interests(
        recommender.retriever, numbers, read, 10, None, InterestOptions()
    )
    assert not described[0]
    assert described[1]
    assert (read.active == before).all()


def added(*ones, **others):
    return InterestOptions(added=[AddedInterest(**one) for one in ones], **others)


def test_without_a_history_an_added_interest_gives_a_list_of_interests(dataset, recommender):
    category = dataset.catalog.category_names[2]
    answer = recommender.recommend([], 8, interests=added({"category": category}))
    number = recommender.model.interests
    assert answer.source == "interests"
    assert len(answer) == 8
    assert {item.interest for item in answer} == {number}
    assert all(item.because == () and item.from_history is None for item in answer)
    (one,) = answer.interests
    assert (one.number, one.name, one.added, one.share) == (number, category, True, 1)
    assert one.items == ()
    both = recommender.recommend(
        [], 8, interests=added({"category": category}, {"item": "3"}, mix="shares")
    )
    assert [one.number for one in both.interests] == [number, number + 1]
    assert [one.share for one in both.interests] == [0.5, 0.5]
    assert recommender.recommend([], 8).source == "popular"


def test_an_added_interest_joins_those_of_the_history(dataset, recommender):
    history, number = ids(dataset, 3), recommender.model.interests
    category = dataset.catalog.category_names[5]
    plain = recommender.recommend(history, 8)
    answer = recommender.recommend(
        history, 8, interests=added({"category": category, "weight": 2}, minimum={number: 3})
    )
    assert [one.added for one in answer.interests] == [False] * len(plain.interests) + [True]
    last = answer.interests[-1]
    assert (last.number, last.name, last.weight) == (number, category, 2)
    assert sum(item.interest == number for item in answer) >= 3
    muted = recommender.recommend(history, 8, interests=added({"category": category, "weight": 0}))
    assert number not in {item.interest for item in muted}
    assert muted.interests[-1].share == 0


@pytest.mark.slow
def test_a_small_weight_of_an_added_interest_costs_little_and_zero_nothing(dataset, recommender):
    category = dataset.catalog.category_names[0]
    for user in range(12):
        history = ids(dataset, user)
        alone = [item.id for item in recommender.recommend(history, k=8)]
        lists = {}
        for weight in (0.0, 0.1, 1.0):
            one = InterestOptions(added=[AddedInterest(category=category, weight=weight)])
            answer = recommender.recommend(history, k=8, interests=one)
            lists[weight] = [item.id for item in answer]
            assert answer.interests[-1].weight == weight
            assert answer.interests[-1].added
        assert lists[0.0] == alone
        shared = {weight: len(set(found) & set(alone)) for weight, found in lists.items()}
        assert shared[0.1] >= shared[1.0]


@pytest.mark.parametrize(
    ("own", "by_number", "source"),
    [
        ([0], {}, "popular"),
        ([0, 0], {}, "popular"),
        ([1], {0: 0}, "popular"),
        ([1, 2], {0: 0, 1: 0}, "popular"),
        ([0], {-1: 2}, "popular"),  # an interest of the model, which an empty history has not
        ([0], {1: 2}, "popular"),
        ([0], {0: 1}, "interests"),
        ([0, 1], {0: 0}, "interests"),
    ],
)
def test_only_muted_added_interests_do_not_replace_popular_items(
    recommender, dataset, own, by_number, source
):
    """Weights by number are counted from the first added interest here."""
    names, first = dataset.catalog.category_names, recommender.model.interests
    options = added(
        *({"category": names[n], "weight": weight} for n, weight in enumerate(own)),
        weights={first + number: weight for number, weight in by_number.items()},
    )
    popular = recommender.recommend([], k=5)
    histories = [[], ids(dataset, 0), ["unknown"]]
    several = recommender.recommend_many(
        histories, ListOptions(k=5, interests=options), frontier=True
    )
    assert [answer.source for answer in several] == [source, "interests", source]
    for answer in several[::2]:
        assert len(answer) == 5
        assert answer.reason is None
        assert (answer.items == popular.items) == (source == "popular")


def test_a_trained_vector_of_a_category_leads_to_its_items(dataset, monkeypatch):
    # Vectors of the items of one category are alike here, as after training. A category has five.
    monkeypatch.setattr(described_interests, "NEIGHBOURS", 5)
    recommender = formed(dataset)
    with torch.no_grad():
        centres = torch.randn(9, 8, generator=torch.Generator().manual_seed(1)) * 3
        own = torch.from_numpy(dataset.catalog.single_category)
        recommender.model.items.weight[1:] = centres[own[1:]]
        recommender.model.outputs.weight[1:, :-1] = centres[own[1:]]
        recommender.model.train().eval()  # forget what was computed from other weights
    recommender = type(recommender).exact(recommender.model, recommender.catalog)
    for number, category in enumerate(dataset.catalog.category_names):
        answer = recommender.recommend([], 5, interests=added({"category": category}))
        assert all(item.categories == (category,) for item in answer)
        item = dataset.catalog.items_of(category)[0]
        name = dataset.catalog.items.external([item])[0]
        near = recommender.recommend([], 5, interests=added({"item": name}))
        found = dataset.catalog.items.index([one.id for one in near])
        assert (dataset.catalog.single_category[found] == number).all()


def test_the_vector_of_an_added_interest_is_a_weighted_mean(dataset):
    recommender = formed(dataset)
    catalog = dataset.catalog
    category = catalog.category_names[1]
    (vector,) = added_vectors(
        recommender.model, recommender.retriever, [AddedInterest(category=category)]
    )
    items = catalog.items_of(category)  # fewer than 20
    sources = recommender.model.items.weight.detach().numpy()[items]
    weights = np.sqrt(catalog.count[items])
    assert vector.numpy() == pytest.approx(weights @ sources / weights.sum(), abs=1e-5)
    assert added_vectors(recommender.model, recommender.retriever, []) is None


def test_unknown_categories_and_items_are_refused(dataset, recommender):
    for wrong, named in (({"category": "nothing"}, "category"), ({"item": "nothing"}, "item")):
        with pytest.raises(UnknownName, match=named):
            recommender.recommend(ids(dataset, 0), 5, interests=added(wrong))
    with pytest.raises(ConfigError, match="a category or an item"):
        added({"category": "a", "item": "3"})


@pytest.mark.parametrize("mix", ["mixture", "shares"])
def test_numbers_of_no_interest_have_no_effect(dataset, recommender, mix):
    history = ids(dataset, 1)
    plain = recommender.recommend(history, 8, interests=InterestOptions(mix=mix))
    options = InterestOptions(mix=mix, weights={77: 0, 99: 3}, minimum={55: 5})
    found = recommender.recommend(history, 8, interests=options)
    assert found.items == plain.items
    assert found.interests == plain.interests
    assert (plain.unknown_interests, found.unknown_interests) == ((), (55, 77, 99))


def test_numbers_of_no_interest_are_named_for_each_history(dataset, recommender):
    weights = dict.fromkeys(range(9), 1.5)
    options = ListOptions(k=5, interests=InterestOptions(weights=weights))
    known, popular = recommender.recommend_many([ids(dataset, 1), []], options)
    shown = {one.number for one in known.interests}
    assert shown
    assert set(known.unknown_interests) == set(weights) - shown
    assert popular.unknown_interests == tuple(weights)
    assert (
        recommender.recommend_many([ids(dataset, 1)], options, explain=False)[0].unknown_interests
        == known.unknown_interests
    )


def test_the_number_of_an_added_interest_is_known(dataset, recommender):
    category = dataset.catalog.category_names[0]
    plain = recommender.recommend(ids(dataset, 1), 5, interests=added({"category": category}))
    number = plain.interests[-1].number
    options = added({"category": category}, weights={number: 2})
    for history in (ids(dataset, 1), []):
        found = recommender.recommend(history, 5, interests=options)
        assert found.interests[-1].number == number
        assert found.unknown_interests == ()


def test_a_popular_list_has_no_interests_to_steer(dataset, recommender):
    plain = recommender.recommend([], 8, frontier=True)
    for options in (
        InterestOptions(mix="shares"),
        InterestOptions(weights={0: 0}),
        InterestOptions(mix="shares", weights={0: 0, 1: 0}, minimum={0: 3}),
        added({"category": dataset.catalog.category_names[0], "weight": 0}, mix="shares"),
    ):
        found = recommender.recommend(
            ["unknown"], 8, frontier=True, mix_frontier=True, interests=options
        )
        assert found.items == plain.items
        assert found.source == "popular"
        assert found.frontier == plain.frontier
        assert found.mix_frontier is None
        alone = recommender.frontier([], 8, interests=options)
        assert alone.strength.tolist() == list(plain.frontier.strength)


def test_options_work_with_filters_diversity_and_rerankers(dataset, recommender):
    history = ids(dataset, 0)
    first = recommender.recommend(history, 8).interests[0].number
    for rerank in ("category", "mmr", "dpp", "xquad", "calibrated"):
        for mix in ("mixture", "shares"):
            options = InterestOptions(mix=mix, weights={first: 0}, minimum={first + 1: 2})
            answer = recommender.recommend(
                history, 8, interests=options, diversity=0.3, rerank=rerank
            )
            assert len(answer) == 8
            numbers = [item.interest for item in answer]
            assert first not in numbers
            assert numbers.count(first + 1) >= 2


@pytest.mark.parametrize("mix", ["mixture", "shares"])
def test_a_list_that_muting_makes_shorter_has_the_reason_muted(dataset, recommender, mix):
    history = ids(dataset, 0)
    numbers = range(recommender.model.interests)
    every = InterestOptions(mix=mix, weights=dict.fromkeys(numbers, 0))
    answer = recommender.recommend(history, 8, interests=every, explain=False)
    assert (list(answer), answer.reason) == ([], "muted")
    own = [item.id for item in recommender.recommend(history, 6)]
    for options, reason in ((every, "muted"), (InterestOptions(mix=mix), "exhausted")):
        answer = recommender.recommend(history, 8, interests=options, filter=Filter(allowed=own))
        assert answer.reason == reason
    nothing = recommender.recommend(history, 8, interests=every, filter=Filter(allowed=()))
    assert nothing.reason == "exhausted"


def test_each_frontier_is_in_the_answer_only_where_it_is_asked_for(dataset, recommender):
    history = ids(dataset, 0)
    both = recommender.recommend(history, 8, frontier=True, mix_frontier=True)
    assert both.frontier.relevance[0] == both.mix_frontier.relevance[0] == 1
    for names in ({"frontier"}, {"mix_frontier"}, set()):
        found = recommender.recommend(history, 8, **dict.fromkeys(names, True))
        for name in ("frontier", "mix_frontier"):
            assert getattr(found, name) == (getattr(both, name) if name in names else None)


def test_the_effect_counts_what_changed(dataset, recommender):
    history = ids(dataset, 0)
    plain = recommender.recommend(history, 8)
    assert plain.effect.new_items == 0
    assert plain.effect.relevance == 1
    answer = recommender.recommend(
        history, 8, interests=InterestOptions(mix="shares", weights={1: 0}), mix_frontier=True
    )
    new = {item.id for item in answer} - {item.id for item in plain}
    assert answer.effect.new_items == len(new)
    assert answer.effect.relevance <= 1
    assert set(answer.displaced) == {item.id for item in plain} - {item.id for item in answer}
    assert answer.mix_frontier is None or answer.mix_frontier.relevance[0] == 1


@pytest.mark.parametrize("wrong", [{"weights": {"1": 0}}, {"minimum": {"2": 5}}])
def test_options_by_another_key_than_the_number_of_an_interest_are_refused(wrong):
    with pytest.raises(ConfigError, match="is not the number of one; give a whole number"):
        InterestOptions(**wrong)


@pytest.mark.parametrize("weights", [{1: 0}, {1: 0.01}, {1: 1000, 2: 0}, {1: 0.001, 2: 0.001}])
@pytest.mark.parametrize("mix", ["mixture", "shares"])
def test_a_relevance_budget_holds_with_any_weights(weights, mix):
    dataset = small_dataset()
    recommender = formed(dataset)
    steered = InterestOptions(weights=weights, mix=mix)
    budget = ListOptions(k=10, interests=steered, diversity=Diversity(max_relevance_loss=0.1))
    histories = [ids(dataset, user) for user in range(40)]
    answers = recommender.recommend_many(histories, budget, frontier=True)
    assert len(answers) == len(histories)
    for answer in answers:
        shares = answer.frontier.relevance
        assert all(0 <= share <= 1 for share in shares)
        assert list(shares) == sorted(shares, reverse=True)
        assert answer.effect.relevance >= 0
        kept = [s for s, strength in zip(shares, answer.frontier.strength, strict=True)
                if strength <= answer.strength]  # fmt: skip
        assert kept[-1] >= 0.9 - 1e-6
