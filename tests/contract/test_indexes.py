"""Check the rules that every index must follow. Each one in the tables is tested.

The data is hard on purpose. It has 50 clusters and log-normal norms with σ = 1, so a few vectors
are twenty times as long as others.
"""

from pathlib import Path

import numpy as np
import pytest

from postgres import postgres_by_default
from prismrec.errors import ConfigError, DataError, MissingExtra
from prismrec.registry import resolve
from prismrec.retrieval import index as package
from prismrec.retrieval.index import (
    COMPOSED,
    INDEXES,
    ApproximateIndex,
    ExactIndex,
    QuantizedIndex,
    load_index,
    real_queries,
    recall_of,
    with_measured_budget,
)

D, MIN_RECALL = 16, 0.95
SLOW = {"pgvector": pytest.mark.slow}
TABLE = {**INDEXES, **COMPOSED}


def world(items, seed=0):
    """Return vectors, unordered ids with gaps, and queries [25, 4, D] near the clusters."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((50, D))
    near = centres[rng.integers(50, size=items + 100)] + 0.5 * rng.standard_normal((items + 100, D))
    near /= np.linalg.norm(near, axis=1, keepdims=True)
    vectors = near[:items] * rng.lognormal(0, 1, (items, 1))
    ids = rng.permutation(np.arange(1, 3 * items))[:items] + 2**40
    return vectors.astype(np.float32), ids, near[items:].astype(np.float32).reshape(25, 4, D)


VECTORS, IDS, QUERIES = world(400)


@pytest.fixture(scope="module")
def server():
    """Start a real server, and set the environment so that libpq connects to it."""
    with postgres_by_default():
        yield


@pytest.fixture(params=[pytest.param(name, marks=SLOW.get(name, ())) for name in TABLE])
def kind(request):
    if request.param == "pgvector":
        request.getfixturevalue("server")
    found = resolve("index", request.param, TABLE)
    try:
        found.build(VECTORS[:50], IDS[:50])
    except MissingExtra as missing:
        pytest.skip(str(missing))
    return found


def rows(index, queries, m):
    """Return the items and scores of all queries, one row per query."""
    found = index.search(queries, m)
    assert found.items.shape == found.scores.shape == (*queries.shape[:2], m)
    assert (found.items.dtype, found.scores.dtype) == (np.int64, np.float32)
    return found.items.reshape(-1, m), found.scores.reshape(-1, m)


def test_scores_are_the_inner_products_of_what_it_returns(kind):
    items, scores = rows(kind.build(VECTORS, IDS), QUERIES, 20)
    place = {item: row for row, item in enumerate(IDS.tolist())}
    for query, own, given in zip(QUERIES.reshape(-1, D), items.tolist(), scores, strict=True):
        expected = VECTORS[[place[item] for item in own]] @ query
        np.testing.assert_allclose(given, expected, rtol=1e-4, atol=1e-4)


def test_results_are_sorted_by_score_without_repeats(kind):
    items, scores = rows(kind.build(VECTORS, IDS), QUERIES, 20)
    assert (np.diff(scores, axis=1) <= 0).all()
    assert all(len(set(row)) == 20 for row in items.tolist())


def test_items_with_equal_vectors_are_sorted_by_number(kind):
    index = kind.build(np.ones((5, D), dtype=np.float32), np.array([9, 4, 7, 1, 5]))
    items, _ = rows(index, np.ones((1, 1, D), dtype=np.float32), 5)
    assert items.tolist() == [[1, 4, 5, 7, 9]]


def test_if_m_is_larger_than_the_index_the_rest_is_zeros(kind):
    items, scores = rows(kind.build(VECTORS[:60], IDS[:60]), QUERIES, 75)
    assert (np.sort(items[:, :60]) == np.sort(IDS[:60])).all()
    assert (items[:, 60:] == 0).all()
    assert (scores[:, 60:] == 0).all()


def test_an_empty_index_finds_nothing_or_is_refused(kind):
    nothing = np.empty((0, D), dtype=np.float32), np.empty(0, dtype=np.int64)
    if issubclass(kind, QuantizedIndex):
        with pytest.raises(DataError, match="of no items"):
            kind.build(*nothing)
        return
    items, scores = rows(kind.build(*nothing), QUERIES, 3)
    assert not items.any()
    assert not scores.any()


def test_without_queries_there_are_no_results(kind):
    assert rows(kind.build(VECTORS, IDS), QUERIES[:0], 3)[0].shape == (0, 3)


def test_an_index_of_one_item_answers_one_query(kind):
    items, _ = rows(kind.build(VECTORS[:1], IDS[:1]), QUERIES[:1, :1], 1)
    assert items.tolist() == [[IDS[0]]]


def test_results_do_not_depend_on_the_other_queries(kind):
    index = kind.build(VECTORS, IDS)
    together, _ = rows(index, QUERIES, 20)
    alone = [rows(index, QUERIES[u : u + 1], 20)[0] for u in range(3)]
    assert (together[:12] == np.concatenate(alone)).all()


def test_a_query_of_zeros_finds_some_items(kind):
    items, scores = rows(kind.build(VECTORS, IDS), np.zeros((1, 1, D), dtype=np.float32), 20)
    assert len(set(items[0].tolist()) - {0}) == 20
    assert (scores == 0).all()


def test_a_loaded_index_returns_the_same_results(kind, tmp_path):
    for change in (False, True):
        made = kind.build(VECTORS[3:], IDS[3:])
        if change:
            made = made.remove(IDS[8:10]).add(VECTORS[:1], IDS[:1])
        made.save(tmp_path / "first")
        again = load_index(tmp_path / "first")
        again.save(tmp_path / "second")  # a memory-mapped index is copied completely
        again = load_index(tmp_path / "second")
        assert type(again) is type(made)
        assert (again.ids.tolist(), again.dim, len(again)) == (made.ids.tolist(), D, len(made))
        for one, other in zip(rows(made, QUERIES, 20), rows(again, QUERIES, 20), strict=True):
            assert (one == other).all()


def test_a_removed_item_is_not_returned_and_the_original_index_is_not_changed(kind):
    index = kind.build(VECTORS, IDS)
    own = (VECTORS[:1] / np.linalg.norm(VECTORS[:1])).reshape(1, 1, D)
    before, _ = rows(index, own, 10)
    without = index.remove(before[0, :3])
    after, _ = rows(without, own, 400)
    assert not set(after[0].tolist()) & set(before[0, :3].tolist())
    assert (after[0, :397] > 0).all()
    assert len(without) == len(without.ids) == 397
    assert (rows(index, own, 10)[0] == before).all()


def test_an_added_item_is_found_and_a_removed_item_can_be_added_with_a_new_vector(kind):
    index = kind.build(VECTORS[10:], IDS[10:]).add(VECTORS[:10], IDS[:10]).remove(IDS[5:15])
    back = index.add(100 * np.ones((1, D), dtype=np.float32), IDS[12:13])
    items, scores = rows(back, np.ones((1, 1, D), dtype=np.float32), 400)
    assert (items[0, 0], scores[0, 0]) == (IDS[12], 100 * D)
    expected = set(IDS.tolist()) - set(IDS[5:15].tolist()) | {int(IDS[12])}
    assert set(items[0].tolist()) - {0} == expected == set(back.ids.tolist())


def test_adding_a_present_item_or_removing_an_absent_one_is_an_error(kind):
    index = kind.build(VECTORS[:50], IDS[:50])
    with pytest.raises(DataError, match=rf"Item {IDS[3]} .* remove it first"):
        index.add(VECTORS[3:4], IDS[3:4])
    with pytest.raises(DataError, match=r"Item 77 .* does not contain it"):
        index.remove(np.array([77]))


@pytest.mark.slow
def test_the_minimum_recall_is_reached_on_very_unequal_norms(kind):
    vectors, ids, queries = world(5_000)
    index, exact = kind.build(vectors, ids), ExactIndex.build(vectors, ids)
    real = real_queries(queries)
    truth = exact.search(real, 50)
    if isinstance(index, ApproximateIndex):
        index = with_measured_budget(index, real, truth, min_recall=MIN_RECALL)
    recall = recall_of(index.search(real, 50), truth)
    assert recall == 1 if index.exact else recall >= MIN_RECALL


@pytest.mark.parametrize(
    ("vectors", "ids", "message"),
    [
        (VECTORS[:2], np.array([0, 3]), "item number 0"),
        (VECTORS[:2], np.array([3, 3]), "item 3 twice"),
        (VECTORS[:2] * [[1], [np.nan]], np.array([3, 4]), "vector of item 4 .* not finite"),
        (VECTORS[:2] * [[np.inf], [1]], np.array([3, 4]), "vector of item 3 .* not finite"),
        (VECTORS[:2], np.array([3]), r"one vector \(one row\) per id"),
    ],
)
def test_invalid_items_and_vectors_are_errors(kind, vectors, ids, message):
    with pytest.raises(DataError, match=message):
        kind.build(vectors, ids)


def test_impossible_searches_are_errors(kind):
    index = kind.build(VECTORS[:50], IDS[:50])
    with pytest.raises(ConfigError, match="0 items"):
        index.search(QUERIES, 0)
    with pytest.raises(DataError, match=r"width 16 .* \(25, 4, 15\)"):
        index.search(QUERIES[..., :15], 5)
    with pytest.raises(DataError, match=r"Query 1 .* not finite"):
        index.search(np.array([[[1.0] * D, [np.nan] * D]]), 5)


def test_every_file_of_the_folder_is_in_a_table():
    others = {"__init__", "approximate", "base", "choose", "postgres", "recall", "removal", "table"}
    files = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - others
    known = {resolve("index", name, TABLE).__module__.rpartition(".")[2] for name in TABLE}
    assert files <= known, f"add {files - known} to INDEXES in index/table.py"
