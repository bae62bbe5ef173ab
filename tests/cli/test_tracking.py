"""Test the tracking of trainings, with small fakes of the packages."""

import os
import sys
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from types import ModuleType
from typing import get_args

import pytest

from commands import WORLD, run
from prismrec.cli._tracking import TRACKERS, Tracker, tracking
from prismrec.errors import MissingExtra, TrainingError, reason_of
from prismrec.training import RunConfig, Step, TrainConfig

STEPS = [
    Step(1, 2, {"loss": 3.5, "routing_variance": 0.5}, 64, 0.01, None),
    Step(2, 2, {"loss": 3.0, "routing_variance": 0.4}, 64, 0.02, 0.25),
]
NUMBERS = [
    ({"train/loss": 3.5, "train/routing_variance": 0.5, "train/learning_rate": 0.01}, 1),
    (
        {"train/loss": 3.0, "train/routing_variance": 0.4, "train/learning_rate": 0.02,
         "valid": 0.25},
        2,
    ),
]  # fmt: skip


class Fake(ModuleType):
    """A module with the functions of MLflow and wandb that are called; it records the calls."""

    class Error(Exception):
        pass

    MlflowException = Error

    def __init__(self):
        super().__init__("fake")
        self.calls, self.refusal, self.failing = [], None, ""

    @contextmanager
    def _run(self):
        try:
            yield self
        except BaseException:
            self._end("failed")
            raise
        self._end("finished")

    def _end(self, how):
        if "killed" not in self.calls:
            self.calls.append(how)
        if "end" in self.failing:
            raise self.Error("the server is away")

    def finish(self, exit_code):
        self._end({0: "finished", 1: "failed", 255: "killed"}[exit_code])

    def end_run(self, status):
        self.calls.append(status.lower())

    def _start(self, name):
        if self.refusal:
            raise self.Error(self.refusal)
        self.calls.append(name)
        return self._run()

    def start_run(self, run_name):
        return self._start(run_name)

    def log_params(self, settings):
        if "too_long" in settings:
            raise self.Error("too long")
        self.calls.append(settings)

    def log_metrics(self, numbers, step, synchronous):
        assert synchronous is False
        self.log(numbers, step)

    def log(self, numbers, step):
        if "write" in self.failing:
            raise self.Error("the server is away")
        self.calls.append((numbers, step))

    def flush_async_logging(self):
        if "flush" in self.failing:
            raise self.Error("the server is away")
        self.calls.append("flushed")

    def init(self, name, config):
        self._start(name)
        self.calls.append(config)
        return self


@pytest.fixture(params=TRACKERS)
def fake(request, monkeypatch):
    module = Fake()
    module.name = request.param
    module.flushes = ["flushed"] * (request.param == "mlflow")
    monkeypatch.setitem(sys.modules, request.param, module)
    return module


def test_settings_and_every_step_are_sent(fake):
    settings = {"dim": 8, "init": None, "seed": 0}
    with tracking("books", settings, board=None, track=fake.name) as write:
        for step in STEPS:
            write(step)
    started = ["books", {"dim": 8, "seed": 0}]
    assert fake.calls == [*started, *NUMBERS, *fake.flushes, "finished"]


def test_a_training_that_fails_is_marked(fake):
    with pytest.raises(ZeroDivisionError), tracking("a", {}, board=None, track=fake.name):
        raise ZeroDivisionError
    assert fake.calls == ["a", {}, *fake.flushes, "failed"]


def test_a_training_that_is_interrupted_is_marked(fake):
    with pytest.raises(KeyboardInterrupt), tracking("a", {}, board=None, track=fake.name):
        raise KeyboardInterrupt
    assert sorted(map(str, fake.calls[2:])) == [*fake.flushes, "killed"]


@pytest.mark.parametrize("failing", ["write", "flush", "end", "write flush end"])
def test_a_tracker_that_fails_does_not_end_the_training(fake, failing, capsys):
    fake.failing = failing
    with tracking("a", {}, board=None, track=fake.name) as write:
        for step in STEPS:
            write(step)
    warned = capsys.readouterr().err
    assert warned.count("failed (the server is away), so the run there is not complete") == (
        0 if failing == "flush" and not fake.flushes else 1
    )


def test_a_tracker_that_fails_does_not_replace_the_error_of_the_training(fake):
    fake.failing = "write flush end"
    with pytest.raises(ZeroDivisionError), tracking("a", {}, board=None, track=fake.name):
        raise ZeroDivisionError


def test_the_reason_of_a_failure_is_that_of_the_system():
    refused = OSError("Max retries exceeded with url: /api")
    refused.__cause__ = ConnectionRefusedError(111, "Connection refused")
    nested = RuntimeError("API request failed: HTTPConnectionPool(host=...)")
    nested.__context__ = refused
    assert reason_of(nested) == "Connection refused"
    assert reason_of(RuntimeError("no key.\nmore")) == "no key"


def test_requests_of_mlflow_give_up_soon_unless_the_user_decides(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", Fake())
    monkeypatch.setattr("os.environ", {"MLFLOW_HTTP_REQUEST_TIMEOUT": "7"})
    with tracking("a", {}, board=None, track="mlflow"):
        assert os.environ == {
            "MLFLOW_HTTP_REQUEST_TIMEOUT": "7",
            "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "3",
        }


def test_a_run_that_cannot_be_started_is_one_sentence(fake):
    fake.refusal = "no route to the server.\nmore"
    with (
        pytest.raises(TrainingError, match=r"start the run \(no route to the server\); check "),
        tracking("a", {}, board=None, track=fake.name),
    ):
        pass


def test_a_run_whose_settings_are_refused_is_marked(monkeypatch):
    fake = Fake()
    monkeypatch.setitem(sys.modules, "mlflow", fake)
    with (
        pytest.raises(TrainingError, match=r"start the run \(too long\)"),
        tracking("a", {"too_long": 1}, board=None, track="mlflow"),
    ):
        pass
    assert fake.calls == ["a", "failed"]


@pytest.mark.parametrize("name", TRACKERS)
def test_a_package_that_is_missing_is_one_sentence(name, monkeypatch):
    monkeypatch.setitem(sys.modules, name, None)
    with (
        pytest.raises(MissingExtra, match=rf"--track {name} .*pip install 'prismrec\[{name}\]'"),
        tracking("a", {}, board=None, track=name),
    ):
        pass


def test_without_trackers_nothing_is_imported(monkeypatch):
    for name in TRACKERS:
        monkeypatch.setitem(sys.modules, name, None)
    with tracking("a", {}, board=None, track=None) as write:
        assert write is None


def test_every_tracker_has_a_name_on_the_command_line_and_an_extra():
    assert set(get_args(Tracker)) == set(TRACKERS)
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f'\n{name} = ["{name}>=' in text for name in TRACKERS)


@pytest.mark.slow
def test_train_sends_both_runs_and_the_model_is_the_same(tmp_path, monkeypatch):
    fake = Fake()
    monkeypatch.setitem(sys.modules, "wandb", fake)
    assert run("prepare", WORLD, "--out", tmp_path / "data") == 0
    flags = ["--interests", 2, "--no-forming", "--dim", 8, "--steps", 3, "--warmup", 1, "--quiet"]
    for name, more in (("plain", []), ("tracked", ["--track", "wandb"])):
        assert run("train", tmp_path / "data", "--out", tmp_path / name, *flags, *more) == 0
    names = [call for call in fake.calls if isinstance(call, str)]
    assert names == ["tracked", "finished", "tracked-k1", "finished"]
    settings = [call for call in fake.calls if isinstance(call, dict)]
    assert [each["interests"] for each in settings] == [2, 1]
    assert settings[0]["steps"] == 3
    known = {field.name for part in (RunConfig, TrainConfig) for field in fields(part)}
    assert all(each.keys() <= known for each in settings)
    steps = [call[1] for call in fake.calls if isinstance(call, tuple)]
    assert steps == [1, 2, 3, 1, 2, 3]
    weights = "model.safetensors"
    plain, tracked = (tmp_path / name / weights for name in ("plain", "tracked"))
    assert plain.read_bytes() == tracked.read_bytes()
