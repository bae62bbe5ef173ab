"""Training on few items or few events: a metric that cannot choose is not used, and said so."""

import re
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from prismrec.data import (
    Columns,
    Weighting,
    build_dataset,
    read_events,
    split_by_user,
    split_leave_last_out,
)
from prismrec.evaluation import by_score, evaluate, list_lengths, popularity
from prismrec.training import RunConfig, TrainConfig, fit
from prismrec.training.popularity import no_better_than_popularity
from worlds import small_dataset

QUICK = TrainConfig(epochs=2, device="cpu")


def dataset_of(rows):
    """Return a data set of pairs (user, item), each event one minute after the one before."""
    frame = pl.DataFrame(
        [(f"u{user}", f"i{item}", 1_700_000_000 + 60 * at) for at, (user, item) in enumerate(rows)],
        schema=["user", "item", "time"], orient="row",
    )  # fmt: skip
    return build_dataset(read_events(frame), min_user_events=1, min_item_events=1)


def cycles(users=400, items=40, events=10):
    """Return events whose next item is certain: each user walks round the items."""
    starts = np.random.default_rng(0).integers(items, size=users)
    return [(u, (start + at) % items) for u, start in enumerate(starts) for at in range(events)]


def chance(users, items, events):
    """Return random events."""
    drawn = np.random.default_rng(0).integers(items, size=(users, events))
    return [(user, item) for user, row in enumerate(drawn) for item in row.tolist()]


@pytest.mark.parametrize(("items", "wanted", "expected"), [
    (1_682, (10, 20, 50), (10, 20, 50)), (500, (50,), (50,)), (499, (50,), (49,)),
    (120, (10, 20, 50), (10, 12)), (40, (50,), (4,)), (9, (20, 50), (1,)), (1, (50,), (1,)),
])  # fmt: skip
def test_lists_that_are_measured_are_a_tenth_of_the_catalog_at_most(items, wanted, expected):
    assert list_lengths(items, *wanted) == expected


@pytest.mark.slow
@pytest.mark.parametrize("validate_on", ["recall", "ndcg", "hit_rate"])
def test_forty_items_that_follow_one_another_are_learned(validate_on):
    data = dataset_of(cycles())
    split = split_leave_last_out(data)
    config = RunConfig(extractor="gru", dim=32, validate_on=validate_on)
    trained = fit(split, data.catalog, config, TrainConfig(device="cpu"))
    assert trained.metric == f"{validate_on}@4"
    assert trained.result.best_step > trained.result.history[0]["step"]
    report = evaluate(trained.recommender.ranked, split.test, ks=(5,), only=("recall",))
    assert report.metrics["recall@5"] > 0.9
    assert not {"popularity", "validation"} & set(trained.notes)


@pytest.mark.parametrize("extractor", ["prism", "sa", "gru"])
@pytest.mark.slow
def test_random_events_are_no_better_than_popularity(extractor):
    data = dataset_of(chance(users=40, items=60, events=8))
    config = RunConfig(extractor=extractor, dim=8)
    trained = fit(split_leave_last_out(data), data.catalog, config, QUICK)
    note = trained.notes["popularity"]
    assert re.match(r"no better than popularity on validation, recall@6: (level|worse)", note)
    other = trained.recommender.model.forming is not None  # a model that was not compared
    assert ("popularity" not in trained.with_one_interest().notes) == other


def test_popular_items_are_those_of_the_baseline_if_events_have_weights():
    rows = [
        (f"u{user}", item, 1_700_000_000 + at, 0.01 if item in "ab" else 5.0)
        for user in range(40)
        for at, item in enumerate(["a", "b", *(f"h{(user + n) % 3}" for n in range(3))])
    ]
    frame = pl.DataFrame(rows, schema=["user", "item", "time", "weight"], orient="row")
    columns = Columns(weighting=Weighting(column="weight"))
    data = build_dataset(read_events(frame, columns=columns), min_user_events=1)
    split = split_leave_last_out(data)
    popular = popularity(split.train, data.catalog.size)  # of plain counts, a and b are first
    recommender = SimpleNamespace(
        catalog=data.catalog, ranked=lambda *given, exclude_seen: by_score(
            popular, exclude_seen=exclude_seen)(*given),
    )  # fmt: skip
    note = no_better_than_popularity(recommender, split, metric="recall@1", exclude_seen=False)
    assert note.startswith("no better than popularity on validation, recall@1: level")


@pytest.mark.slow
def test_a_model_that_is_better_than_popularity_has_no_warning():
    dataset = small_dataset("synthetic:many-taste?users=400&items=300&clusters=6&events=20&seed=1")
    trained = fit(split_by_user(dataset), dataset.catalog, RunConfig(dim=16), QUICK)
    assert "popularity" not in trained.notes


def test_a_metric_that_was_the_same_each_time_is_named_with_others_to_try():
    data = dataset_of([(user, at) for user in range(20) for at in range(6)])
    config = RunConfig(extractor="mean", dim=4, exclude_seen=True)
    trained = fit(split_leave_last_out(data), data.catalog, config, QUICK)
    note = trained.notes["validation"]
    assert re.search(r"recall@1 was \d.0000 at each of 2 validations, so the last weights", note)
    assert note.endswith("set validate_on to ndcg or hit_rate")
    assert trained.result.best_step == trained.result.steps


@pytest.mark.parametrize("users", [1, 2])
def test_with_one_validation_user_nothing_is_said_about_popularity(users):
    data = dataset_of(chance(users=users, items=12, events=6))
    config = RunConfig(extractor="mean", dim=4)
    trained = fit(split_leave_last_out(data), data.catalog, config, QUICK)
    assert ("popularity" in trained.notes) == (users > 1)
