"""Co-occurrence is counted within clusters of a history where this finds more before training."""

from dataclasses import replace

import pytest
import torch

from prismrec.data.split import split_by_user
from prismrec.recommend import Recommender
from prismrec.training import RunConfig, TrainConfig, fit, select_init
from prismrec.training.build import build_initial_model
from prismrec.training.defaults import dataset_stats, resolve_defaults
from prismrec.training.processes import Processes
from prismrec.training.select_forming import UNCERTAIN
from prismrec.training.select_init import choose_initial_model, choose_train_clusters
from prismrec.training.validation import measure_one
from worlds import small_dataset

# Each user has two tastes of six that have nothing to do with one another.
WORLD = "synthetic:many-taste?users=160&items=120&clusters=6&events=16&seed=3"


@pytest.fixture(scope="module")
def world():
    dataset = small_dataset(WORLD)
    split = split_by_user(dataset, valid=0.3, test=0.1)
    stats = dataset_stats(split, dataset.catalog)
    config, _ = resolve_defaults(RunConfig(dim=16, max_len=16), TrainConfig(), stats)
    return dataset.catalog, split, config


def assert_same_weights(one, other):
    """Check that training starts from the same model, in the same mode."""
    assert one.training == other.training
    assert one.forming == other.forming
    for name, weights in one.state_dict().items():
        torch.testing.assert_close(weights, other.state_dict()[name], rtol=0, atol=0)


@pytest.mark.parametrize(("values", "clusters"), [((0.2, 0.219), 0), ((0.2, 0.221), 6)])
def test_ten_percent_more_before_training_is_enough(world, monkeypatch, values, clusters):
    catalog, split, config = world
    left = list(values)
    monkeypatch.setattr(select_init, "measure_one", lambda *_, **__: left.pop(0))
    chosen, model, reason = choose_initial_model(config, split, catalog, 0)
    assert chosen == replace(config, init_clusters=clusters)
    assert all(f"{value:.4f}" in reason for value in values)
    assert ("within at most 6 clusters" in reason) == bool(clusters)
    assert_same_weights(model, build_initial_model(chosen, split, catalog, 0))


def test_the_chosen_way_is_the_one_that_finds_more(world):
    catalog, split, config = world
    chosen, *_ = choose_initial_model(config, split, catalog, 0)
    measured = {}
    for clusters in (0, 6):
        model = build_initial_model(replace(config, init_clusters=clusters), split, catalog, 0)
        recommender = Recommender.exact(model.eval().formed(UNCERTAIN), catalog)
        measured[clusters] = measure_one(recommender, split.valid, "recall@12", exclude_seen=False)
    gain = measured[6] / measured[0]
    assert gain != 1.0  # the two ways differ
    assert (chosen.init_clusters == 6) == (gain > select_init.MIN_GAIN)


@pytest.mark.parametrize("fixed", [{"init_clusters": 3}, {"forming": False}, {"init": "random"}])
def test_there_is_nothing_to_choose(world, fixed):
    catalog, split, config = world
    config = replace(config, **fixed)
    chosen, model, reason = choose_initial_model(config, split, catalog, 0)
    assert (chosen, reason) == (config, None)
    assert_same_weights(model, build_initial_model(config, split, catalog, 0))


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"init_clusters": 6}, 8),
        ({"init_clusters": 0}, 0),
        ({"init_clusters": 1}, 0),  # whole histories too
        ({"init_clusters": 6, "forming": False}, 0),
        ({"init_clusters": 6, "train_clusters": 0}, 0),
        ({"init_clusters": 0, "train_clusters": 3}, 3),
    ],
)
def test_clusters_are_trained_where_initial_vectors_are_of_clusters(world, options, expected):
    config = replace(world[2], **options)
    chosen = choose_train_clusters(config, torch.device("cpu"), None)
    assert chosen == replace(config, train_clusters=expected)


def test_all_processes_train_what_the_first_one_chose(world, monkeypatch):
    config, sent = replace(world[2], init_clusters=6), []

    class Process(Processes):
        def sums(self, values, _device):
            sent.append(values)
            return [8.0]

    for rank in (0, 1):
        found = Process(rank, 2)
        monkeypatch.setattr(select_init, "current_processes", lambda found=found: found)
        own = config if rank == 0 else world[2]  # the others do not compare initial vectors
        assert choose_train_clusters(own, torch.device("cpu"), None).train_clusters == 8
    assert sent == [[8], [0]]


@pytest.mark.slow
def test_a_resumed_training_has_what_was_chosen_before_its_first_step(world, monkeypatch, tmp_path):
    catalog, split, config = world
    measured = [0.2, 0.3]
    monkeypatch.setattr(select_init, "measure_one", lambda *_, **__: measured.pop(0))
    training = TrainConfig(steps=12, validate_every=4)
    options = replace(config, init_clusters=None)
    whole = fit(split, catalog, options, training)
    assert whole.settings["train_clusters"] == 8
    assert "every second step reads the cluster" in whole.notes["init"]

    class StopError(Exception):
        """Any reason why a process ends."""

    def stop(step):
        if step.step == 7:
            raise StopError

    measured = [0.2, 0.3]
    with pytest.raises(StopError):
        fit(split, catalog, options, training, folder=tmp_path, on_step=stop)
    resumed = fit(split, catalog, options, training, folder=tmp_path, resume=True)
    assert resumed.settings == whole.settings  # also init_clusters
    assert resumed.notes["init"] == whole.notes["init"]
    assert not measured  # the second fit has compared; the resumed one has not
    assert_same_weights(resumed.recommender.model, whole.recommender.model)


def test_large_catalogs_and_few_users_are_not_compared(world, monkeypatch):
    catalog, split, config = world
    monkeypatch.setattr(select_init, "UP_TO", catalog.size - 2)
    chosen, _, reason = choose_initial_model(config, split, catalog, 0)
    assert (chosen, reason) == (replace(config, init_clusters=0), None)
    monkeypatch.setattr(select_init, "UP_TO", catalog.size)
    monkeypatch.setattr(select_init, "MIN_USERS", len(split.valid) + 1)
    assert choose_initial_model(config, split, catalog, 0)[2] is None
