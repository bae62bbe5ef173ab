"""Check the whole of a tuning on a small data set: search, repeated runs, decision, report."""

import json
import os
import signal
import sys
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

from prismrec.data.split import split_by_user
from prismrec.errors import ConfigError, DataError, MissingExtra, TrainingError
from prismrec.training import RunConfig, TrainConfig, TuneOptions, fit, tune
from prismrec.training.tuning import decide as deciding
from prismrec.training.tuning import search
from prismrec.training.tuning import tune as tuning
from prismrec.training.tuning.decide import Decision, Tried, decide
from prismrec.training.tuning.repeat import Repeat, read_result, run_repeats
from prismrec.training.tuning.report import report_lines
from prismrec.training.tuning.task import Task, TrialRecord
from prismrec.training.tuning.tune import planned_repeats
from worlds import small_dataset

pytestmark = pytest.mark.slow

SMALL = RunConfig(extractor="mean", dim=8, max_len=8)
SHORT = TrainConfig(epochs=2, batch_size=256)
OPTIONS = TuneOptions(trials=3, finalists=1, repeats=2, only=["learning_rate", "dropout"])


@pytest.fixture(scope="module")
def dataset():
    return small_dataset("synthetic:many-taste?users=240&items=40&clusters=8&events=10&seed=0")


@pytest.fixture(scope="module")
def split(dataset):
    return split_by_user(dataset)


def tuned(split, dataset, folder, options=OPTIONS, lines=None, **more):
    note = (lambda _: None) if lines is None else lines.append
    arguments = {"folder": folder, "options": options} | more
    return tune(
        split, dataset.catalog, SMALL, SHORT, progress=(tuning._unwatched, note), **arguments
    )


def test_a_setting_cannot_break_the_tables_of_the_report():
    record = TrialRecord(0, "complete", {"loss": "a|b"}, 0.1, 1.0)
    text = "\n".join(report_lines([record], [], Decision(0, {}, "Kept."), "recall@50"))
    assert r" a\|b |" in text


def test_a_tuning_is_never_worse_than_the_default_and_continues_without_training(
    split, dataset, tmp_path, monkeypatch
):
    lines = []
    result = tuned(split, dataset, tmp_path, lines=lines)
    assert [record.number for record in result.trials] == [0, 1, 2]
    assert result.trials[0].settings == {"learning_rate": 3e-3, "dropout": 0.2}
    # The default of the search is an ordinary training with the default settings.
    assert result.trials[0].value == fit(split, dataset.catalog, SMALL, SHORT).result.best
    assert len(lines) == 3 + 2 * len(result.candidates)
    assert "1 of 3 trials" in lines[0]
    assert not list((tmp_path / "checkpoints").iterdir())
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["decision"] == result.decision.sentence
    assert [trial["value"] for trial in report["trials"]] == [r.value for r in result.trials]
    text = (tmp_path / "report.md").read_text()
    assert text.startswith(f"# Tuning\n\n{result.decision.sentence}\n")
    assert text.count("\n| ") == 2 + 3 + (2 + len(result.candidates) if result.candidates else 0)

    means = {each.number: each.mean for each in result.candidates}
    if result.decision.chosen:
        assert means[result.decision.chosen] > means[0]
    else:
        assert (result.config, result.training) == (SMALL, SHORT)

    monkeypatch.setattr("prismrec.training.tuning.search.train_weights", None)
    monkeypatch.setattr("prismrec.training.tuning.repeat.fit", None)
    again = tuned(split, dataset, tmp_path)
    assert again.decision == result.decision
    assert again.trials == result.trials


def test_better_settings_are_chosen_and_measured_as_they_are_served(split, dataset, tmp_path):
    slow = replace(SHORT, learning_rate=None, epochs=3, patience=3)
    real = tuning.tuned_settings

    def far_from_good(*arguments):
        found = real(*arguments)
        return replace(found, default={"learning_rate": 5e-4})  # too small for three epochs

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tuning, "tuned_settings", far_from_good)
        options = TuneOptions(trials=4, finalists=1, repeats=2, only=["learning_rate"])
        result = tune(split, dataset.catalog, SMALL, slow, folder=tmp_path, options=options)
    assert len(result.candidates) == 2
    default, finalist = result.candidates
    assert result.decision == decide(default, [finalist], result.metric)
    if result.decision.chosen:
        chosen = result.trials[finalist.number].settings["learning_rate"]
        assert result.training.learning_rate == float(f"{chosen:.3g}")
    # Seed 1 is a repeated run; a training with the same settings measures the same lists.
    repeat = json.loads((tmp_path / f"repeats/trial-{finalist.number}-seed-1.json").read_text())
    assert np.nanmean(finalist.values[0]) == pytest.approx(np.mean(repeat["values"]))
    assert finalist.values.shape == (2, len(split.valid))


def records(*values, state="complete"):
    return [TrialRecord(n, state, {"dim": n}, value, 1.0) for n, value in enumerate(values)]


def test_finalists_are_the_best_trials_above_the_default():
    tried = [*records(0.3, 0.2, 0.5, 0.4, 0.6), TrialRecord(5, "pruned", {}, 0.9, 1.0)]
    runs = planned_repeats(tried, TuneOptions(finalists=2, repeats=2), seed=7)
    assert [[(run.trial, run.seed) for run in each] for each in runs] == [
        [(0, 8), (0, 9)], [(4, 8), (4, 9)], [(2, 8), (2, 9)],
    ]  # fmt: skip
    assert planned_repeats(records(0.3, 0.3, 0.2), TuneOptions(), seed=0) == []
    assert deciding.NOTHING_BETTER.chosen == 0
    assert isinstance(Tried(0, np.zeros((1, 2))).mean, float)


def test_a_line_on_a_trial_has_the_time_left():
    done = [*records(0.3, 0.5), TrialRecord(2, "pruned", {}, 0.2, 4.0)]
    assert search.time_left(done, 9, 1, 60.0) == 6 * 6 / 3
    assert search.time_left(done, 9, 2, 60.0) == 6
    assert search.time_left(done, 9, 1, 5.0) == 5
    assert search.time_left(done, 3, 1, 60.0) == search.time_left(done, 9, 1, -1.0) == 0
    assert search.trial_line(done, 2, 9, 12.0) == (
        "trial 2: 0.2000, pruned; best 0.5000 (trial 1); 3 of 9 trials, 12 s left before the "
        "repeated runs"
    )
    assert search.trial_line(done, 1, 3, 0.0).endswith("; 3 of 3 trials")


def test_a_default_that_cannot_be_trained_is_an_error():
    failed = [TrialRecord(0, "failed", {}, None, 1.0, "Step 1 has no finite loss.")]
    with pytest.raises(TrainingError, match=r"default settings .* Step 1 has no finite loss"):
        planned_repeats([*failed, *records(0.5)], TuneOptions(), seed=0)


def test_a_trial_that_cannot_be_trained_is_recorded(split, dataset, tmp_path, monkeypatch):
    trained = []

    def failing(*arguments, **options):
        trained.append(arguments)
        if len(trained) == 2:
            raise TrainingError("Step 3 has no finite loss.")
        return original(*arguments, **options)

    original = search.train_weights
    monkeypatch.setattr(search, "train_weights", failing)
    result = tuned(split, dataset, tmp_path, replace(OPTIONS, repeats=1))
    assert [record.state for record in result.trials][:2] == ["complete", "failed"]
    assert "Step 3 has no finite loss." in (tmp_path / "report.json").read_text()


def test_ctrl_c_keeps_the_trial_and_the_same_call_continues_it(split, dataset, tmp_path):
    steps = []

    @contextmanager
    def watch(name):
        def show(step):
            steps.append((name, step.step))
            if len(steps) == 5:
                os.kill(os.getpid(), signal.SIGINT)

        yield show

    options = replace(OPTIONS, trials=2)
    with pytest.raises(KeyboardInterrupt):
        tune(split, dataset.catalog, SMALL, SHORT, folder=tmp_path, options=options,
             progress=(watch, lambda _: None))  # fmt: skip
    begun, last = steps[-1]
    assert (tmp_path / "checkpoints" / begun.replace(" ", "-")).is_dir()
    result = tune(split, dataset.catalog, SMALL, SHORT, folder=tmp_path, options=options,
                  progress=(watch, lambda _: None))  # fmt: skip
    assert steps[5] == (begun, last + 1)
    assert [record.state for record in result.trials] == ["complete"] * 2
    assert result.trials[0].value == fit(split, dataset.catalog, SMALL, SHORT).result.best


def test_no_trial_begins_after_the_time_limit(split, dataset, tmp_path):
    result = tuned(split, dataset, tmp_path, replace(OPTIONS, minutes=1e-9))
    assert len(result.trials) == 1
    assert result.decision.sentence == "The default settings are kept: no trial was better."
    assert (result.config, result.training) == (SMALL, SHORT)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"trials": 0}, "trials is 0; it must be at least 1"),
        ({"finalists": 0}, "finalists is 0"),
        ({"repeats": -1}, "repeats is -1"),
        ({"minutes": 0}, "minutes is 0; it must be above 0"),
        ({"minutes": float("nan")}, "minutes is nan"),
    ],
)
def test_impossible_options_are_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        TuneOptions(**wrong)


def test_too_few_validation_users_are_refused(split, dataset, tmp_path):
    few = replace(split, valid=split.valid[:19])
    with pytest.raises(DataError, match="on 19 validation users, but at least 20 are needed"):
        tuned(few, dataset, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_other_data_or_settings_are_refused(split, dataset, tmp_path):
    options = replace(OPTIONS, trials=1)
    tuned(split, dataset, tmp_path, options, about={"data": "a"})
    with pytest.raises(DataError, match="differ in data; give another folder"):
        tuned(split, dataset, tmp_path, options, about={"data": "b"})
    other = replace(options, only=["dropout"])
    with pytest.raises(DataError, match=r"differ in what is tuned \(--only\); give"):
        tuned(split, dataset, tmp_path, other, about={"data": "a"})
    with pytest.raises(DataError, match=r"differ in data; give"):
        tuned(split, dataset, tmp_path, other, about={"data": "b"})


def test_repeated_runs_of_other_data_or_settings_are_refused(split, dataset, tmp_path, monkeypatch):
    watch = (tuning._unwatched, lambda _: None)
    task = Task(split, dataset.catalog, SMALL, SHORT, tmp_path, *watch, {"data": "a"})
    repeat = Repeat(0, {"learning_rate": 3e-3}, 1)
    run_repeats(task, [repeat])
    assert len(read_result(task, repeat).values) == len(split.valid)
    for other, same in (
        (replace(task, about={"data": "b"}), repeat),
        (replace(task, config=replace(SMALL, validate_on="ndcg")), repeat),
        (task, replace(repeat, settings={"learning_rate": 1e-3})),
    ):
        with pytest.raises(DataError, match=r"seed-1\.json is the result of a run with other data"):
            read_result(other, same)
    monkeypatch.setattr(search, "train_weights", None)  # it is refused before the search
    with pytest.raises(DataError, match=r"seed-1\.json is the result of a run with other data"):
        tuned(split, dataset, tmp_path)
    repeat.path(tmp_path).write_text("[]")
    with pytest.raises(DataError, match="cannot be read as the result of a run"):
        tuned(split, dataset, tmp_path)


def test_a_missing_optuna_is_named(split, dataset, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingExtra, match=r"pip install 'prismrec\[tune\]'"):
        tuned(split, dataset, tmp_path)
