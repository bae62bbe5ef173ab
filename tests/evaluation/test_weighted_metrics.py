"""Check the metrics that count targets by their weights: values by hand, and properties."""

from math import log2

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prismrec.data.cases import Case
from prismrec.errors import DataError
from prismrec.evaluation import evaluate
from prismrec.evaluation.metrics import METRICS, Answers
from prismrec.types import RankedItems

WEIGHTED = {"weighted_recall": "recall", "weighted_ndcg": "ndcg"}


def measure(name, items, targets, weights, k):
    """Return a metric of one list."""
    own = None if weights is None else [np.array(weights, dtype=np.float32)]
    answers = Answers(np.array([items]), [np.array(targets)], target_weights=own)
    return METRICS[name].measure(answers, k)[0]


def test_weighted_recall_by_hand():
    # Targets 3 (weight 5), 8 (weight 1) and 9 (weight 2); the list finds 3 and 9.
    parts = ([7, 3, 9, 4], [3, 8, 9], [5, 1, 2])
    assert measure("weighted_recall", *parts, 4) == pytest.approx((5 + 2) / (5 + 1 + 2))
    assert measure("weighted_recall", *parts, 2) == pytest.approx(5 / 8)
    assert measure("weighted_recall", *parts, 1) == 0


def test_weighted_ndcg_by_hand():
    # The best list has the weights 5, 2, 1 at ranks 1, 2, 3.
    parts = ([7, 3, 9, 4], [3, 8, 9], [5, 1, 2])
    best = 5 / log2(2) + 2 / log2(3) + 1 / log2(4)
    found = 5 / log2(3) + 2 / log2(4)
    assert measure("weighted_ndcg", *parts, 4) == pytest.approx(found / best)
    best_of_two = 5 / log2(2) + 2 / log2(3)
    assert measure("weighted_ndcg", *parts, 2) == pytest.approx(5 / log2(3) / best_of_two)


def test_a_repeated_target_counts_once_with_its_largest_weight():
    parts = ([3, 4], [3, 8, 3], [1, 2, 4])
    assert measure("weighted_recall", *parts, 2) == pytest.approx(4 / (4 + 2))
    assert measure("weighted_ndcg", *parts, 2) == pytest.approx(4 / (4 + 2 / log2(3)))


def test_targets_of_weight_zero_alone_are_undefined():
    for name in WEIGHTED:
        assert np.isnan(measure(name, [3, 4], [3, 8], [0, 0], 2))


ITEMS = st.lists(st.integers(1, 12), min_size=1, max_size=8, unique=True)


@given(ITEMS, st.lists(st.integers(1, 12), min_size=1, max_size=8), st.integers(1, 8),
       st.floats(0.25, 8))  # fmt: skip
@pytest.mark.slow
def test_with_equal_weights_they_equal_the_plain_metrics(items, targets, k, weight):
    for name, plain in WEIGHTED.items():
        found = measure(name, items, targets, [weight] * len(targets), k)
        assert found == pytest.approx(measure(plain, items, targets, None, k))


@given(ITEMS, st.dictionaries(st.integers(1, 12), st.integers(1, 9), min_size=1), st.integers(1, 8))
@pytest.mark.slow
def test_values_are_shares_and_ignore_the_scale(items, targets, k):
    wanted, weights = list(targets), list(targets.values())
    for name in WEIGHTED:
        value = measure(name, items, wanted, weights, k)
        assert 0 <= value <= 1 + 1e-12
        assert measure(name, items, wanted, [16 * w for w in weights], k) == pytest.approx(value)
        best = sorted(wanted, key=lambda item: -targets[item])
        if len(best) <= k:
            assert measure(name, best, wanted, weights, k) == pytest.approx(1)


def case_of(targets, weights=None):
    own = None if weights is None else np.array(weights, dtype=np.float32)
    return Case(np.array([1]), np.array(targets), own)


def recommend(histories, k):
    items = np.tile(np.arange(1, k + 1), (len(histories), 1))
    return RankedItems(items, -items.astype(np.float32), np.zeros_like(items))


def test_evaluate_measures_them_only_if_targets_have_weights():
    plain = evaluate(recommend, [case_of([2]), case_of([9])], ks=(3,))
    assert not [name for name in plain.metrics if "weighted" in name]
    cases = [case_of([2, 9], [3, 1]), case_of([9, 8], [1, 2]), case_of([3], [0])]
    report = evaluate(recommend, cases, ks=(3,))
    assert report.metrics["weighted_recall@3"] == pytest.approx((3 / 4 + 0) / 2)
    assert report.excluded["weighted_recall@3"] == 1
    assert report.metrics["recall@3"] == pytest.approx((1 / 2 + 0 + 1) / 3)


def test_asking_for_them_without_weights_is_a_clear_error():
    with pytest.raises(DataError, match="weights"):
        evaluate(recommend, [case_of([2])], ks=(3,), only=("weighted_recall",))
