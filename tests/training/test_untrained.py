"""Check that items which no training event distinguishes are not ordered by their test events."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from prismrec.data import build_dataset, read_events
from prismrec.data.items import read_items
from prismrec.data.split import split_by_time, split_by_user
from prismrec.models import EXTRACTORS, Model
from prismrec.training import RunConfig, TrainConfig, fit
from prismrec.training.untrained import LARGEST, shuffle_untrained

USERS, OLD, NEW = 60, 20, 30


def events() -> pl.DataFrame:
    """Old items all the time; then new items of one category, each less frequent than the last."""
    random = np.random.default_rng(0)
    old = [
        (f"u{u}", f"old{i}", t) for u in range(USERS) for t, i in enumerate(random.choice(OLD, 8))
    ]
    new = [(f"u{u}", f"new{i}", 100 + i) for i in range(NEW) for u in range(USERS - 2 * i)]
    return pl.DataFrame(old + new, schema=["user", "item", "time"], orient="row")


@pytest.fixture(scope="module")
def trained_by_time(tmp_path_factory):
    folder = tmp_path_factory.mktemp("assortment")
    events().write_csv(folder / "events.csv")
    names = [f"old{i}" for i in range(OLD)] + [f"new{i}" for i in range(NEW)]
    kinds = ["shop"] * (OLD + NEW)
    pl.DataFrame({"item": names, "categories": kinds}).write_csv(folder / "items.csv")
    log = read_events(folder / "events.csv")
    dataset = build_dataset(log, items=read_items(folder / "items.csv"))
    split = split_by_time(dataset, valid=0.3, test=0.3)
    model = RunConfig(dim=8, interests=2)
    return split, dataset, fit(split, dataset.catalog, model, TrainConfig(epochs=1)).recommender


@pytest.mark.slow
def test_new_items_are_not_listed_in_the_order_of_their_test_events(trained_by_time):
    split, dataset, recommender = trained_by_time
    new = np.flatnonzero(split.train.counts(dataset.catalog.size)[1:] == 0) + 1
    assert len(new) >= 20
    vectors = recommender.model.vectors_as_numpy(new)
    alike = (vectors[:, :-1] == np.median(vectors[:, :-1], axis=0)).all(axis=1)
    assert alike.sum() >= 15  # nothing but the bias distinguishes these
    places = np.argsort(np.argsort(-vectors[alike, -1], kind="stable"))
    assert abs(np.corrcoef(places, np.arange(alike.sum()))[0, 1]) < 0.5


@pytest.mark.slow
def test_items_whose_events_all_have_weight_0_are_not_listed_by_number(dataset):
    weights = np.where(dataset.histories.items % 4 == 0, 0.0, 1.0).astype(np.float32)
    weighted = replace(dataset, histories=replace(dataset.histories, weights=weights))
    config = RunConfig(dim=8, negatives=0, categories=False, rules=False, forming=False)
    recommender = fit(
        split_by_user(weighted), dataset.catalog, config, TrainConfig(epochs=1)
    ).recommender
    zero = np.arange(4, dataset.catalog.size, 4)
    vectors = recommender.model.vectors_as_numpy(zero)
    alike = (vectors[:, :-1] == np.median(vectors[:, :-1], axis=0)).all(axis=1)
    assert alike.sum() >= 5
    assert len(np.unique(vectors[alike, -1])) == alike.sum()


def test_only_biases_of_items_without_training_events_change():
    counts = np.array([0, 5, 0, 0, 1])
    model = Model(
        len(counts), EXTRACTORS["sa"](dim=4, interests=2, max_len=5), tie_embeddings=False
    )
    before = model.item_vectors().detach().clone()
    shuffle_untrained(model, counts, seed=3)
    added = model.item_vectors().detach() - before
    assert added[:, :-1].eq(0).all()
    assert added[[0, 1, 4], -1].eq(0).all()
    assert (added[[2, 3], -1] > 0).all()
    assert (added[:, -1] < LARGEST).all()


def test_a_model_with_one_table_does_not_change():
    model = Model(4, EXTRACTORS["sa"](dim=4, interests=2, max_len=5), tie_embeddings=True)
    before = model.item_vectors().detach().clone()
    shuffle_untrained(model, np.array([0, 1, 0, 0]), seed=3)
    assert torch.equal(model.item_vectors().detach(), before)
