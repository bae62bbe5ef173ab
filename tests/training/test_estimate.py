"""Check the estimate of a training: its parts follow from the sizes, and its text is readable."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from prismrec.data.histories import Histories
from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError, DataError
from prismrec.training import estimate as module
from prismrec.training import processes, training_cost
from prismrec.training.capacity import Predicted
from prismrec.training.config import TrainConfig
from prismrec.training.defaults import dataset_stats, resolve_defaults
from prismrec.training.estimate import Estimate, estimate_training
from prismrec.training.processes import Processes
from prismrec.training.run_config import RunConfig

pytestmark = pytest.mark.slow


@pytest.fixture
def split(dataset):
    return split_by_user(dataset, valid=0.2, test=0.2)


def settings(split, dataset, **training):
    stats = dataset_stats(split, dataset.catalog)
    return resolve_defaults(RunConfig(dim=8), TrainConfig(**training), stats)


@pytest.mark.parametrize("extractor", ["prism", "sa", "gru"])
def test_every_extractor_is_measured(dataset, split, extractor):
    stats = dataset_stats(split, dataset.catalog)
    config = RunConfig(extractor=extractor, dim=8)
    config, training = resolve_defaults(config, TrainConfig(), stats)
    found = estimate_training(split, dataset.catalog, config, training)
    assert 0 < found.steps < 600
    assert 0 < found.validation < 600
    assert found.memory > 10**7
    assert (found.initial > 0) == (config.init == "cooccurrence")
    assert (found.rules > 0) == config.rules


def test_the_parts_follow_from_the_sizes(dataset, split, monkeypatch):
    times = iter([1.0, 2.0, 4.0] * 9)  # warm-up, steps, lists
    monkeypatch.setattr(module, "_seconds_of", lambda function, _: (function(), next(times))[1])
    monkeypatch.setattr(module.Run, "step", lambda run: setattr(run, "pairs", run.pairs + 100))
    few, many = (
        estimate_training(split, dataset.catalog, *settings(split, dataset, epochs=epochs))
        for epochs in (2, 6)
    )
    assert many.steps == pytest.approx(3 * few.steps)
    events = len(split.train.items)
    batches = max(events // 1024, 1)
    assert few.steps == pytest.approx(2.0 / 100 * 2 * batches * min(1024, events))
    more = 4 * len(split.valid) * 4.0 / module.SEARCHED  # lists of four more validations
    assert many.validation - few.validation == pytest.approx(more)
    assert many.seconds == many.initial + many.steps + many.validation + many.rules


def test_validations_follow_from_steps_that_are_set(dataset, split, monkeypatch):
    counted = []
    monkeypatch.setattr(module, "users_of_lists", lambda *given: counted.append(given[2]) or 1)
    for training in ({"steps": 7, "validate_every": 3}, {"steps": 1}, {"epochs": 4}):
        estimate_training(split, dataset.catalog, *settings(split, dataset, **training))
    assert counted == [3, 1, 4]


def test_an_estimate_changes_no_number_of_the_training(dataset, split):
    before = torch.random.get_rng_state()
    estimate_training(split, dataset.catalog, *settings(split, dataset))
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_estimate_does_not_wait_for_other_processes(dataset, split, monkeypatch):
    monkeypatch.setattr(processes, "_current", SimpleNamespace(get=lambda: Processes(0, 2)))
    assert estimate_training(split, dataset.catalog, *settings(split, dataset)).seconds > 0


def test_data_without_training_pairs_has_the_error_of_the_training(dataset, split):
    single = replace(split, train=Histories.of([[1], [2]]))
    with pytest.raises(DataError, match="Training needs a user with two events"):
        estimate_training(single, dataset.catalog, *settings(split, dataset))


def test_settings_that_contradict_each_other_have_the_error_of_the_training(dataset, split):
    stats = dataset_stats(split, dataset.catalog)
    config, training = resolve_defaults(
        RunConfig(dim=8, negatives=0), TrainConfig(sparse=True), stats
    )
    with pytest.raises(ConfigError, match="sparse was set, but without sampled negatives"):
        estimate_training(split, dataset.catalog, config, training)


def test_the_text_states_every_part():
    seconds = {"initial": 63, "steps": 29 * 60, "validation": 2.5 * 3_600, "rules": 780}
    assert str(Estimate(**seconds, memory=7_200_000_000)) == (
        "about 3.2 h (initial vectors 63 s, steps 29 min, lists 2.5 h, rules 13 min) and 7.2 GB of "
        "memory"
    )


def test_the_memory_includes_the_tables_of_rules(dataset, split, monkeypatch):
    monkeypatch.setattr(module, "_bytes_in_use", lambda: 1_000)
    monkeypatch.setattr(training_cost, "bytes_of_rules", lambda *_: Predicted(10**9))
    config, training = settings(split, dataset)
    found = estimate_training(split, dataset.catalog, config, training)
    table = 4 * dataset.catalog.size * 9
    assert found.memory == 1_000 + 10**9 + 4 * table + training_cost.WORKING_BYTES
    alone = replace(config, rules=False)
    without = estimate_training(split, dataset.catalog, alone, training)
    assert without.memory < 10**9
    assert found.rules > without.rules == 0
