"""Check ``fit``, which trains a recommender from a split in one call."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from prismrec.data import Case, Histories, IdMap
from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError, DataError
from prismrec.models import Forming, Model, SelfAttentive
from prismrec.training import RunConfig, TrainConfig, fit, train
from worlds import small_dataset

SMALL = RunConfig(dim=8, interests=2)


@pytest.fixture(scope="module")
def dataset():
    return small_dataset()


@pytest.mark.slow
def test_the_default_is_prism_with_settings_chosen_from_the_data(dataset):
    split, steps = split_by_user(dataset), []
    trained = fit(split, dataset.catalog, SMALL, TrainConfig(epochs=1), on_step=steps.append)
    assert (trained.settings["extractor"], trained.settings["readout"]) == ("prism", "mixture")
    assert None not in [
        trained.settings[name] for name in ("max_len", "tie_embeddings", "learning_rate")
    ]
    assert len(steps) == trained.result.steps
    histories = [case.history for case in split.test]
    assert (trained.recommender.ranked(histories, 5).items > 0).all()
    has_repeats = fit(split, dataset.catalog, SMALL, TrainConfig(epochs=1))
    assert np.array_equal(
        has_repeats.recommender.model.item_vectors().detach(),
        trained.recommender.model.item_vectors().detach(),
    )


def test_rules_of_the_model_with_one_interest_are_noted_as_taken_from_several(dataset):
    trained = fit(split_by_user(dataset), dataset.catalog, RunConfig(dim=8), TrainConfig(steps=2))
    formed = trained.recommender.with_forming(Forming(clusters=3, whole_weight=0.5))
    single = replace(trained, recommender=formed).with_one_interest()
    assert (
        single.notes["rules"]
        == f"taken from the model with several interests: {trained.notes['rules']}"
    )
    assert single.recommender.model.forming is None


@pytest.mark.slow
def test_trainings_in_threads_have_the_results_of_one_alone(dataset):
    split, state = split_by_user(dataset), torch.get_rng_state()

    def weights(_):
        training = TrainConfig(steps=6, batch_size=64)
        trained = fit(split, dataset.catalog, replace(SMALL, rules=False), training)
        return trained.recommender.model.item_vectors().detach()

    alone = weights(0)
    with ThreadPoolExecutor(3) as pool:
        assert all(torch.equal(alone, found) for found in pool.map(weights, range(3)))
    assert torch.equal(state, torch.get_rng_state())


@pytest.mark.slow
def test_an_interrupted_run_returns_its_state_and_can_be_resumed(dataset, tmp_path):
    split, folder = split_by_user(dataset), str(tmp_path / "run")
    training = TrainConfig(epochs=4, batch_size=64)

    def stop(step):
        if step.step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    stopped = fit(split, dataset.catalog, SMALL, training, folder=folder, on_step=stop)
    assert (stopped.result.interrupted, stopped.result.steps) == (True, 2)
    assert "rules" not in stopped.notes
    resumed = fit(split, dataset.catalog, SMALL, training, folder=folder, resume=True)
    whole = fit(split, dataset.catalog, SMALL, training)
    assert np.array_equal(
        resumed.recommender.model.item_vectors().detach(),
        whole.recommender.model.item_vectors().detach(),
    )


def test_an_index_without_its_database_is_an_error_before_the_first_step(dataset, monkeypatch):
    monkeypatch.setenv("PGHOST", "127.0.0.1")
    monkeypatch.setenv("PGPORT", "1")
    split, steps = split_by_user(dataset), []
    with pytest.raises(DataError, match="database of an index could not be used"):
        fit(split, dataset.catalog, replace(SMALL, index="pgvector"), on_step=steps.append)
    with pytest.raises(ConfigError, match="its graph supports 1 to 2000"):
        fit(split, dataset.catalog, RunConfig(dim=2_000, index="pgvector"), on_step=steps.append)
    assert not steps


@pytest.mark.parametrize("items", [20, 40, 60])
def test_a_catalog_of_another_data_set_than_the_split_is_an_error(dataset, items):
    other = small_dataset(f"synthetic:many-taste?users=60&items={items}&clusters=4&seed=5")
    ids = IdMap([f"other-{n}" for n in range(other.catalog.size - 1)], first=1, kind="item")
    catalog, split = replace(other.catalog, items=ids), split_by_user(dataset)
    with pytest.raises(
        DataError, match=f"not the {dataset.catalog.size - 1} items of the data set"
    ):
        fit(split, catalog, SMALL, TrainConfig(steps=1))
    if catalog.size < dataset.catalog.size:
        with pytest.raises(DataError, match="history of the split has item number"):
            fit(replace(split, dataset=None), catalog, SMALL, TrainConfig(steps=1))


@pytest.mark.parametrize(("history", "target"), [([1], 0), ([1], 9_999), ([-1], 1)])
def test_a_validation_case_outside_the_catalog_is_an_error(dataset, history, target):
    split = replace(split_by_user(dataset), valid=[Case(np.array(history), np.array([target]))])
    with pytest.raises(DataError, match=r"A case has the item .* cases and a catalog of one data"):
        fit(split, dataset.catalog, SMALL, TrainConfig(steps=1))


@pytest.mark.parametrize("wrong", [-1, 0])
def test_an_item_number_below_one_in_a_training_history_is_an_error(dataset, wrong):
    split = replace(split_by_user(dataset), train=Histories.of([[wrong, 2, 3]]))
    with pytest.raises(DataError, match=f"history of the split has item number {wrong}, but"):
        fit(split, dataset.catalog, SMALL, TrainConfig(steps=1))


def test_arguments_that_are_mixed_up_are_named(dataset):
    split, catalog = split_by_user(dataset), dataset.catalog
    for arguments, sentence in (
        ((dataset, catalog), r"split is of type Dataset, .* one with split_by_user\(dataset\)"),
        ((split.train, catalog), "split is of type Histories, but must be a Split"),
        ((split, dataset), r"catalog is of type Dataset, but must be a Catalog; pass dataset\.cat"),
        ((split, catalog, TrainConfig()), "config is of type TrainConfig, .* training=TrainConfig"),
        ((split, catalog, RunConfig(), RunConfig()), "training is of type RunConfig, but must be"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            fit(*arguments)
    with pytest.raises(ConfigError, match="sources is None, but must be a Sources"):
        fit(split, catalog, sources=None)


def test_a_training_on_a_whole_split_is_refused(dataset):
    model = Model(dataset.catalog.size, SelfAttentive(dim=8, interests=2, max_len=8))
    split = split_by_user(dataset)
    for arguments, sentence in (
        ((model, split, TrainConfig()), r"must be Histories; pass split\.train"),
        ((model, split.train, RunConfig()), "config is of type RunConfig, but must be a TrainCon"),
        ((split, model, TrainConfig()), "model is of type Split, but must be a Model"),
    ):
        with pytest.raises(ConfigError, match=sentence):
            train(*arguments)
