"""Check the advice on the number of interests: only what was measured, and nothing else."""

from dataclasses import replace
from unittest import mock

import numpy as np
import pytest

from prismrec.data.split import split_by_user
from prismrec.evaluation import Report
from prismrec.models import Forming
from prismrec.training import RunConfig, TrainConfig, fit
from prismrec.training.advise import advise_clusters
from prismrec.training.advise_heads import advise_interests, compare_heads
from worlds import small_dataset

SIX, THREE = Forming(clusters=6, whole_weight=0.5), Forming(clusters=3, whole_weight=0.5)


def report(values, used=3.0):
    per_user = {"recall@20": np.array(values)}
    users = len(values)
    return Report(
        {}, {}, users, "", "users", 0, 1.0, {}, per_user=per_user, interests_used=used
    )  # fmt: skip


@pytest.mark.parametrize(
    ("chosen", "other", "values", "ending"),
    [
        # Six users. Differences -0.25 and 0.5: mean 0.125, standard error 0.375 / √5.
        (SIX, THREE, [0.25, 1.0], "differs by +0.1250 ± 0.3287, so fewer would change little"),
        (SIX, THREE, [0.25, 0.25], "differs by -0.2500 ± 0.0000, so fewer would lower it"),
        (THREE, SIX, [0.75, 0.25], "differs by +0.0000 ± 0.2191, so more would change little"),
        (THREE, SIX, [0.25, 0.25], "differs by -0.2500 ± 0.0000, so more would lower it"),
        (
            THREE,
            SIX,
            [0.75, 0.75],
            "differs by +0.2500 ± 0.0000, so more would raise it, but the mean over list lengths "
            "decided",
        ),
    ],
)
def test_the_advice_on_clusters_follows_the_paired_difference(chosen, other, values, ending):
    found = advise_clusters(
        chosen, {chosen: report([0.5] * 6), other: report(values * 3)}, "recall@20"
    )
    assert found.startswith(
        f"K: the first 20 items of the median list come from 3 interests, and up to "
        f"{chosen.clusters} clusters are formed; with up to {other.clusters}, recall@20"
    )
    assert found.endswith(ending)


def test_there_is_no_advice_on_clusters_without_a_measurement():
    other_weight = Forming(clusters=3, whole_weight=0.7)
    assert advise_clusters(SIX, {}, "recall@20") is None
    assert advise_clusters(SIX, {SIX: report([0.1, 0.2])}, "recall@20") is None
    measured = {SIX: report([0.1, 0.2]), other_weight: report([0.1, 0.3])}
    assert advise_clusters(SIX, measured, "recall@20") is None
    unused = {SIX: report([0.1, 0.2], used=None), THREE: report([0.1, 0.2])}
    assert advise_clusters(SIX, unused, "recall@20") is None


def heads(values, others):
    """Return reports of several heads and of one, with these values per user."""
    return [replace(report(v), metrics={"recall@20": float(np.mean(v))}) for v in (values, others)]


@pytest.mark.parametrize(
    ("values", "others", "ending"),
    [
        # A difference of 0.02 for each of 40 users; or of 1 for 3 of 5 users and -1 for the others.
        ([0.22] * 40, [0.20] * 40, "so several pay; --interests 8 may be worth a try"),
        ([1, 1, 1, 0, 0], [0, 0, 0, 1, 1], "are not shown to pay; one interest may be enough"),
        ([0.203] * 40, [0.20] * 40, "are not shown to pay; one interest may be enough"),
        ([0.19] * 40, [0.20] * 40, "so one interest is better"),
    ],
)
def test_the_advice_on_heads_compares_with_one_interest_user_by_user(values, others, ending):
    advice = compare_heads(4, "recall@20", *heads(values, others))
    assert advice.startswith(
        f"K: 4 interests reach recall@20 {np.mean(values):.4f} on validation, and one interest "
        f"{np.mean(others):.4f}: {np.mean(values) - np.mean(others):+.4f} ± "
    )
    assert f"over {len(values)} users" in advice
    assert advice.endswith(ending)


@pytest.mark.slow
def test_the_advice_on_interests_measures_the_users_of_the_validation():
    dataset = small_dataset()
    split = split_by_user(dataset)
    several, one = (
        fit(
            split, dataset.catalog, RunConfig(extractor="sa", interests=number, dim=8),
            TrainConfig(steps=5),
        )
        for number in (2, 1)
    )  # fmt: skip
    advice = advise_interests(several, one, split.valid)
    assert advice.startswith(f"K: 2 interests reach {several.metric} {several.result.best:.4f} on")
    assert f"and one interest {one.result.best:.4f}: " in advice
    assert f"over {len(split.valid)} users, so" in advice
    assert advise_interests(one, one, split.valid) is None
    assert advise_interests(several, one, split.valid[:1]) is None
    several.recommender.model.extractor.pruned = (1,)
    with mock.patch("prismrec.training.advise_heads.evaluate_metric") as evaluated:
        assert advise_interests(several, one, split.valid) == (
            "K: 1 of 2 interests were kept, so more would not pay; --interests 1 trains no others"
        )
    evaluated.assert_not_called()
