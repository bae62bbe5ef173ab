"""Build lists from candidates: the search goes deeper until each list is proved to be optimal."""

import numpy as np
import pytest

from prismrec.errors import ConfigError, UnknownName
from prismrec.rerank import Diversity, InterestOptions, ListOptions, Ranking, build, rerankers
from prismrec.rerank.build import build_lists, frontiers_of
from prismrec.rerank.rerankers import find_reranker
from prismrec.types import Pool, RankedItems


class Falling:
    """A source of candidates for one user, by falling score; ``asked`` lists all search depths."""

    def __init__(self, scores):
        self.scores, self.asked = np.asarray(scores, dtype=np.float32), []

    def __len__(self):
        return 1

    def search(self, rows, depth):
        self.asked.append(depth)
        there = min(depth, len(self.scores))
        items = np.zeros((len(rows), depth), dtype=np.int64)
        scores = np.full((len(rows), depth), -np.inf, dtype=np.float32)
        items[:, :there], scores[:, :there] = np.arange(1, there + 1), self.scores[:there]
        found = RankedItems(items, scores, np.zeros_like(items))
        return Ranking(found, np.ones(len(rows), dtype=bool))

    def shares(self, rows):
        return np.ones((len(rows), 1))

    def pool(self, _row, _items, scores):
        return Pool(scores=scores)


def lists(source, categories, k, **diversity):
    options = ListOptions(k=k, diversity=Diversity(**diversity))
    return build_lists(source, options, category_of=np.array([-1, *categories]))


def test_a_deeper_search_finds_another_category_with_a_low_score():
    # 30 items of category 0 have the scores 3.0, 2.9, …, 0.1; one item of category 1 has 0.05.
    # For k = 2 the first pool has 8 items, so 3.0 is scaled to 1 and 2.3 to 0. With λ = 10 the
    # value of the second item of category 0 is 0.86 - 10, and the value of the item of category 1
    # is (0.05 - 2.3) / 0.7 = -3.2, which is larger.
    source = Falling([3 - 0.1 * n for n in range(30)] + [0.05])
    found = lists(source, [0] * 30 + [1], k=2, strength=10.0)
    assert found.items[0].tolist() == [1, 31]
    assert found.rank[0].tolist() == [0, 30]
    assert source.asked == [8, 32]
    assert found.certified.all()


def test_without_options_of_interests_the_relevance_is_that_of_the_frontier():
    # 3.0 is scaled to 1, 2.9 to 6/7 and 2.2, below the first pool, to -1/7: 6/7 of 13/7 are kept.
    scores, categories = [3 - 0.1 * n for n in range(9)], [0] * 8 + [1]
    found = lists(Falling(scores), categories, k=2, strength=10.0)
    options = ListOptions(k=2)
    (every,) = frontiers_of(Falling(scores), options, category_of=np.array([-1, *categories]))
    assert found.relevance[0] == pytest.approx(6 / 13)
    assert every.relevance[-1] / every.relevance[0] == pytest.approx(6 / 13)


def test_one_search_is_enough_if_the_first_pool_proves_the_list():
    source = Falling([3 - 0.1 * n for n in range(31)])
    found = lists(source, [0, 1] * 15 + [2], k=2, strength=10.0)
    assert found.items[0].tolist() == [1, 2]
    assert source.asked == [8]
    assert found.certified.all()


def test_a_list_that_the_deepest_search_cannot_prove_is_not_certified(monkeypatch):
    monkeypatch.setattr(build, "MAX_CANDIDATES", 16)
    source = Falling([3 - 0.1 * n for n in range(30)] + [0.05])
    found = lists(source, [0] * 30 + [1], k=2, strength=10.0)
    assert found.items[0].tolist() == [1, 2]
    assert source.asked == [8, 16]
    assert not found.certified.any()


def test_the_limit_of_relevance_loss_also_holds_after_a_deeper_search():
    # 19 items have category 0. Two items of other categories have much lower scores, and only the
    # second search finds them.
    scores = np.array([1, 0.95, 0.9, 0.85, 0.8] + [0.5] * 14 + [0, -0.01])
    source, categories = Falling(scores), [0] * 19 + [1, 2]
    found = lists(source, categories, k=5, max_relevance_loss=0.2)
    assert source.asked == [20, 80]
    assert scores[found.items[0] - 1].sum() >= 0.8 * scores[:5].sum()
    everything = lists(source, categories, k=5, max_relevance_loss=1.0)
    assert {20, 21} <= set(everything.items[0].tolist())


def test_a_pool_smaller_than_requested_is_the_whole_catalog_and_proves_the_list():
    class Narrow(Falling):
        def search(self, rows, depth):
            ranked, certified = super().search(rows, depth)
            narrow = RankedItems(*(part[:, : len(self.scores)] for part in ranked))
            return Ranking(narrow, certified)

    # All 10 items have one category, so the values of repeated items are far below zero. The list
    # is still proved, because the catalog has no other items.
    source = Narrow(np.linspace(1, 0, 10))
    found = lists(source, [0] * 10, k=8, strength=4.0)
    assert source.asked == [32]
    assert found.certified.all()


class Unsure(Falling):
    """Its search cannot prove that no other item scores more."""

    def search(self, rows, depth):
        return super().search(rows, depth)._replace(certified=np.zeros(len(rows), dtype=bool))


@pytest.mark.parametrize(
    "options",
    [
        {"diversity": 0.0},
        {"diversity": 0.3},
        {"interests": InterestOptions(mix="shares")},
        {"interests": InterestOptions(minimum={0: 2})},
    ],
)
def test_a_list_of_candidates_that_are_not_certified_is_not_certified(options):
    scores, categories = np.linspace(3, 0, 31), np.array([-1, *[0, 1] * 15, 2])
    for source, certified in ((Unsure(scores), False), (Falling(scores), True)):
        found = build_lists(source, ListOptions(k=2, **options), category_of=categories)
        assert found.certified.tolist() == [certified]
        assert found.items.all()


class Grouped(Falling):
    """The first 40 items belong to interest 0, all others to interests 1 and 2 in turn."""

    def search(self, rows, depth):
        found = super().search(rows, depth)
        interest = np.where(found.ranked.items <= 40, 0, 1 + found.ranked.items % 2)
        return found._replace(ranked=found.ranked._replace(interest=interest))

    def shares(self, rows):
        return np.tile([0.5, 0.3, 0.2], (len(rows), 1))


@pytest.mark.parametrize("mix", ["mixture", "shares"])
@pytest.mark.parametrize(
    "diversity", [0.3, Diversity(max_relevance_loss=0.3), Diversity(target=0.5)]
)
def test_the_scale_is_that_of_a_full_search_if_the_first_candidates_are_muted(
    mix, diversity, monkeypatch
):
    random = np.random.default_rng(0)
    scores, categories = -np.sort(-random.normal(size=200)), random.integers(0, 4, 201)
    interests = InterestOptions(mix=mix, weights={0: 0})
    options = ListOptions(k=2, diversity=diversity, interests=interests)
    found = build_lists(Grouped(scores), options, category_of=categories)
    assert (found.items > 40).all()
    monkeypatch.setattr(build, "first_depth", lambda _: 200)
    full = build_lists(Grouped(scores), options, category_of=categories)
    for name in ("items", "strength", "relevance"):
        np.testing.assert_allclose(getattr(found, name), getattr(full, name), err_msg=name)


@pytest.mark.parametrize("k", [1, 3, 40])
def test_strength_zero_returns_the_top_items_of_one_search(k):
    source = Falling([3 - 0.1 * n for n in range(30)])
    found = lists(source, [0] * 30, k=k, strength=0.0)
    there = min(k, 30)
    assert found.items[0, :there].tolist() == list(range(1, there + 1))
    assert not found.items[0, there:].any()
    assert source.asked == [k]


def test_a_reranker_is_found_by_name_or_import_path():
    assert find_reranker("mmr") is find_reranker("prismrec.rerank.mmr:mmr")
    with pytest.raises(UnknownName, match="mmr"):
        find_reranker("mmm")
    with pytest.raises(ConfigError, match="is of type int, which cannot be called"):
        find_reranker("prismrec.rerank.build:MAX_CANDIDATES")


def test_the_representation_of_lists_is_one_short_line():
    found = lists(Falling([3, 2, 1]), [0, 1, 0], k=2, strength=0.0)
    assert repr(found) == "RankedLists(1 users, k 2, 1 certified)"
    ranked = RankedItems(found.items, found.scores, found.interest)
    assert repr(ranked) == "RankedItems(1 users, 2 items each)"
    pool = Pool(scores=np.zeros(3), vectors=np.zeros((3, 2)))
    assert repr(pool) == "Pool(3 candidates: scores, vectors)"


def repeat_first(pool, k, *, strength):
    return np.zeros(k, dtype=np.int64)


def count_from_the_end(pool, k, *, strength):
    return -np.arange(1, k + 1)


def return_everything(pool, k, *, strength):
    return np.arange(len(pool.scores))


def return_numbers(pool, k, *, strength):
    return np.arange(k, dtype=np.float64)


def go_beyond(pool, k, *, strength):
    return np.arange(k) + len(pool.scores)


def return_too_few(pool, k, *, strength):
    return np.arange(k - 1)


def return_nothing(pool, k, *, strength):
    return []


def test_the_pool_of_a_reranker_has_no_item_that_must_not_be_listed(monkeypatch):
    pools = []

    def own(pool, k, *, strength):
        pools.append(len(pool.scores))
        return np.argsort(-pool.scores, kind="stable")[:k]

    monkeypatch.setitem(rerankers.RERANKERS, "own", own)
    options, found = ListOptions(k=3, diversity=0.2, rerank="own"), []
    for scores in ([3, 2, -np.inf, 1], [3, -np.inf, -np.inf], [-np.inf, -np.inf, -np.inf]):
        category_of = np.zeros(len(scores) + 1, dtype=np.int64)
        found += build_lists(Falling(scores), options, category_of=category_of).items.tolist()
    assert found == [[1, 2, 4], [1, 0, 0], [0, 0, 0]]
    assert set(pools) == {3, 1}


@pytest.mark.parametrize("own", [
    repeat_first, count_from_the_end, return_everything, return_numbers, go_beyond, return_too_few,
    return_nothing,
])  # fmt: skip
def test_a_list_of_a_reranker_that_is_no_choice_of_candidates_is_refused(own, monkeypatch):
    monkeypatch.setitem(rerankers.RERANKERS, "own", own)
    options = ListOptions(k=3, diversity=0.2, rerank="own")
    with pytest.raises(ConfigError, match=r"The re-ranker 'own' returned .* distinct positions"):
        build_lists(Falling(range(30, 0, -1)), options, category_of=np.zeros(31, dtype=np.int64))
