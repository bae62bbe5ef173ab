"""Check the rules for every baseline, the lists by score, and some scores computed by hand."""

import tracemalloc
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from prismrec.data.cases import Case
from prismrec.data.histories import Histories
from prismrec.errors import ConfigError, DataError
from prismrec.evaluation import baselines
from prismrec.evaluation.baselines import (
    BASELINES,
    SameScores,
    break_ties,
    by_score,
    choose,
    ease,
    item_knn,
    popularity,
    sequential_rules,
)
from prismrec.evaluation.baselines.choose import FITTING
from prismrec.evaluation.baselines.ease import ease_weights
from prismrec.evaluation.baselines.item_knn import cosine_similarities
from prismrec.evaluation.baselines.score import ROWS, OrderedScores
from prismrec.io import listening
from prismrec.retrieval import keep_strongest

V = 13
ROW = np.random.default_rng(1)
TRAIN = [ROW.integers(1, V, size).tolist() for size in ROW.integers(1, 9, 40)]
HISTORIES = [np.array(row, dtype=np.int64) for row in ([1, 2, 3], [4, 4, 1], [], [12])]
VALID = [Case(np.array([1, 2]), np.array([3])), Case(np.array([5]), np.array([6, 7]))]


@pytest.fixture(params=sorted(BASELINES))
def fit(request):
    return BASELINES[request.param]


def test_scores_the_whole_catalog_with_finite_numbers(fit):
    scores = fit(Histories.of(TRAIN), VALID, V)(HISTORIES)
    assert scores.shape == (len(HISTORIES), V)
    assert np.isfinite(scores).all()


def test_scores_do_not_depend_on_the_rest_of_the_batch(fit):
    score = fit(Histories.of(TRAIN), VALID, V)
    alone = np.concatenate([score([history]) for history in HISTORIES])
    np.testing.assert_allclose(alone, score(HISTORIES), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["ease", "item-knn", "sequential-rules"])
@pytest.mark.parametrize("item", [V, 10**8, -1])
def test_a_history_item_outside_the_catalog_is_refused(name, item):
    score = BASELINES[name](Histories.of(TRAIN), VALID, V)
    with pytest.raises(DataError, match=f"item number {item}, but the rules have items 1 to 12"):
        score([np.array([1, item])])


def test_training_histories_are_not_changed(fit):
    train = Histories.of(TRAIN)
    for array in (train.indptr, train.items, train.times):
        array.flags.writeable = False  # like a memory-mapped data set
    fit(train, VALID, V)
    assert train.items.tolist() == [item for row in TRAIN for item in row]


def test_items_without_users_have_finite_scores(fit):
    scores = fit(Histories.of([[1, 2], [2, 1]]), [], 6)([np.array([5])])
    assert np.isfinite(scores).all()


def test_the_options_are_described_in_how(fit):
    assert fit(Histories.of(TRAIN), VALID, V).how


def test_every_baseline_of_the_folder_is_in_the_table():
    files = {path.stem for path in Path(baselines.__file__).parent.glob("*.py")}
    variants = {name.replace("_", "-") for name in files - {"__init__", "score", "choose"}}
    assert variants == set(BASELINES)


@st.composite
def tables(draw):
    rows = draw(st.integers(1, 4))
    # The scores are integers, so that ties occur. A score of -inf excludes an item.
    values = st.one_of(st.integers(-2, 2).map(float), st.just(-np.inf))
    row = st.lists(values, min_size=6, max_size=6)
    return np.array(draw(st.lists(row, min_size=rows, max_size=rows)))


@given(tables(), st.integers(1, 8), st.booleans(), st.lists(st.integers(1, 5), max_size=6))
@settings(deadline=None)
@pytest.mark.slow
def test_lists_are_sorted_by_score_then_in_their_order_without_padding(
    table, k, exclude_seen, history
):
    histories, order = [np.array(history, dtype=np.int64)] * len(table), [0, 3, 1, 5, 2, 4]
    score = OrderedScores(lambda _: table, np.array(order))
    ranked = by_score(score, exclude_seen=exclude_seen)(histories, k)
    for row, items, scores in zip(table, ranked.items, ranked.scores, strict=True):
        eligible = [i for i in range(1, 6) if row[i] > -np.inf]
        if exclude_seen:
            eligible = [i for i in eligible if i not in history]
        expected = sorted(eligible, key=lambda i: (-row[i], order.index(i)))[:k]
        assert items.tolist() == expected + [0] * (k - len(expected))
        assert scores.tolist() == [row[i] for i in expected] + [0] * (k - len(expected))


def test_seen_items_are_excluded_even_if_all_other_scores_are_negative():
    ranked = by_score(lambda _: np.array([[0.0, 5, -1, -2]]), exclude_seen=True)([np.array([1])], 3)
    assert ranked.items.tolist() == [[2, 3, 0]]


def test_the_array_of_scores_is_not_changed():
    table = np.ones((1, 4))
    by_score(lambda _: table, exclude_seen=True)([np.array([1])], 3)
    assert (table == 1).all()


def test_many_histories_are_scored_in_blocks():
    def score(histories):
        assert len(histories) <= ROWS
        return np.eye(V)[[h[0] for h in histories]]

    histories = [np.array([1 + number % (V - 1)]) for number in range(3 * ROWS + 1)]
    items = by_score(score, exclude_seen=False)(histories, 1).items
    assert items[:, 0].tolist() == [history[0] for history in histories]


def test_without_histories_there_are_no_lists():
    assert by_score(lambda _: np.zeros((0, V)), exclude_seen=True)([], 5).items.shape == (0, 5)


def test_a_score_of_nan_is_refused():
    table = np.array([[0, 1, np.nan], [0, 1, 2]])
    recommend = by_score(lambda _: table, exclude_seen=False)
    with pytest.raises(DataError, match="1 of 2 histories were scored NaN"):
        recommend([np.array([1]), np.array([2])], 1)


def test_sequential_rules_match_scores_by_hand():
    # Pairs: 1 → 2 once at distance 1, 1 → 3 once at distance 2, 2 → 3 twice at distance 1.
    train = Histories.of([[1, 2, 3], [2, 3]])
    options = {"window": 2, "decay": 0.5, "backward": 0.25, "alpha": 1, "beta": 0.5}
    score = sequential_rules(train, 4, recency=0.8, **options)
    counts = {1: 1, 2: 2, 3: 2}

    def rule(pairs, i, j):
        return pairs / (counts[i] * counts[j] ** 0.5)

    (found,) = score([np.array([2, 1])])  # 1 is the newest item, 2 the one before it
    expected = [
        0,
        0.8 * rule(0.25 * 1, 2, 1),
        rule(1, 1, 2),
        rule(0.5, 1, 3) + 0.8 * rule(2, 2, 3),
    ]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_sequential_rules_do_not_pair_events_of_different_users():
    found = sequential_rules(Histories.of([[1, 2], [3]]), 4, backward=1)([np.array([2])])
    assert found[0, 3] == 0


def test_item_knn_is_the_cosine_of_the_users_of_two_items():
    # Item 1 has the users a and b; item 2 has a, b and c; item 3 has c.
    train = Histories.of([[1, 2, 1], [2, 1], [3, 2]])
    (found,) = item_knn(train, 4, recency=0.5)([np.array([1, 2])])
    both = 2 / (2**0.5 * 3**0.5)
    np.testing.assert_allclose(found, [0, both, 0.5 * both, 1 / 3**0.5], rtol=1e-6)
    (shrunk,) = item_knn(train, 4, shrink=3)([np.array([2])])
    np.testing.assert_allclose(shrunk, [0, 2 / (6**0.5 + 3), 0, 1 / (3**0.5 + 3)], rtol=1e-6)


def test_item_knn_keeps_only_the_nearest_neighbours():
    # Item 2 has two users in common with item 1 and one with item 3.
    train = Histories.of([[1, 2], [1, 2], [2, 3]])
    (found,) = item_knn(train, 4, neighbours=1)([np.array([2])])
    assert found.nonzero()[0].tolist() == [1]


def test_the_similar_items_of_a_user_of_many_items_are_counted_in_small_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    train = Histories.of([list(range(1, 40)), *rng.integers(1, 40, (30, 3)).tolist()])
    whole = cosine_similarities(train, 40, neighbours=5, shrink=1)
    module = import_module("prismrec.evaluation.baselines.item_knn")
    monkeypatch.setattr(module, "SIMILAR_PAIRS", 100)
    counted = []

    def keep(block, neighbours):
        counted.append(block.nnz)
        return keep_strongest(block, neighbours)

    monkeypatch.setattr(module, "keep_strongest", keep)
    blocks = cosine_similarities(train, 40, neighbours=5, shrink=1)
    assert max(counted) <= 100
    assert len(counted) < 39  # items of few similar ones share a block
    np.testing.assert_array_equal(blocks.toarray(), whole.toarray())


def test_ease_is_the_regression_of_each_item_on_the_others():
    l2 = 2.0
    train = Histories.of(TRAIN)
    events = np.zeros((len(TRAIN), V))
    for user, row in enumerate(TRAIN):
        events[user, row] = 1
    found = ease(train, V, l2=l2)([np.array([i]) for i in range(1, V)])
    for j in range(1, V):
        others = [i for i in range(1, V) if i != j]
        x, y = events[:, others], events[:, j]
        weights = np.linalg.solve(x.T @ x + l2 * np.eye(len(others)), x.T @ y)
        np.testing.assert_allclose(np.delete(found[:, j], j - 1), weights, rtol=1e-3, atol=1e-4)
        assert found[j - 1, j] == 0


@pytest.mark.slow
def test_ease_of_a_user_of_all_items_needs_two_dense_matrices():
    size = 3000
    tracemalloc.start()
    weights = ease_weights(Histories.of([list(range(1, size))] * 2), size, 500.0)
    most = tracemalloc.get_traced_memory()[1]  # of NumPy; torch has the second matrix
    tracemalloc.stop()
    assert most < 1.7 * weights.nbytes
    # X'X is 2 everywhere: by Sherman and Morrison all weights but the diagonal are equal.
    np.testing.assert_allclose(weights[1, 2:], 2 / (500 + 2 * (size - 2)), rtol=1e-3)


def test_ease_reports_the_memory_that_a_large_catalog_needs():
    with pytest.raises(DataError, match=r"EASE of 99,999 items .* 40 GB"):
        ease(Histories.of([[1, 2]]), 100_000)


def test_ease_refuses_what_single_precision_cannot_compute():
    # Without a check, torch fails: 500 added to 1.8e10 is nothing in single precision.
    train = Histories.of([[1, 2]] * 150_000)
    weights = np.ones(300_000, dtype=np.float32)
    weights[:2] = 1e6
    heavy = replace(train, weights=weights)
    with pytest.raises(DataError, match=r"of one item, .*, sum to 1\.7e\+10, more than 400,000"):
        ease_weights(heavy, 3, 500.0)
    with pytest.raises(DataError, match=r"sum to 1\.5e\+05"):
        ease_weights(train, 3, 0.3)
    assert ease_weights(train, 3, 0.4)[1, 2] == pytest.approx(150_000 / 150_000.4, abs=0.01)


@pytest.mark.parametrize(
    ("baseline", "options"),
    [
        (item_knn, {"recency": 0.0}),
        (item_knn, {"neighbours": 0}),
        (item_knn, {"shrink": -1.0}),
        (sequential_rules, {"window": 0}),
        (sequential_rules, {"decay": 1.5}),
        (ease, {"l2": 0.0}),
    ],
)
def test_impossible_options_are_refused(baseline, options):
    with pytest.raises(ConfigError, match=str(next(iter(options.values())))):
        baseline(Histories.of(TRAIN), V, **options)


@pytest.mark.parametrize("exclude_seen", [True, False])
@pytest.mark.parametrize("k", [1, 5, 30])
def test_lists_of_the_same_scores_are_those_of_a_table(exclude_seen, k):
    random = np.random.default_rng(0)
    train = Histories.of(random.integers(1, 21, (30, 6)).tolist())  # of 24 items, some without
    histories = [random.integers(1, 25, length) for length in (0, 1, 9, 40)]
    same = popularity(train, 25)
    table = OrderedScores(same.score.__call__, same.order)
    expected = by_score(table, exclude_seen=exclude_seen)(histories, k)
    found = by_score(same, exclude_seen=exclude_seen)(histories, k)
    for part, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(part, other)


def test_equal_scores_are_listed_by_training_events_and_then_in_no_order_of_the_log(fit):
    """Item numbers descend by the events of the whole log, so they know what is in the test set."""
    size = 201
    random = np.random.default_rng(0)
    train = Histories.of(random.integers(101, size, (60, 6)).tolist())
    score = fit(train, [], size).score
    (found,) = by_score(score, exclude_seen=False)([np.array([150])], size).items
    listed = found[found > 0]
    counts, scores = train.counts(size), score([np.array([150])])[0]
    same = np.isclose(scores[listed][1:], scores[listed][:-1], rtol=0, atol=0)
    assert (np.diff(counts[listed])[same] <= 0).all()
    unseen = listed[(listed <= 100) & (scores[listed] == 0)]
    assert len(unseen) == 100
    assert abs(np.corrcoef(unseen, np.arange(100))[0, 1]) < 0.25


@pytest.mark.parametrize("score", [
    lambda histories: np.zeros((len(histories), 201)), SameScores(np.zeros(201)),
])  # fmt: skip
def test_equal_scores_without_an_order_are_listed_in_no_order_of_the_log(score):
    (found,) = by_score(score, exclude_seen=False)([np.array([150])], 200).items
    assert sorted(found) == list(range(1, 201))
    assert abs(np.corrcoef(found, np.arange(200))[0, 1]) < 0.25
    again = by_score(score, exclude_seen=False)([np.array([1]), np.array([2])], 200).items
    assert (again == found).all()


@pytest.mark.parametrize("scores", [
    np.zeros((1, V)), np.zeros(V), np.zeros((2, 0)), np.zeros((3, V)), np.zeros((2, V), complex),
    np.zeros((2, V), dtype=str), sparse.csr_array((2, V)), None,
])  # fmt: skip
def test_scores_that_are_no_table_of_numbers_are_refused(scores):
    recommend = by_score(lambda _: scores, exclude_seen=True)
    with pytest.raises(DataError, match=r"2 histories, but must return numbers of shape \(2, V\)"):
        recommend([np.array([1]), np.array([2])], 3)


@pytest.mark.parametrize("width", [V - 1, V + 5])
def test_scores_have_one_column_per_item_of_the_catalog(width):
    def score(histories):
        return np.ones((len(histories), width))

    ordered = break_ties(score, Histories.of(TRAIN), V)
    with pytest.raises(DataError, match=rf"shape \(1, {width}\) .* of shape \(1, {V}\)"):
        by_score(ordered, exclude_seen=False)([np.array([1])], 3)


def test_all_tables_of_scores_have_the_same_width():
    recommend = by_score(lambda h: np.ones((len(h), V - (len(h) < ROWS))), exclude_seen=False)
    with pytest.raises(DataError, match=rf"must return numbers of shape \(1, {V}\)"):
        recommend([np.array([1])] * (ROWS + 1), 3)


@pytest.mark.parametrize("item", [V - 1, -1])
def test_scores_without_a_column_for_an_item_of_a_history_are_refused(item):
    recommend = by_score(lambda h: np.ones((len(h), V - 1)), exclude_seen=False)
    with pytest.raises(DataError, match=f"item number {item}, but .* items 1 to {V - 2};"):
        recommend([np.array([item])], 3)


def test_scores_may_be_whole_numbers():
    recommend = by_score(lambda h: np.array([[0, 7, 2, 9]] * len(h)), exclude_seen=True)
    ranked = recommend([np.array([1])], 3)
    assert ranked.items.tolist() == [[3, 2, 0]]
    assert ranked.scores.tolist() == [[9, 2, 0]]


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_the_same_scores_may_exclude_an_item_but_have_no_nan(value):
    recommend = by_score(SameScores(np.array([0.0, 5, value, 2])), exclude_seen=True)
    if np.isnan(value):
        with pytest.raises(DataError, match="scored NaN"):
            recommend([np.array([1])], 3)
    else:
        assert recommend([np.array([1])], 3).items.tolist() == [[3, 0, 0]]


def test_the_best_on_validation_is_chosen():
    def always(item):
        return lambda: lambda histories: np.tile(np.eye(V)[item], (len(histories), 1))

    candidates = {"nine": always(9), "three": always(3), "three again": always(3)}
    assert choose(candidates, VALID, k=1).how == "three"
    assert choose(candidates, []).how.startswith("nine; there was no validation")
    with pytest.raises(ConfigError, match="at least one"):
        choose({}, VALID)


def test_the_validation_users_that_choose_a_baseline_are_reported_as_progress():
    valid, shares = VALID * (2 * ROWS), []
    with listening(lambda _, share: shares.append(share)):
        choose({"a": lambda: popularity_with_ties, "b": lambda: popularity_with_ties}, valid, k=5)
    assert len({share for share in shares if FITTING / 2 < share < 0.5}) >= 3


def popularity_with_ties(histories):
    return np.tile(np.arange(V) // 2, (len(histories), 1))
