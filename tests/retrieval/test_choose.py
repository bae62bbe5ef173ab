"""Choose an index: exact for small catalogs, measured for large ones, always with a reason."""

import sys
from unittest import mock

import numpy as np
import pytest

from prismrec.errors import ConfigError, DataError, MissingExtra, UnknownName
from prismrec.retrieval.index import (
    ExactIndex,
    IndexName,
    ShardedIndex,
    check_index,
    choose_index,
    load_index,
    real_queries,
    with_measured_budget,
)
from prismrec.retrieval.index.choose import EXACT_UP_TO
from prismrec.retrieval.index.recall import check_recall, recall_of
from prismrec.types import Candidates

RNG = np.random.default_rng(0)
VECTORS = RNG.standard_normal((2_000, 8)).astype(np.float32)
IDS = np.arange(1, 2_001)
QUERIES = RNG.standard_normal((30, 4, 8)).astype(np.float32)


def recall(index, exact, queries=QUERIES):
    real = real_queries(queries)
    return recall_of(index.search(real, 50), exact.search(real, 50))


class Half(ExactIndex):
    """An exact index that returns only every second item."""

    kind = "half"

    def search(self, queries, m):
        items, scores = super().search(queries, 2 * m)
        return Candidates(items[..., ::2], scores[..., ::2])


def test_a_small_catalog_gets_exact_search_without_queries():
    choice = choose_index(VECTORS, IDS)
    assert isinstance(choice.index, ExactIndex)
    assert (choice.recall, choice.reason) == (1, "2,000 items are few enough for exact search")
    assert EXACT_UP_TO == 200_000


def test_a_large_catalog_gets_inverted_lists_with_measured_recall():
    pytest.importorskip("faiss")
    with mock.patch("prismrec.retrieval.index.choose.EXACT_UP_TO", 1_999):
        choice = choose_index(VECTORS, IDS, QUERIES)
    assert choice.index.kind == "ivf-sq8"
    assert choice.recall >= 0.95
    assert f"{choice.recall:.3f}" in choice.reason
    used = choice.index.search_budget
    below = [budget for budget in choice.index.search_budgets if budget < used]
    assert recall(choice.index.with_search_budget(below[-1]), choice.index.exact_index) < 0.95


def test_a_large_catalog_without_queries_gets_exact_search_with_a_reason():
    with mock.patch("prismrec.retrieval.index.choose.EXACT_UP_TO", 1_999):
        choice = choose_index(VECTORS, IDS)
    assert choice.index.exact
    assert "without a single interest vector" in choice.reason


def test_below_the_minimum_recall_auto_uses_exact_search_and_a_named_index_fails():
    pytest.importorskip("faiss")
    with mock.patch("prismrec.retrieval.index.choose.EXACT_UP_TO", 1_999):
        choice = choose_index(VECTORS, IDS, QUERIES, min_recall=1.01)
    assert choice.index.exact
    assert "below the minimum recall of 1.01" in choice.reason
    with pytest.raises(DataError, match="below the minimum recall"):
        choose_index(VECTORS, IDS, QUERIES, name="ivf-flat", min_recall=1.01)


def test_invalid_vectors_are_an_error_and_not_a_reason_to_fall_back():
    with (
        mock.patch("prismrec.retrieval.index.choose.EXACT_UP_TO", 1),
        pytest.raises(DataError, match="not finite"),
    ):
        choose_index(VECTORS * np.nan, IDS, QUERIES)


def test_a_name_is_looked_up_and_an_import_path_is_imported():
    with pytest.raises(UnknownName, match="ivf-flat"):
        choose_index(VECTORS, IDS, QUERIES, name="ivf-falt")
    choice = choose_index(VECTORS, IDS, name="prismrec.retrieval.index.exact:ExactIndex")
    assert choice.index.exact


def test_recall_is_the_share_of_the_exact_result():
    exact, real = ExactIndex.build(VECTORS, IDS), real_queries(QUERIES)
    assert recall(exact, exact) == 1
    assert recall(Half.build(VECTORS, IDS), exact) == pytest.approx(25 / 50, abs=1e-3)
    message = r"half finds 0\.500 of the 50 nearest items of 120 interests, below .* 0\.95"
    with pytest.raises(DataError, match=message):
        check_recall(Half.build(VECTORS, IDS), "half", real, exact.search(real, 50), 0.95)


def test_recall_counts_items_with_equal_scores_and_ignores_missing_items():
    truth = Candidates(np.array([[[1, 2, 0]]]), np.array([[[5.0, 3, 0]]], dtype=np.float32))
    equal = Candidates(np.array([[[1, 9, 8]]]), np.array([[[5.0, 3, 3]]], dtype=np.float32))
    short = Candidates(np.array([[[2, 0, 0]]]), np.array([[[3.0, 0, 0]]], dtype=np.float32))
    negative = Candidates(np.array([[[4, 0, 0]]]), np.array([[[-1.0, 0, 0]]], dtype=np.float32))
    nothing = Candidates(np.zeros((1, 1, 3), int), np.zeros((1, 1, 3), dtype=np.float32))
    assert recall_of(equal, truth) == 1
    assert recall_of(short, truth) == 1 / 2
    assert recall_of(nothing, negative) == 0


def test_recall_ignores_interest_vectors_of_zeros():
    pytest.importorskip("faiss")
    exact = ExactIndex.build(VECTORS, IDS)
    half = Half.build(VECTORS, IDS)
    padded = np.concatenate([QUERIES, np.zeros_like(QUERIES)], axis=1)
    assert recall(half, exact, padded) == pytest.approx(25 / 50, abs=1e-3)


def test_the_smallest_search_budget_that_reaches_the_minimum_recall_is_chosen():
    pytest.importorskip("faiss")
    choice = choose_index(VECTORS, IDS, QUERIES, name="ivf-flat", min_recall=0.5)
    real = real_queries(QUERIES)
    truth = choice.index.exact_index.search(real, 50)
    more = with_measured_budget(choice.index, real, truth, min_recall=0.95)
    assert more.search_budget > choice.index.search_budget
    assert more.backend is choice.index.backend, "the memory is shared"


def test_a_divided_exact_index_equals_one_index_with_equal_vectors_in_several_shards(tmp_path):
    vectors = VECTORS.copy()
    vectors[RNG.integers(2_000, size=600)] = vectors[:600]
    choice = choose_index(vectors, IDS, name="exact/7")
    choice.index.save(tmp_path / "index")
    expected = ExactIndex.build(vectors, IDS).search(QUERIES, 100)
    for index in (choice.index, load_index(tmp_path / "index")):
        assert [len(shard) for shard in index.shards] == [285, 286, 286, 285, 286, 286, 286]
        found = index.search(QUERIES, 100)
        assert (found.items == expected.items).all()
        assert (found.scores == expected.scores).all()
    assert choice.reason == "the index exact/7 was chosen by name and is exact"


@pytest.mark.parametrize("items", [7, 8, 100])
def test_vectors_are_asked_for_shard_by_shard(items):
    asked = []

    def vectors_of(numbers):
        asked.append(numbers.tolist())
        return VECTORS[numbers - 1]

    index = choose_index(vectors_of, IDS[:items], name="auto/4").index
    assert sorted(len(own) for own in asked) == sorted(len(shard) for shard in index.shards)
    assert [item for own in asked for item in own] == IDS[:items].tolist()
    assert max(map(len, asked)) <= items // 4 + 1


@pytest.mark.slow
def test_divided_inverted_lists_are_measured_together():
    pytest.importorskip("faiss")
    with mock.patch("prismrec.retrieval.index.choose.EXACT_UP_TO", 1_999):
        choice = choose_index(VECTORS, IDS, QUERIES, name="auto/3")
        exact = choose_index(VECTORS, IDS, QUERIES, name="auto/3", min_recall=1.01)
    assert [shard.kind for shard in choice.index.shards] == ["ivf-sq8"] * 3
    assert choice.recall >= 0.95
    assert choice.reason.startswith(f"ivf-sq8/3 finds {choice.recall:.3f} of the exact 50")
    truth = ExactIndex.build(VECTORS, IDS)
    assert recall(choice.index, truth) == choice.recall
    assert isinstance(exact.index, ShardedIndex)
    assert exact.index.exact
    assert "chosen instead of ivf-sq8/3" in exact.reason


@pytest.mark.parametrize("name", ["exact/1", "exact/0", "exact/", "exact/x", "exact/-2", "exact/²"])
def test_a_wrong_number_of_shards_is_an_error(name):
    with pytest.raises(ConfigError, match="as its number of shards; write 2 or more"):
        choose_index(VECTORS, IDS, name=name)
    assert str(IndexName.parse("auto/12")) == "auto/12"


def test_more_shards_than_items_are_an_error():
    with pytest.raises(ConfigError, match=r"exact/9 has more shards than .* items \(8\)"):
        choose_index(VECTORS[:8], IDS[:8], name="exact/9")


def test_an_index_that_cannot_be_built_here_is_refused_before_a_training():
    check_index("auto", 1_000_000, 64)
    with mock.patch.dict(sys.modules, {"faiss": None}):
        check_index("auto", 1_000_000, 64)  # it would use exact search
        for name in ("ivf-flat", "ivf-sq8/4"):
            with pytest.raises(MissingExtra, match="prismrec\\[ann\\]"):
                check_index(name, 1_000_000, 64)
    with pytest.raises(ConfigError, match="more shards than the catalog has items"):
        check_index("exact/9", 8, 64)
    with pytest.raises(UnknownName, match="No index named"):
        check_index("hnsw", 8, 64)
