"""Compare filters and boosts by attributes with the whole catalog, item by item."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from attribute_world import dataset_with_attributes, passes, random_condition
from prismrec.errors import ConfigError, UnknownName
from prismrec.models import Forming
from prismrec.recommend.artifact import load, save
from prismrec.recommend.recommender import Recommender
from prismrec.rerank import Boost, Condition, Diversity, Filter, ListOptions, parse_conditions
from prismrec.retrieval import InterestSource, RuleRetriever, blended, count_rules, sources
from prismrec.retrieval import search as retrieval
from prismrec.retrieval.index.faiss import IvfFlat
from worlds import formed, ids, small_dataset, untrained

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def dataset():
    return dataset_with_attributes()


def with_faiss(recommender):
    model, catalog = recommender.model, recommender.catalog
    vectors, numbers = model.vectors_as_numpy(), np.arange(1, catalog.size)
    index = IvfFlat.build(vectors, numbers)
    return Recommender(model, index.with_search_budget(index.search_budgets[-1]), catalog)


def with_rules(recommender, dataset):
    table = count_rules(dataset.histories, dataset.catalog.size)
    return recommender.with_rules(RuleRetriever(table, 0.7))


@pytest.fixture(params=["all scores", "search", "formed", "faiss", "rules"])
def recommender(dataset, request, monkeypatch):
    if request.param != "all scores":
        monkeypatch.setattr(retrieval, "SMALL_CATALOG", 0)
    if request.param == "formed":
        return formed(dataset)
    made = untrained(dataset)
    if request.param == "faiss":
        pytest.importorskip("faiss")
        return with_faiss(made)
    return with_rules(made, dataset) if request.param == "rules" else made


@pytest.fixture(scope="module")
def cells_of(dataset):
    """Return the attributes of every item by its id."""
    names = dataset.catalog.items.external(range(1, dataset.catalog.size))
    return {n: dataset.catalog.attributes.of_item(at) for at, n in enumerate(names, start=1)}


@pytest.fixture
def whole(dataset, recommender):
    """Return the scores of the whole catalog for a user, by id in the order of item numbers."""

    @functools.cache
    def scores(user):
        answer = recommender.recommend(ids(dataset, user), dataset.catalog.size, explain=False)
        by_id = {item.id: item.score for item in answer}
        names = dataset.catalog.items.external(range(1, dataset.catalog.size))
        return {name: by_id[name] for name in names if name in by_id}

    return scores


def brute_force(scores, cells_of, k, where, boosts=()):
    """Return the best items of the whole catalog that pass, with their scores."""
    found = []
    for number, (name, score) in enumerate(scores.items()):
        cells = cells_of[name]
        if all(passes(cells, one) for one in where):
            added = sum(b.added for b in boosts if all(passes(cells, one) for one in b.where))
            found.append((-(score + added), number, name))
    return [(name, -score) for score, _, name in sorted(found)[:k]]


def listed(answer):
    return [item.id for item in answer]


def test_random_filters_give_the_best_items_that_pass(dataset, recommender, whole, cells_of):
    generator, sizes = np.random.default_rng(1), []
    for number in range(100):
        where = [random_condition(generator) for _ in range(generator.integers(1, 4))]
        history = ids(dataset, number % 10)
        answer = recommender.recommend(history, 7, filter=Filter(where=where), explain=False)
        expected = brute_force(whole(number % 10), cells_of, 7, where)
        if recommender.rules is None:
            assert listed(answer) == [name for name, _ in expected], where
        else:  # probabilities are among the eligible items
            assert len(answer) == len(expected)
            for item in answer:
                assert all(passes(cells_of[item.id], one) for one in where)
        assert answer.certified
        sizes.append(len(answer))
    assert 0 in sizes
    assert sizes.count(7) > 40


@pytest.mark.parametrize("per_item", [(1, 1), (1, 3), (3, 3), (4, 16)])
def test_random_boosts_give_the_best_items_of_the_whole_catalog(
    dataset, recommender, whole, cells_of, per_item, monkeypatch
):
    monkeypatch.setattr(sources, "CANDIDATES_PER_BOOSTED", per_item)
    monkeypatch.setattr(blended, "REFERENCE", 7 * per_item[0])
    in_parts, whole_parts = [], InterestSource.find_in_parts

    def counted(*given):
        in_parts.append(number)
        return whole_parts(*given)

    monkeypatch.setattr(InterestSource, "find_in_parts", counted)
    generator, numbers = np.random.default_rng(2), range(25)
    for number in numbers:
        boosts = [
            Boost(where=[random_condition(generator) for _ in range(generator.integers(1, 3))],
                  factor=float(generator.choice([0.01, 0.5, 1, 3, 200])))
            for _ in range(generator.integers(1, 4))
        ]  # fmt: skip
        where = [random_condition(generator)] if recommender.rules is None else []
        history = ids(dataset, number % 10)
        answer = recommender.recommend(history, 7, filter=Filter(where=where), boosts=boosts)
        expected = brute_force(whole(number % 10), cells_of, 7, where, boosts)
        assert [item.score for item in answer] == pytest.approx(
            [score for _, score in expected], abs=2e-5
        )
        for item in answer:  # equal scores may be in another order
            assert item.id in [n for n, s in expected if s == pytest.approx(item.score, abs=2e-5)]
            own = [b for b in boosts if all(passes(cells_of[item.id], one) for one in b.where)]
            added = sum(boost.added for boost in own)
            assert item.boost == pytest.approx(added)
        assert answer.certified
    assert in_parts or per_item == (4, 16)
    assert set(in_parts) < set(numbers) or per_item == (1, 1)


def test_popular_items_are_filtered_and_boosted(dataset, cells_of):
    recommender = untrained(dataset)
    where = [Condition(attribute="price", max=60)]
    boosts = [Boost(where=[Condition(attribute="sale", equals=True)], factor=5)]
    off = Diversity(target=0.0)
    plain = recommender.recommend([], dataset.catalog.size, diversity=off)
    answer = recommender.recommend([], 9, filter=Filter(where=where), boosts=boosts, diversity=off)
    expected = [
        -(item.score + (np.log(5) if cells_of[item.id]["sale"] else 0))
        for item in plain
        if passes(cells_of[item.id], where[0])
    ]
    assert [-item.score for item in answer] == pytest.approx(sorted(expected)[:9])


def test_a_boosted_list_with_diversity_is_certified_for_the_whole_catalog(dataset):
    recommender = untrained(dataset)
    boosts = [Boost(where=[Condition(attribute="price", max=20)], factor=4)]
    history = ids(dataset, 3)
    whole = recommender.recommend(history, dataset.catalog.size, boosts=boosts)
    scores = np.array([item.score for item in whole])
    answer = recommender.recommend(history, 6, diversity=0.2, boosts=boosts)
    assert answer.certified
    scaled = (scores - scores[23]) / (scores[0] - scores[23])
    seen, values = {}, {}
    for item, score in zip(whole, scaled, strict=True):
        category = dataset.catalog.single_category[dataset.catalog.items.index([item.id])[0]]
        values[item.id] = score - 0.2 * seen.get(category, 0)
        seen[category] = seen.get(category, 0) + 1
    best = sum(sorted(values.values(), reverse=True)[:6])
    assert sum(values[item.id] for item in answer) == pytest.approx(best, abs=1e-5)


def test_a_factor_of_one_and_no_boost_give_the_same_list(dataset, recommender):
    neutral = [Boost(where=[Condition(attribute="sale")], factor=1)]
    for user in range(5):
        plain = recommender.recommend(ids(dataset, user), 9)
        same = recommender.recommend(ids(dataset, user), 9, boosts=neutral)
        assert listed(same) == listed(plain)
        assert {item.boost for item in plain} == {0.0}


def test_a_boost_does_not_change_the_share_of_the_rules(dataset):
    recommender, both = with_rules(untrained(dataset), dataset), 0
    boosts = [Boost(where=[Condition(attribute="sale", equals=True)], factor=5)]
    for user in range(5):
        plain = recommender.recommend(ids(dataset, user), dataset.catalog.size)
        shares = {item.id: item.from_rules for item in plain}
        for item in recommender.recommend(ids(dataset, user), 9, boosts=boosts):
            assert item.from_rules == pytest.approx(shares[item.id], abs=1e-5)
            both += 0 < item.from_rules < 1
    assert both > 10


@pytest.mark.parametrize(
    ("condition", "error", "message"),
    [
        ({"attribute": "prise", "max": 5}, UnknownName,
         r"'prise'; the attributes are price \(number\), sale \(boolean\), brand \(text\)"),
        ({"attribute": "brand", "max": 5}, ConfigError, "compares a text with min or max"),
        ({"attribute": "brand", "equals": 5}, ConfigError, "compares a text with 5.*price"),
        ({"attribute": "price", "equals": "5"}, ConfigError, "compares a number with '5'"),
        ({"attribute": "price", "equals": True}, ConfigError, "compares a number with True"),
        ({"attribute": "sale", "any_of": [True, 1]}, ConfigError, "compares a boolean with 1"),
        ({"attribute": "region", "any_of": ["DE", 1.5]}, ConfigError, "compares a set with 1.5"),
    ],
)  # fmt: skip
def test_a_condition_that_does_not_fit_is_an_error(dataset, condition, error, message):
    where = [Condition(**condition)]
    for _ in range(2):
        with pytest.raises(error, match=message):
            untrained(dataset).recommend(ids(dataset, 0), filter=Filter(where=where))
    with pytest.raises(error, match=message):
        untrained(dataset).recommend(ids(dataset, 0), boosts=[Boost(where=where, factor=2)])


@pytest.mark.parametrize("values", [None, ["i1"], {"i1": None}, {"i1": ["price"]}])
def test_values_of_attributes_that_are_no_mapping_are_refused(recommender, values):
    with pytest.raises(ConfigError, match=r"must be a mapping; write {'item': {'attribute': 5}}"):
        recommender.with_attributes(values)


def test_a_catalog_without_attributes_names_the_way_to_read_some(dataset):
    without = replace(dataset, catalog=replace(dataset.catalog, attributes=None))
    with pytest.raises(ConfigError, match="--items FILE --attributes NAMES"):
        untrained(without).recommend([], filter=Filter(where=[Condition(attribute="price")]))


def test_an_artifact_keeps_attributes_and_added_items_have_none(dataset, tmp_path):
    from prismrec.recommend import NewItem

    first = dataset.catalog.items.external([1])
    larger = untrained(dataset).with_items([NewItem(id="new", related_to=first)])
    save(larger, tmp_path / "artifact")
    loaded = load(tmp_path / "artifact")
    missing = Filter(where=parse_conditions("price missing"))
    for recommender in (larger, loaded):
        assert set(recommender.catalog.attributes.of_item(larger.catalog.size - 1).values()) == {
            None
        }
        assert "new" in listed(recommender.recommend(first, 400, filter=missing))
    assert (tmp_path / "artifact" / "attributes.parquet").exists()
    save(untrained(small_dataset()), tmp_path / "plain")
    assert not (tmp_path / "plain" / "attributes.parquet").exists()


def test_a_whole_history_and_formed_interests_use_the_same_filter(dataset):
    where = Filter(where=parse_conditions("price<50 and region in DE,AT"))
    recommender = formed(dataset)
    assert isinstance(recommender.model.forming, Forming)
    ranked = recommender.ranked([dataset.histories[4]], ListOptions(k=8, filter=where))
    answer = recommender.recommend(ids(dataset, 4), 8, filter=where)
    assert dataset.catalog.items.external(ranked.items[0].tolist()) == listed(answer)


def test_few_eligible_items_are_copied_once_per_filter(dataset, monkeypatch):
    monkeypatch.setattr(retrieval, "SMALL_CATALOG", 0)
    monkeypatch.setattr(retrieval, "MAX_REMEMBERED", 1_000)
    recommender = untrained(dataset)
    filters = [Filter(where=parse_conditions(f"price<={most}")) for most in (3, 6)]
    lists = []
    for one in (0, 1, 0, 1, 1):
        lists.append(listed(recommender.recommend(ids(dataset, 1), 9, filter=filters[one])))
        few = recommender.retriever.item_search.few.found
        assert sum(index.vectors.numel() for index in few.values()) <= 1_000
    assert lists[0] == lists[2]
    assert lists[1] == lists[3] == lists[4] != lists[0]
    index = next(reversed(few.values()))
    recommender.recommend(ids(dataset, 2), 9, filter=filters[1])
    assert next(reversed(few.values())) is index


def test_the_number_of_remembered_filters_is_limited(dataset, monkeypatch):
    monkeypatch.setattr(retrieval, "SMALL_CATALOG", 0)
    monkeypatch.setattr(retrieval, "MOST_REMEMBERED", 2)
    recommender, names = untrained(dataset), dataset.catalog.items.external(range(1, 6))
    for name in names:
        recommender.recommend(ids(dataset, 1), filter=Filter(allowed=[name]), exclude_seen=False)
    assert len(recommender.retriever.item_search.few.found) == 2


def test_the_filters_that_were_asked_for_last_are_remembered(dataset, monkeypatch):
    monkeypatch.setattr(retrieval, "SMALL_CATALOG", 0)
    monkeypatch.setattr(retrieval, "MOST_REMEMBERED", 2)
    recommender = untrained(dataset)
    a, b, c = dataset.catalog.items.external(range(1, 4))
    for name in (a, b, a, c):
        recommender.recommend(ids(dataset, 1), filter=Filter(allowed=[name]), exclude_seen=False)
    few = recommender.retriever.item_search.few.found.values()
    kept = [number for index in few for number in index.ids.tolist()]
    assert kept == dataset.catalog.items.index_known([a, c]).tolist()
