"""Check the moving average of the weights: its values, its use, and resuming after a stop."""

import os
import signal

import pytest
import torch

from prismrec.errors import ConfigError, DataError
from prismrec.io import read_tensors, save_tensors
from prismrec.models.samplers import uniform
from prismrec.training import LAST, Objective, TrainConfig, train
from prismrec.training.ema import ExponentialMovingAverage

pytestmark = pytest.mark.slow


class StopError(Exception):
    """Represent any reason why a process ends."""


def config(**options):
    given = {"steps": 24, "batch_size": 64, "warmup": 5, "validate_every": 8, "device": "cpu"}
    return TrainConfig(**given | {"ema_decay": 0.9} | options)


def test_each_step_applies_the_decay():
    model = torch.nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        model.weight.fill_(1.0)
        average = ExponentialMovingAverage(model, 0.75)
        model.weight.fill_(2.0)
        average.update(1)  # in the first step the decay is 1/10
        assert average.weights["weight"].item() == pytest.approx(1 / 10 * 1 + 9 / 10 * 2)
        model.weight.fill_(3.0)
        average.update(10_000)
    assert average.weights["weight"].item() == pytest.approx(0.75 * 1.9 + 0.25 * 3)
    with average.applied():
        assert model.weight.item() == pytest.approx(2.175)
    assert model.weight.item() == 3


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.9, 0.98, 0.9995])
@pytest.mark.parametrize("validated_every", [1, 7, 400])
def test_the_average_of_a_sparse_table_is_that_of_every_step(decay, validated_every):
    dense, sparse = (torch.nn.Sequential(torch.nn.Embedding(20, 3), torch.nn.Linear(3, 1))
                     for _ in range(2))  # fmt: skip
    sparse.load_state_dict(dense.state_dict())
    tables = [model[0].weight for model in (dense, sparse)]
    expected = ExponentialMovingAverage(dense, decay)
    found = ExponentialMovingAverage(sparse, decay, sparse=[tables[1]])
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 701):
        rows = torch.randint(0, 20, (2,), generator=generator).unique()
        found.catch_up(step - 1, tables[1], rows)
        change = torch.randn(1, generator=generator)
        with torch.no_grad():
            for model, table in zip((dense, sparse), tables, strict=True):
                table[rows] += change
                model[1].weight += change
        expected.update(step)
        found.update(step)
        if step % validated_every == 0:
            with expected.applied(), found.applied():
                torch.testing.assert_close(
                    sparse.state_dict(), dense.state_dict(), rtol=0, atol=2e-5
                )


@pytest.mark.parametrize("stopped", [8, 19])
def test_a_sparse_run_resumes_with_the_same_averages(
    new_model, histories, weights, assert_same, tmp_path, stopped
):
    objective = Objective(negatives=uniform(torch.ones(new_model().size, dtype=torch.int64), 5))
    options = config(sparse=True)
    whole, resumed = new_model(), new_model(seed=9)
    train(whole, histories, options, objective)

    def press(step):  # Ctrl-C between two validations must not change the averages
        if step.step == stopped:
            os.kill(os.getpid(), signal.SIGINT)

    result = train(new_model(), histories, options, objective, folder=tmp_path, on_step=press)
    assert result.interrupted
    train(resumed, histories, options, objective, folder=tmp_path, resume=True)
    assert_same(weights(resumed), weights(whole))
    finished = new_model(seed=9)
    train(finished, histories, options, objective, folder=tmp_path, resume=True)
    assert_same(weights(finished), weights(whole))


def test_a_sparse_checkpoint_of_an_earlier_version_is_refused(new_model, histories, tmp_path):
    objective = Objective(negatives=uniform(torch.ones(new_model().size, dtype=torch.int64), 5))
    options = config(sparse=True, steps=8)
    train(new_model(), histories, options, objective, folder=tmp_path)
    tensors, header = read_tensors(tmp_path / LAST)
    earlier = {name: value for name, value in tensors.items() if not name.endswith(".steps")}
    assert len(earlier) < len(tensors)
    save_tensors(tmp_path / LAST, earlier, header)
    with pytest.raises(DataError, match=r"earlier version .* start again without --resume"):
        train(new_model(), histories, options, objective, folder=tmp_path, resume=True)


def test_the_average_is_validated_and_is_the_result(new_model, histories, weights, assert_same):
    plain, averaged, seen = new_model(), new_model(), []
    train(plain, histories, config(ema_decay=0.0))

    def validate():
        seen.append(weights(averaged))
        return len(seen)

    train(averaged, histories, config(), validate=validate)
    assert_same(weights(averaged), seen[-1])
    assert not torch.equal(averaged.items.weight, plain.items.weight)
    unvalidated = new_model()
    train(unvalidated, histories, config())
    assert_same(weights(unvalidated), seen[-1])


def test_averaging_does_not_change_training(new_model, histories):
    losses = {}
    for average in (0.0, 0.9):
        values = []
        options = config(ema_decay=average)
        train(
            new_model(), histories, options, validate=lambda: 1.0,
            on_step=lambda step, values=values: values.append(step.losses["loss"]),
        )  # fmt: skip
        losses[average] = values
    assert losses[0.0] == losses[0.9]


def test_a_resumed_run_has_the_average_of_an_uninterrupted_one(
    new_model, histories, weights, assert_same, tmp_path
):
    uninterrupted, resumed = new_model(), new_model(seed=9)
    train(uninterrupted, histories, config())

    def stop(step):
        if step.step == 19:
            raise StopError

    with pytest.raises(StopError):
        train(new_model(), histories, config(), folder=tmp_path, on_step=stop)
    train(resumed, histories, config(), folder=tmp_path, resume=True)
    assert_same(weights(resumed), weights(uninterrupted))


def test_an_impossible_decay_is_refused():
    with pytest.raises(ConfigError, match=r"ema_decay is 1\.0"):
        config(ema_decay=1.0)
