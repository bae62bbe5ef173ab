"""Check that a stopped and resumed run equals an uninterrupted run, bit for bit."""

import os
import signal
from dataclasses import replace

import pytest
import torch

from prismrec.errors import ConfigError, DataError
from prismrec.models.readouts import HARD
from prismrec.models.regularizers import REGULARIZERS
from prismrec.models.samplers import SAMPLERS
from prismrec.training import Objective, TrainConfig, checkpoint, run, train
from prismrec.training.checkpoint import read_tensors

pytestmark = pytest.mark.slow


def config(**options):
    given = {"steps": 40, "batch_size": 64, "warmup": 5, "validate_every": 8, "device": "cpu"}
    return TrainConfig(**given | options)


def sampled(histories, negatives=16, name="popularity"):
    return Objective(negatives=SAMPLERS[name](torch.from_numpy(histories.counts(40)), negatives))


class StopError(Exception):
    """Represent any reason why a process ends."""


def stop_at(step):
    def on_step(progress):
        if progress.step == step:
            raise StopError

    return on_step


@pytest.mark.slow
@pytest.mark.parametrize(("stop", "sparse"), [(19, False), (33, True)])
def test_a_resumed_run_ends_with_the_weights_of_an_uninterrupted_one(  # noqa: PLR0917
    new_model, histories, weights, assert_same, tmp_path, stop, sparse
):
    def make_model():
        return new_model(dropout=0.2)

    options, objective = config(horizon=2, sparse=sparse), sampled(histories)
    uninterrupted, losses = make_model(), []
    expected = train(
        uninterrupted,
        histories,
        options,
        objective,
        on_step=lambda s: losses.append((s.step, s.losses)),
    )

    with pytest.raises(StopError):
        train(make_model(), histories, options, objective, folder=tmp_path, on_step=stop_at(stop))
    resumed, again = new_model(dropout=0.2, seed=9), []
    found = train(
        resumed, histories, options, objective, folder=tmp_path, resume=True,
        on_step=lambda s: again.append((s.step, s.losses)),
    )  # fmt: skip
    assert_same(weights(resumed), weights(uninterrupted))
    assert again == losses[stop // 8 * 8 :]
    assert found.steps == expected.steps == 40


def test_between_validations_a_checkpoint_is_written_after_some_time(
    new_model, histories, weights, assert_same, tmp_path, monkeypatch
):
    monkeypatch.setattr(checkpoint, "EVERY", 0)
    monkeypatch.setattr(checkpoint, "FACTOR", 0)
    uninterrupted, losses = new_model(dropout=0.2), []
    options = config(ema_decay=0.9, validate_every=30)
    train(uninterrupted, histories, options, on_step=lambda s: losses.append(s.losses))
    with pytest.raises(StopError):
        train(new_model(dropout=0.2), histories, options, folder=tmp_path, on_step=stop_at(13))
    resumed, again = new_model(dropout=0.2, seed=9), []
    monkeypatch.setattr(checkpoint, "EVERY", 3_600)
    with pytest.raises(StopError):  # the next checkpoint is that of step 30
        train(resumed, histories, options, folder=tmp_path, resume=True, on_step=stop_at(29))
    resumed = new_model(dropout=0.2, seed=9)
    train(
        resumed, histories, options, folder=tmp_path, resume=True,
        on_step=lambda s: again.append(s.losses),
    )  # fmt: skip
    assert again == losses[13:]
    assert_same(weights(resumed), weights(uninterrupted))


def test_a_checkpoint_that_takes_long_is_written_less_often(
    new_model, histories, tmp_path, monkeypatch
):
    clock, saved = [0.0], []
    monkeypatch.setattr(checkpoint.time, "perf_counter", lambda: clock[0])

    def save_last(*_):
        saved.append(clock[0])
        clock[0] += 30  # then every 20 · 30 s

    def next_step(step):
        clock[0] += 100

    monkeypatch.setattr(run, "save_last", save_last)
    options = config(validate_every=40, steps=40)
    train(new_model(), histories, options, folder=tmp_path, on_step=next_step)
    assert saved == [200, 930, 1660, 2390, 3120, 3850, 4080]


def test_the_best_weights_patience_and_history_survive_a_stop(
    new_model, histories, weights, assert_same, tmp_path
):
    def validations(model):
        scores = {8: 0.1, 16: 0.7, 24: 0.3, 32: 0.5, 40: 0.6}
        place = iter(scores.values())
        return lambda: next(place)

    options = config(patience=2)
    uninterrupted = new_model()
    expected = train(uninterrupted, histories, options, validate=validations(uninterrupted))
    scores = validations(None)
    with pytest.raises(StopError):
        train(
            new_model(), histories, options, validate=scores, folder=tmp_path, on_step=stop_at(24)
        )
    resumed = new_model(seed=9)
    found = train(resumed, histories, options, validate=scores, folder=tmp_path, resume=True)
    assert (found.steps, found.best_step, found.best) == (32, 16, 0.7)
    assert found.history == expected.history
    assert_same(weights(resumed), weights(uninterrupted))


@pytest.mark.slow
def test_ctrl_c_ends_after_a_complete_step_with_a_usable_checkpoint(
    new_model, histories, weights, assert_same, tmp_path
):
    uninterrupted, stopped, resumed = new_model(), new_model(), new_model(seed=9)
    train(uninterrupted, histories, config())
    seen, before = [], signal.getsignal(signal.SIGINT)

    def interrupt(step):
        seen.append(step.step)
        if step.step == 13:
            os.kill(os.getpid(), signal.SIGINT)

    result = train(stopped, histories, config(), folder=tmp_path, on_step=interrupt)
    assert result.interrupted
    assert result.steps == seen[-1] == 13
    assert signal.getsignal(signal.SIGINT) is before
    result = train(resumed, histories, config(), folder=tmp_path, resume=True)
    assert (result.steps, result.interrupted) == (40, False)
    assert_same(weights(resumed), weights(uninterrupted))


def test_the_second_ctrl_c_ends_at_once(new_model, histories):
    def interrupt(step):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(new_model(), histories, config(), on_step=interrupt)


def test_resuming_a_finished_run_returns_its_result(
    new_model, histories, weights, assert_same, tmp_path
):
    model, again = new_model(), new_model(seed=9)
    scores = iter(range(9, 0, -1))
    done = train(model, histories, config(), validate=lambda: next(scores), folder=tmp_path)
    found = train(again, histories, config(), folder=tmp_path, resume=True)
    assert (found.steps, found.best) == (done.steps, done.best)
    assert_same(weights(again), weights(model))


@pytest.mark.parametrize("change", [
    "seed", "learning_rate", "width", "dropout", "readout", "negatives", "sampler", "regularizer",
    "histories", "sparse", "mask_history_negatives", "option of the extractor", "clusters",
])  # fmt: skip
def test_a_checkpoint_of_another_run_is_refused(new_model, histories, tmp_path, change):
    options, model, objective, data = config(steps=6), new_model(), sampled(histories), histories
    if change == "option of the extractor":
        model = new_model("transformer", heads=1, positions="none")
    train(model, data, options, objective, folder=tmp_path)
    drawn = objective.negatives
    variance = {"variance": (REGULARIZERS["routing_variance"], 1.0)}
    options = {
        "seed": config(steps=6, seed=1), "learning_rate": config(steps=6, learning_rate=0.1),
        "sparse": config(steps=6, sparse=True),
    }.get(change, options)  # fmt: skip
    model = {
        "width": new_model(interests=2), "dropout": new_model(dropout=0.1),
        "mask_history_negatives": new_model(mask_history_negatives=True),
        "option of the extractor": new_model("transformer", heads=2, positions="none"),
    }.get(change, model)  # fmt: skip
    objective = {
        "readout": Objective(readout=HARD, negatives=drawn),
        "negatives": sampled(histories, 17),
        "sampler": sampled(histories, name="uniform"),
        "regularizer": Objective(negatives=drawn, regularizers=variance),
        "clusters": replace(objective, clusters=3),
    }.get(change, objective)
    if change == "histories":
        data = histories.select(torch.arange(1, len(histories)).numpy())
    with pytest.raises(DataError, match="other settings or data"):
        train(model, data, options, objective, folder=tmp_path, resume=True)


def test_the_default_of_sparse_can_be_resumed_as_false(new_model, histories, tmp_path):
    train(new_model(), histories, config(steps=6), folder=tmp_path)
    again = config(steps=6, sparse=False)
    assert train(new_model(), histories, again, folder=tmp_path, resume=True).steps == 6


def test_resume_without_a_checkpoint_is_an_error(new_model, histories, tmp_path):
    with pytest.raises(DataError, match=r"last\.safetensors"):
        train(new_model(), histories, config(), folder=tmp_path, resume=True)


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_truncated_checkpoint_is_an_error_that_names_it(new_model, histories, tmp_path, share):
    train(new_model(), histories, config(steps=6), folder=tmp_path)
    path = tmp_path / "last.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(DataError, match=r"last\.safetensors"):
        train(new_model(), histories, config(steps=6), folder=tmp_path, resume=True)


def test_files_are_complete_and_there_are_no_other_files(new_model, histories, tmp_path):
    train(
        new_model(),
        histories,
        config(steps=6),
        validate=lambda: 1.0,
        folder=tmp_path / "deep" / "run",
    )
    folder = tmp_path / "deep" / "run"
    assert sorted(path.name for path in folder.iterdir()) == [
        "best-step-6.safetensors",
        "last.safetensors",
    ]
    tensors, header = read_tensors(folder / "last.safetensors")
    assert set(header) == {"progress", "fingerprint"}
    assert any(name.startswith("optimizer.0.") for name in tensors)


def stopped_at(step, monkeypatch, function):
    """Run a function that ends before it writes the checkpoint of a step."""
    save_last = run.save_last

    def stop(folder, state, progress, identity):
        if progress.step == step:
            raise StopError
        save_last(folder, state, progress, identity)

    with monkeypatch.context() as patch:
        patch.setattr(run, "save_last", stop)
        with pytest.raises(StopError):
            function()


def test_a_kill_between_the_best_weights_and_the_checkpoint_changes_no_result(
    new_model, histories, weights, assert_same, tmp_path, monkeypatch
):
    scores, at_validation = [0.5, 0.1, 0.9, 0.3, 0.2], []
    uninterrupted = new_model()

    def measure():
        at_validation.append(weights(uninterrupted))
        return scores[len(at_validation) - 1]

    def train_with(model, values, **options):
        values = iter(values)
        return train(
            model, histories, config(), validate=lambda: next(values), folder=tmp_path, **options
        )

    train(uninterrupted, histories, config(), validate=measure)
    stopped_at(24, monkeypatch, lambda: train_with(new_model(), scores))
    assert {path.name for path in tmp_path.iterdir()} == {
        "best-step-8.safetensors", "best-step-24.safetensors", "last.safetensors",
    }  # fmt: skip

    def interrupt(step):
        if step.step == 20:
            os.kill(os.getpid(), signal.SIGINT)

    model = new_model(seed=9)
    found = train_with(model, scores[2:], resume=True, on_step=interrupt)
    assert (found.interrupted, found.best, found.best_step) == (True, 0.5, 8)
    assert_same(weights(model), at_validation[0])
    model = new_model(seed=9)
    found = train_with(model, scores[2:], resume=True)
    assert (found.best, found.best_step) == (0.9, 24)
    assert_same(weights(model), weights(uninterrupted))
    assert_same(weights(model), at_validation[2])


def test_a_resumed_run_never_has_the_weights_of_another_run(
    new_model, histories, tmp_path, monkeypatch
):
    first, other, third = (tmp_path / name for name in ("first", "other", "third"))

    def train_in(folder, seed=0, **options):
        return train(
            new_model(), histories, config(seed=seed), validate=lambda: 0.5, folder=folder,
            **options,
        )  # fmt: skip

    for folder, seed in ((first, 0), (third, 0), (other, 1)):
        with pytest.raises(StopError):
            train_in(folder, seed, on_step=stop_at(24))
    stopped_at(8, monkeypatch, lambda: train_in(first, seed=1))
    assert [path.name for path in first.iterdir()] == ["best-step-8.safetensors"]
    with pytest.raises(DataError, match=r"last\.safetensors"):
        train_in(first, resume=True)
    best = "best-step-24.safetensors"
    (other / best).replace(third / best)
    with pytest.raises(DataError, match=f"weights of step 24, .*{best} is of another run"):
        train_in(third, resume=True)
    (third / best).unlink()
    with pytest.raises(DataError, match=f"weights of step 24, .*{best} is missing"):
        train_in(third, resume=True)


def test_resuming_without_a_folder_is_an_error(new_model, histories):
    with pytest.raises(ConfigError, match="without a folder"):
        train(new_model(), histories, config(), resume=True)
