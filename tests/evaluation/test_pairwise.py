"""Test comparisons of several recommenders, with values that were worked out by hand."""

import math

import numpy as np
import pytest

from prismrec.errors import DataError
from prismrec.evaluation import Difference, Report, compare_each_pair, holm, p_value, widened


def report(values, cases="the same"):
    per_user = {"recall@50": np.array(values, dtype=np.float64)}
    return Report({}, {}, len(values), "", cases, 0, 1.0, {}, (), per_user)


def test_holm_multiplies_the_smallest_most():
    # 3 · 0.01, 2 · 0.02 and 1 · 0.04, which is not below the value before it.
    assert holm([0.04, 0.01, 0.02]) == pytest.approx([0.04, 0.03, 0.04])
    # 4 · 0.01, 3 · 0.012 = 0.036 < 0.04, 2 · 0.03, 1 · 0.9
    assert holm([0.03, 0.9, 0.01, 0.012]) == pytest.approx([0.06, 0.9, 0.04, 0.04])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_the_p_value_is_that_of_the_normal_distribution():
    # The standard error is 0.0196 / 1.96 = 0.01, so the mean is 1, 1.96 and 3 errors from 0.
    for mean, expected in ((0.01, 0.3173), (-0.0196, 0.0500), (0.03, 0.0027)):
        found = p_value(Difference("recall@50", mean, 0.0196, 100))
        assert found == pytest.approx(expected, abs=5e-5)
    # Without spread, the sign test: nine times the same sign.
    assert p_value(Difference("recall@50", 0.1, 0.0, 9)) == 2 / 2**9
    assert p_value(Difference("recall@50", 0.0, 0.0, 9)) == 1


def test_the_interval_of_one_of_several_comparisons_is_wider():
    one = Difference("recall@50", 0.02, 0.0196, 100)
    assert widened(one, 1) == one
    # Three comparisons: 2.394 instead of 1.960 standard errors (level 0.05 / 3).
    assert widened(one, 3).interval == pytest.approx(0.01 * 2.394, abs=2e-5)
    assert (one.verdict, widened(one, 3).verdict) == ("better", "level")


def test_every_pair_is_compared_and_chance_is_corrected():
    # Differences per user of a and b: 0.2, 0, 0.2, 0, mean 0.1, standard error
    # √(4 · 0.01 / 3 / 4) = 0.0577, z = 1.7321, p = 0.0833. Of a and c: always 0.5,
    # p = 2 / 2⁴ = 0.125 by the sign test. Holm doubles 0.0833 after 10⁻¹² for b and c, and 0.125
    # is not below that.
    a, b, c = [0.5, 0.5, 0.7, 0.5], [0.3, 0.5, 0.5, 0.5], [0.0, 0.0, 0.2, 0.0]
    found = compare_each_pair({"a": report(a), "b": report(b), "c": report(c)}, "recall@50")
    interval = 1.96 * math.sqrt(0.01 / 3)
    assert found[0] == (
        f"a against b, recall@50: level, +0.1000 ± {interval:.4f} over 4 users, p = 0.1665 "
        "(Holm, 3 pairs)."
    )
    assert found[1].startswith("a against c, recall@50: level, +0.5000 ± 0.0000 over 4 users, p =")
    # b and c: 0.3, 0.5, 0.3, 0.5, mean 0.4, z = 0.4 / 0.0577 = 6.93
    assert found[2].startswith("b against c, recall@50: better, +0.4000")


def test_a_difference_that_several_comparisons_explain_is_level():
    # Differences 0, 0, 1, 1, 1, mean 0.6, standard error √(1.2 / 4 / 5) = 0.2449, z = 2.449,
    # p = 0.0143. With three pairs, of which it is one of two equal ones: 3 · 0.0143 = 0.0430.
    a, b = [1, 1, 1, 1, 1], [1, 1, 0, 0, 0]
    (alone,) = compare_each_pair({"a": report(a), "b": report(b)}, "recall@50")
    assert "better, +0.6000" in alone
    assert "p = 0.0143 (Holm, 1 pair)" in alone
    four = {name: report(a) for name in "acde"} | {"b": report(b)}
    found = compare_each_pair(four, "recall@50")  # ten pairs: 10 · 0.0143 = 0.143
    assert "a against b, recall@50: level, +0.6000" in found[3]
    assert "p = 0.1431 (Holm, 10 pairs)" in found[3]


def test_nothing_is_compared_without_a_pair_or_with_one_user():
    assert compare_each_pair({"a": report([1, 0])}, "recall@50") == []
    found = compare_each_pair({"a": report([1]), "b": report([0])}, "recall@50")
    assert len(found) == 1
    assert "at least two such users" in found[0]
    with pytest.raises(DataError, match="different users"):
        compare_each_pair({"a": report([1, 0]), "b": report([1, 0], "others")}, "recall@50")
