"""Check the decision between the default and the finalists, with values worked out by hand."""

import math

import numpy as np
import pytest

from prismrec.training.tuning.decide import Tried, decide

DEFAULT = Tried(0, np.array([[0.0, 0.2, 0.4, 0.4], [0.2, 0.4, 0.4, 0.6]]))
"""Two seeds and four users; the means of the seeds are 0.25 and 0.4, those of users
0.1, 0.3, 0.4, 0.5."""


def shifted(number, *by_user):
    return Tried(number, DEFAULT.values + np.array(by_user))


def test_the_default_is_kept_if_an_interval_contains_zero():
    # Differences 0.2, 0, 0.2, 0: mean 0.1, standard error √(4 · 0.01 / 3 / 4) = 0.0577.
    decision = decide(DEFAULT, [shifted(7, 0.2, 0, 0.2, 0)], "recall@50")
    assert decision.chosen == 0
    difference = decision.differences[7]
    assert difference.mean == pytest.approx(0.1)
    assert difference.interval == pytest.approx(1.96 * math.sqrt(0.01 / 3))
    assert decision.sentence == (
        "The default settings are kept: no finalist is better in recall@50; the best one, trial 7, "
        "differs by +0.1000 ± 0.1132 over 4 validation users and 2 seeds, 95 % for 1 together."
    )


def test_a_finalist_that_is_better_for_every_user_is_chosen():
    decision = decide(DEFAULT, [shifted(7, 0.1, 0.1, 0.2, 0.1)], "recall@50")
    # Mean 0.125, standard error √((3 · 0.025² + 0.075²) / 3 / 4) = 0.025.
    assert decision.chosen == 7
    assert decision.sentence == (
        "The settings of trial 7 are chosen: recall@50 differs from the default by +0.1250 ± "
        "0.0490 over 4 validation users and 2 seeds, 95 % for 1 together."
    )


def test_more_finalists_need_a_larger_difference():
    # Differences 0.02, 0.06, 0.02, 0.1: mean 0.05, standard error
    # √((0.03² + 0.01² + 0.03² + 0.05²) / 3 / 4) = 0.01915. Of one: ± 0.0375; of three,
    # 2.394 standard errors: ± 0.0458; of eight, 2.734: ± 0.0524.
    one = shifted(1, 0.02, 0.06, 0.02, 0.1)
    others = [shifted(number, -0.1, 0, -0.1, 0) for number in range(2, 9)]
    assert decide(DEFAULT, [one], "recall@50").chosen == 1
    three = decide(DEFAULT, [one, *others[:2]], "recall@50")
    assert three.chosen == 1
    assert three.differences[1].interval == pytest.approx(0.0458, abs=1e-4)
    eight = decide(DEFAULT, [one, *others], "recall@50")
    assert eight.differences[1].interval == pytest.approx(0.0524, abs=1e-4)
    assert eight.chosen == 0


def test_the_best_of_several_better_ones_is_chosen_and_a_noisy_larger_one_is_not():
    small, large = shifted(3, 0.1, 0.1, 0.1, 0.12), shifted(5, 0.2, 0.2, 0.2, 0.22)
    noisy = shifted(9, 2.0, 0.0, 0.0, 0.0)  # mean 0.5 ± 1.2
    decision = decide(DEFAULT, [small, large, noisy], "recall@50")
    assert decision.chosen == 5
    assert set(decision.differences) == {3, 5, 9}


def test_a_worse_finalist_is_never_chosen():
    decision = decide(DEFAULT, [shifted(2, -0.1, -0.1, -0.1, -0.1)], "recall@50")
    assert decision.chosen == 0
    assert "trial 2, differs by -0.1000" in decision.sentence


def test_users_without_the_metric_are_left_out():
    finalist = shifted(4, 0.1, 0.2, 0.1, np.nan)
    decision = decide(DEFAULT, [finalist], "recall@50")
    assert decision.differences[4].users == 3
    assert finalist.means == pytest.approx([0.2 + 0.4 / 3, 1.0 / 3 + 0.4 / 3])


def test_seeds_are_averaged_before_users_are_compared():
    # Each seed differs by ±0.3 for each user, but their mean by 0.1, 0.1, 0.1 and 0.11.
    values = DEFAULT.values + np.array([[0.4, 0.4, 0.4, 0.42], [-0.2] * 4])
    decision = decide(DEFAULT, [Tried(6, values)], "recall@50")
    assert decision.chosen == 6
    assert decision.differences[6].interval == pytest.approx(1.96 * 0.005 / 2)


def test_a_few_users_with_the_same_difference_decide_nothing():
    assert decide(DEFAULT, [shifted(7, 0.1, 0.1, 0.1, 0.1)], "recall@50").chosen == 0
