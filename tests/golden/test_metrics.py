"""Compare each metric with values computed by hand. The expected values are formulas."""

from math import log, log2

import numpy as np
import pytest
from scipy import sparse

from prismrec.errors import DataError
from prismrec.evaluation.metrics import METRICS, Answers, coverage

approx = pytest.approx

# Items 1 to 6: categories 0, 0, 1, {0, 1}, none, 2. Row 0 is padding.
CATEGORIES = sparse.csr_array(
    np.array(
        [[0, 0, 0], [1, 0, 0], [1, 0, 0], [0, 1, 0], [0.5, 0.5, 0], [0, 0, 0], [0, 0, 1]],
        dtype=np.float64,
    )
)
COUNTS = np.array([0, 7, 3, 3, 1, 0, 0])


def measure(name, ranked, targets, k, history=()):
    """Compute the metric of one user."""
    answers = Answers(
        np.array([ranked], dtype=np.int64),
        [np.array(targets, dtype=np.int64)],
        [np.array(history, dtype=np.int64)],
        CATEGORIES,
        COUNTS,
    )
    (value,) = METRICS[name].measure(answers, k)
    return value


# The list holds targets 20 and 40 at ranks 2 and 4; target 60 is not in it.
RANKED = [10, 20, 30, 40, 50]
TARGETS = [20, 40, 60]


@pytest.mark.parametrize(
    ("k", "expected"), [(1, 0), (2, 1 / 3), (3, 1 / 3), (4, 2 / 3), (9, 2 / 3)]
)
def test_recall(k, expected):
    assert measure("recall", RANKED, TARGETS, k) == approx(expected)


def test_recall_divides_by_all_targets_even_past_k():
    assert measure("recall", [1, 2], [1, 2, 3, 4], 2) == approx(2 / 4)  # LensKit computes 2 / 2


def test_recall_counts_repeated_targets_once():
    assert measure("recall", [7, 8], [7, 7, 8], 2) == 1  # the published ComiRec code computes 2 / 3


@pytest.mark.parametrize(("k", "expected"), [(1, 0), (2, 1), (5, 1)])
def test_hit_rate(k, expected):
    assert measure("hit_rate", RANKED, TARGETS, k) == expected


@pytest.mark.parametrize(("k", "expected"), [(1, 0), (4, 2 / 4), (5, 2 / 5), (10, 2 / 10)])
def test_precision_divides_by_k_even_if_the_list_is_shorter(k, expected):
    assert measure("precision", RANKED, TARGETS, k) == approx(expected)


@pytest.mark.parametrize(("k", "expected"), [(1, 0), (2, 1 / 2), (5, 1 / 2)])
def test_mrr_uses_the_first_hit(k, expected):
    assert measure("mrr", RANKED, TARGETS, k) == approx(expected)


@pytest.mark.parametrize(
    ("k", "expected"),
    [
        (1, 0),
        (2, (1 / log2(3)) / (1 / log2(2) + 1 / log2(3))),
        (5, (1 / log2(3) + 1 / log2(5)) / (1 / log2(2) + 1 / log2(3) + 1 / log2(4))),
    ],
)
def test_ndcg(k, expected):
    assert measure("ndcg", RANKED, TARGETS, k) == approx(expected)


@pytest.mark.parametrize("targets", [[1, 2], [2, 1]])
def test_ndcg_does_not_depend_on_the_order_of_the_targets(targets):
    expected = (1 / log2(3) + 1 / log2(4)) / (1 / log2(2) + 1 / log2(3))
    assert measure("ndcg", [9, 1, 2], targets, 3) == approx(expected)
    assert round(expected, 4) == 0.6934


def test_the_ideal_list_of_ndcg_contains_all_targets():
    ranked, targets = list(range(10, 30)), [10, 90, 91, 92, 93]
    ideal = sum(1 / log2(rank + 1) for rank in range(1, 6))
    assert measure("ndcg", ranked, targets, 20) == approx(1 / ideal)
    assert round(1 / ideal, 4) == 0.3392
    assert measure("ndcg_of_hits", ranked, targets, 20) == 1


def test_ndcg_of_hits():
    expected = (1 / log2(3) + 1 / log2(5)) / (1 / log2(2) + 1 / log2(3))
    assert measure("ndcg_of_hits", RANKED, TARGETS, 5) == approx(expected)
    assert measure("ndcg_of_hits", RANKED, [99], 5) == 0


def test_a_repeated_recommendation_counts_once():
    assert measure("recall", [1, 1], [1, 2], 2) == approx(1 / 2)
    assert measure("precision", [1, 1], [1, 2], 2) == approx(1 / 2)


def test_a_repeated_target_counts_once():
    assert measure("precision", [1, 8, 9], [1, 1, 1], 3) == approx(1 / 3)
    assert measure("recall", [1, 8, 9], [1, 1, 1], 3) == 1


@pytest.mark.parametrize("name", ["recall", "ndcg"])
def test_a_user_without_targets_is_an_error_not_a_zero(name):
    answers = Answers(np.array([[1], [2]]), [np.array([1]), np.zeros(0, dtype=np.int64)])
    with pytest.raises(DataError, match="leave such users out"):
        METRICS[name].measure(answers, 1)


def test_padding_is_never_a_hit():
    assert measure("recall", [3, 0, 0], [3, 0], 3) == approx(1 / 2)


@pytest.mark.parametrize(
    ("ranked", "expected"),
    [
        ([1, 2], 0),  # one category
        ([1, 3], 1),  # two categories
        ([1, 4], 1 - 1 / 2),  # categories {0} and {0, 1}
        ([1, 2, 3], 2 / 3),
        ([1, 2, 4], (0 + 1 / 2 + 1 / 2) / 3),
        ([1, 5], 1),  # an item without a category differs from every item
        ([5, 1, 0], 1),
        ([1, 2, 0, 0], 0),  # a short list has fewer pairs
    ],
)
def test_diversity(ranked, expected):
    assert measure("diversity", ranked, [1], 4) == approx(expected)


@pytest.mark.parametrize("ranked", [[], [0, 0], [1, 0]])
def test_diversity_of_fewer_than_two_items_is_undefined(ranked):
    assert np.isnan(measure("diversity", ranked, [1], 2))


def test_diversity_uses_the_first_k_items():
    assert measure("diversity", [1, 2, 3], [1], 2) == 0


def test_category_coverage():
    assert measure("category_coverage", [1, 2, 5], [1], 3) == approx(1 / 3)
    assert measure("category_coverage", [4, 6], [1], 2) == 1
    assert measure("category_coverage", [5], [1], 1) == 0


def test_category_entropy_counts_an_item_with_two_categories_half_for_each():
    # Items 1 and 4 count 1 + 1/2 for category 0 and 1/2 for category 1, 2 in total.
    expected = -(3 / 4) * log(3 / 4) - (1 / 4) * log(1 / 4)
    assert measure("category_entropy", [1, 4], [1], 2) == approx(expected)
    assert measure("category_entropy", [1, 2], [1], 2) == 0
    assert np.isnan(measure("category_entropy", [5], [1], 1))


@pytest.mark.parametrize(
    ("ranked", "targets", "expected"),
    [
        ([1, 2], [2, 6], 1 / 2),  # categories {0} of {0, 2}
        ([1], [1, 2], 1),  # both targets have category 0, which counts once
        ([1, 2, 3], [3], 1),  # other categories of the list cost nothing
        ([4], [1, 3], 1),  # one item with categories {0, 1} covers both
        ([1, 6], [4, 6], 2 / 3),  # categories {0, 2} of {0, 1} and {2}
        ([3], [1, 1, 1, 3], 1 / 2),  # a repeated target counts once
        ([5, 3], [3, 5], 1),  # an item without a category asks for nothing and covers nothing
        ([5], [1], 0),
        ([], [1, 3], 0),  # an empty list
        ([0, 0], [1, 3], 0),
        ([3, 0], [1, 3], 1 / 2),  # padding has no category
    ],
)
def test_subtopic_recall(ranked, targets, expected):
    assert measure("subtopic_recall", ranked, targets, 3) == approx(expected)


def test_subtopic_recall_uses_the_first_k_items():
    values = [measure("subtopic_recall", [1, 2, 6], [4, 6], k) for k in (1, 2, 3)]
    assert values == approx([1 / 3, 1 / 3, 2 / 3])


@pytest.mark.parametrize("ranked", [[1], [5], []])
def test_subtopic_recall_is_undefined_if_no_target_has_a_category(ranked):
    assert np.isnan(measure("subtopic_recall", ranked, [5, 5], 1))


def test_calibration_is_smoothed_so_that_a_missing_category_has_a_finite_cost():
    # The history is half category 0 and half category 1. The list has only category 0.
    expected = 0.5 * log(0.5 / (0.01 * 0.5 + 0.99)) + 0.5 * log(0.5 / (0.01 * 0.5))
    assert measure("calibration", [1, 2], [1], 2, history=[1, 3]) == approx(expected)
    assert measure("calibration", [1, 3], [1], 2, history=[2, 3]) == approx(0)
    assert measure("calibration", [6], [1], 1, history=[1]) == approx(log(100))
    assert np.isnan(measure("calibration", [1], [1], 1, history=[5]))


def test_novelty_adds_one_event_to_each_item():
    # The counts 7, 3, 3, 1, 0, 0 become 8, 4, 4, 2, 1, 1, in total 20.
    assert measure("novelty", [1, 5, 0], [1], 3) == approx((-log2(8 / 20) - log2(1 / 20)) / 2)
    assert np.isnan(measure("novelty", [0, 0], [1], 2))


def test_popularity_rank_is_the_mean_for_items_of_equal_count():
    # Items have ranks by descending count: item 1 has rank 1, items 2 and 3 have the mean of 2
    # and 3, item 4 has rank 4, items 5 and 6 have the mean of 5 and 6.
    assert measure("popularity_rank", [1, 2], [1], 2) == approx((1 + 2.5) / 2)
    assert measure("popularity_rank", [6], [1], 1) == 5.5


def test_coverage_does_not_count_padding():
    assert coverage(np.array([True, True, False, False])) == approx(1 / 3)
