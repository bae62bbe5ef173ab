"""Compare the exact index with sorting, and indexes made of other indexes with one index."""

from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prismrec.retrieval.index import ExactIndex, ShardedIndex, UpdatedIndex, exact


@st.composite
def worlds(draw):
    """Draw vectors of small whole numbers, so that scores tie, with ids and queries."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    items, width = draw(st.integers(1, 300)), draw(st.integers(1, 4))
    vectors = rng.integers(-3, 4, (items, width)).astype(np.float32)
    ids = rng.permutation(np.arange(1, 2 * items + 1))[:items]
    queries = rng.integers(-3, 4, (draw(st.integers(1, 4)), draw(st.integers(1, 4)), width))
    return vectors, ids, queries.astype(np.float32)


def sorted_whole(vectors, ids, queries, m):
    """Return the m best items by sorting all scores. Ties are sorted by item number."""
    scores = queries @ vectors.T
    order = np.lexsort((np.broadcast_to(ids, scores.shape), -scores), axis=2)[:, :, :m]
    missing = ((0, 0), (0, 0), (0, m - order.shape[2]))
    return np.pad(ids[order], missing), np.pad(np.take_along_axis(scores, order, 2), missing)


def assert_same(found, expected):
    np.testing.assert_array_equal(found[0], expected[0])
    np.testing.assert_array_equal(found[1], expected[1])


sizes = st.sampled_from([1, 2, 7, 64, 1_000])


@pytest.mark.slow
@settings(deadline=None)
@given(worlds(), st.integers(1, 320), sizes, sizes, sizes)
def test_the_exact_index_equals_sorting_all_scores_for_any_tile_size(world, m, rows, tile, chunk):
    vectors, ids, queries = world
    with mock.patch.multiple(exact, ROWS=rows, TILE=tile, CHUNK=chunk):
        found = ExactIndex.build(vectors, ids).search(queries, m)
    assert_same(found, sorted_whole(vectors, ids, queries, m))


@settings(deadline=None)
@given(worlds(), st.integers(1, 50), st.integers(1, 5))
@pytest.mark.slow
def test_a_sharded_exact_index_equals_one_index(world, m, shards):
    vectors, ids, queries = world
    places = np.array_split(np.arange(len(ids)), shards)
    index = ShardedIndex([ExactIndex.build(vectors[p], ids[p]) for p in places])
    assert index.exact
    assert_same(index.search(queries, m), sorted_whole(vectors, ids, queries, m))


@settings(deadline=None)
@given(worlds(), st.integers(1, 50), st.data())
@pytest.mark.slow
def test_an_index_after_changes_equals_a_new_one_of_the_remaining_items(world, m, data):
    vectors, ids, queries = world
    held = np.zeros(len(ids), dtype=bool)
    held[: len(ids) // 2] = True
    index = UpdatedIndex.build(vectors[held], ids[held])
    for _ in range(4):
        some = np.array(
            data.draw(st.lists(st.integers(0, len(ids) - 1), max_size=5)), dtype=np.int64
        )
        old, new = np.unique(some[held[some]]), np.unique(some[~held[some]])
        index = index.remove(ids[old]).add(vectors[new], ids[new])
        held[old], held[new] = False, True
    assert_same(index.search(queries, m), sorted_whole(vectors[held], ids[held], queries, m))
