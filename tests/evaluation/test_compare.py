"""Test the comparison of two reports, which is paired by user."""

import numpy as np
import pytest

from prismrec.data.cases import Case
from prismrec.errors import ConfigError, DataError, UnknownName
from prismrec.evaluation.compare import compare
from prismrec.evaluation.evaluate import evaluate
from prismrec.evaluation.metric_report import Report
from prismrec.types import RankedItems


def report(per_user, cases="the same"):
    values = {name: np.array(column, dtype=np.float64) for name, column in per_user.items()}
    users = len(next(iter(values.values())))
    return Report({}, {}, users, "", cases, 0, 1.0, {}, (), values)


def test_the_difference_is_within_each_user():
    # The difference of the means is smaller than the spread of each report, but every user gains.
    a = report({"recall@50": [0.1, 0.5, 0.9, 0.4]})
    b = report({"recall@50": [0.0, 0.4, 0.8, 0.2]})
    found = compare(a, b, "recall@50")
    assert found.mean == pytest.approx((0.1 + 0.1 + 0.1 + 0.2) / 4)
    spread = ((3 * 0.025**2 + 0.075**2) / 3) ** 0.5
    assert found.interval == pytest.approx(1.96 * spread / 4**0.5)
    assert (found.users, found.verdict) == (4, "better")
    assert str(found) == "recall@50: better by 0.1250 ± 0.0490 over 4 users"
    assert repr(found) == "Difference(recall@50: better by 0.1250 ± 0.0490 over 4 users)"
    row = "<td>recall@50</td><td>+0.1250</td><td>0.0490</td><td>better</td>"
    assert row in found._repr_html_()
    assert compare(b, a, "recall@50").verdict == "worse"


def test_a_difference_within_the_interval_is_reported_as_level():
    a, b = report({"recall@50": [0, 1.0, 0]}), report({"recall@50": [1.0, 0, 0]})
    assert str(compare(a, b, "recall@50")).startswith("recall@50: level, +0.0000 ± ")


def test_a_lower_divergence_is_better():
    a, b = report({"calibration@20": [1] * 6}), report({"calibration@20": [2] * 6})
    assert compare(a, b, "calibration@20").verdict == "better"


def test_novelty_may_be_higher_but_not_better():
    a, b = report({"novelty@20": [3] * 6}), report({"novelty@20": [2] * 6})
    assert compare(a, b, "novelty@20").verdict == "higher"


@pytest.mark.parametrize(("users", "verdict"), [(2, "level"), (5, "level"), (6, "better")])
def test_a_few_users_with_the_same_difference_are_level(users, verdict):
    values = np.linspace(0, 0.7, users)  # the differences are 0.1 but for rounding
    found = compare(report({"recall@50": values + 0.1}), report({"recall@50": values}), "recall@50")
    assert found.verdict == verdict
    assert found.sign_p == 2 * 0.5**users
    if verdict == "level":
        words = f"level, +0.1000 for each of {users} users, too few to be sure"
        assert str(found) == f"recall@50: {words}"


def test_users_without_the_metric_in_one_report_are_left_out():
    a = report({"diversity@20": [np.nan, 1, 1, 0.5]})
    b = report({"diversity@20": [0, np.nan, 0, 0]})
    assert compare(a, b, "diversity@20").users == 2


def test_refuses_reports_of_different_users():
    def recommend(histories, k):
        items = np.tile(np.arange(1, k + 1), (len(histories), 1))
        return RankedItems(items, items.astype(np.float32), items * 0)

    one = [Case(np.array([1]), np.array([2])), Case(np.array([3]), np.array([4]))]
    a, b = evaluate(recommend, one), evaluate(recommend, one[::-1])
    assert compare(a, a, "recall@20").mean == 0
    with pytest.raises(DataError, match="on the same cases"):
        compare(a, b, "recall@20")


def test_refuses_a_metric_that_has_no_users():
    a = report({"recall@50": [0, 1]})
    with pytest.raises(UnknownName, match="recall@50"):
        compare(a, a, "recall@20")


def test_refuses_fewer_than_two_users():
    a = report({"recall@50": [1, np.nan]})
    with pytest.raises(DataError, match="at least two"):
        compare(a, a, "recall@50")


def test_what_is_no_report_is_refused():
    with pytest.raises(ConfigError, match="A report is 5, but must be a Report; pass what"):
        compare(5, 5, "recall@20")
