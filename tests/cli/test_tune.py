"""Test ``prismrec tune`` as a user runs it: several processes, one of them killed."""

import json
import subprocess
import sys
import time
import tomllib

import pytest

from commands import run
from prismrec.training.tuning.locks import FileLock

pytestmark = pytest.mark.slow

WORLD = "synthetic:many-taste?users=240&items=40&clusters=8&events=10&seed=0"
SMALL = ["--extractor", "mean", "--dim", 8, "--max-len", 8, "--batch-size", 128, "--threads", 1]
SEARCH = ["--trials", 3, "--finalists", 1, "--repeats", 1, "--epochs", 8, "--patience", 8]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tune") / "data"
    assert run("prepare", WORLD, "--out", folder) == 0
    return folder


def test_two_processes_continue_what_a_killed_one_began(data, tmp_path, capsys):
    out = tmp_path / "tuned"
    command = ["tune", data, "--out", out, *SMALL, *SEARCH]
    words = [sys.executable, "-m", "prismrec", *map(str, command)]
    checkpoint = out / "checkpoints" / "trial-0" / "last.safetensors"
    with subprocess.Popen(words, stderr=subprocess.PIPE) as killed:
        deadline = time.monotonic() + 120
        while not checkpoint.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        killed.kill()
    assert checkpoint.exists()
    assert not (out / "report.json").exists()
    lock = FileLock(out / "locks" / "trial-0")
    assert lock.acquire(wait=False)  # the operating system has freed it
    lock.release()

    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert run(*command, "--json") == 0
        shown, lines = (part.decode() for part in other.communicate(timeout=120))
    assert other.returncode == 0, lines
    answer = json.loads(capsys.readouterr().out)
    assert " ".join(shown.split()).startswith(answer["decision"])
    assert answer["trials"] == 3
    report = json.loads((out / "report.json").read_text())
    assert [trial["number"] for trial in report["trials"]] == [0, 1, 2]
    assert {trial["state"] for trial in report["trials"]} <= {"complete", "pruned"}
    assert not checkpoint.exists()


def test_the_settings_of_best_toml_can_be_trained(data, tmp_path, capsys):
    out = tmp_path / "tuned"
    few = ["--trials", 2, "--finalists", 1, "--repeats", 1, "--epochs", 1, "--only", "dropout"]
    assert run("tune", data, "--out", out, *SMALL, *few) == 0
    shown = capsys.readouterr()
    assert "tuned: trial 0: " in shown.err
    assert "1 of 2 trials" in shown.err
    assert f"Next: prismrec train {data} --config {out / 'best.toml'} --out MODEL" in shown.out
    text = (out / "best.toml").read_text()
    best = tomllib.loads(text)
    assert {"extractor": "mean", "dim": 8, "epochs": 1}.items() <= best.items()
    assert text.startswith("# The ")

    (out / "best.toml").write_text(text + "dropout = 0.125\nlearning_rate = 0.0123\n")
    model = tmp_path / "model"
    assert run("train", data, "--config", out / "best.toml", "--out", model, "--quiet") == 0
    settings = tomllib.loads((model / "run.toml").read_text())
    assert settings["learning_rate"] == 0.0123
    assert settings["dropout"] == 0.125


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trials", 0], "trials is 0; it must be at least 1"),
        (["--trials", "many"], "many"),
        (["--only", "droput"], "Did you mean 'dropout'?"),
        (["--only", "learning-rate"], "Did you mean 'learning_rate'? Known: block, "),
        (["--only", "learning-rate"], ", init_clusters, learning_rate, "),
        (["--extractor", "saa"], "Did you mean 'sa'?"),
    ],
)
def test_a_mistake_is_one_sentence(data, tmp_path, capsys, flags, message):
    capsys.readouterr()
    assert run("tune", data, "--out", tmp_path / "x", "--quiet", *flags) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert shown.err.count("\n") == 1


def test_a_data_set_without_validation_users_is_refused(tmp_path, capsys):
    (tmp_path / "log.csv").write_text(
        "user,item,time\n" + "".join(f"{u},{i},{i}\n" for u in range(8) for i in range(6))
    )
    assert run("prepare", tmp_path / "log.csv", "--out", tmp_path / "data") == 0
    capsys.readouterr()
    assert run("tune", tmp_path / "data", "--out", tmp_path / "x", "--quiet") == 2
    assert "validation users, but at least 20 are needed" in capsys.readouterr().err
