"""Outputs that cannot be written, or that two commands write; nothing to resume."""

import json
from pathlib import Path

import pytest

from commands import WORLD, run
from prismrec.io import only_writer, save_tensors
from prismrec.service import ServePaths

SMALL = ["--dim", 8, "--max-len", 8, "--steps", 3, "--quiet"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return the folder of a small data set."""
    folder = tmp_path_factory.mktemp("same-output") / "data"
    assert run("prepare", WORLD, "--out", folder) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("busy", ["m.run", "m-k1.run"])
def test_a_second_training_of_the_same_artifact_is_refused(data, tmp_path, capsys, busy):
    folder = tmp_path / busy
    folder.mkdir()
    command = ["train", data, "--out", tmp_path / "m", "--interests", 2, *SMALL]
    with only_writer(folder, folder):
        assert run(*command) == 2
    error = capsys.readouterr().err
    assert "another process writes it now; wait until it has finished, or give another" in error
    assert "disk" not in error
    assert not (tmp_path / "m").exists()
    assert run(*command) == 0  # the lock is free again
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "m-k1"]


@pytest.mark.slow
@pytest.mark.parametrize(("flags", "trained"), [
    ([], ["m"]), (["--interests", 2], ["m", "m-k1"]), (["--interests", 2, "--no-single"], ["m"]),
])  # fmt: skip
def test_resuming_without_a_checkpoint_is_said(data, tmp_path, capsys, flags, trained):
    out = ["--out", tmp_path / "m", "--resume"]
    assert run("train", data, *out, *SMALL, *flags) == 0
    error = capsys.readouterr().err
    assert [name for name in ("m", "m-k1") if f"{name} is trained from the beginning" in error] == (
        trained
    )


@pytest.mark.slow
def test_a_training_that_replaces_an_unfinished_one_says_so(data, tmp_path, capsys):
    last = tmp_path / "m.run" / "last.safetensors"
    command = ["train", data, "--out", tmp_path / "m", "--no-single", *SMALL]
    save_tensors(last, {}, {"progress": json.dumps({"step": 35})})
    assert run(*command) == 0
    assert "m.run has an unfinished training, at step 35. This" in capsys.readouterr().err
    last.parent.mkdir()
    last.write_bytes(b"damaged")
    assert run(*command) == 0
    assert "unfinished" not in capsys.readouterr().err


@pytest.mark.slow
def test_an_earlier_model_with_one_interest_that_stays_is_reported(data, tmp_path, capsys):
    command = ["train", data, "--out", tmp_path / "m", *(one for one in SMALL if one != "--quiet")]
    assert run(*command, "--interests", 2) == 0
    assert "earlier training" not in capsys.readouterr().err
    assert run(*command, "--interests", 3, "--no-single") == 0
    assert "m-k1 is of an earlier training" in " ".join(capsys.readouterr().err.split())


@pytest.mark.slow
def test_a_training_that_is_refused_leaves_no_folder(data, tmp_path):
    wrong = ["--categories", "--device", "cuda"]
    assert run("train", data, "--out", tmp_path / "m", *SMALL, *wrong) == 2
    assert not list(tmp_path.iterdir())


@pytest.fixture
def unused(monkeypatch):
    """Fail if a command reads its data."""

    def fail(*_, **__):
        raise AssertionError("the output was not checked before the work")

    for module in ("train", "tune", "evaluate"):
        monkeypatch.setattr(f"prismrec.cli.{module}.read_split_data", fail)
    for module in ("prepare", "demo"):
        monkeypatch.setattr(f"prismrec.cli.{module}.open_log", fail)


@pytest.mark.usefixtures("unused")
@pytest.mark.parametrize("other", ["m", "data", "file"])
@pytest.mark.slow
def test_an_artifact_that_cannot_be_written_is_refused_before_the_training(
    data, tmp_path, capsys, other
):
    out = {"data": data, "file": tmp_path / "file" / "m"}.get(other, tmp_path / "m")
    if other == "file":
        (tmp_path / other).write_text("")
    elif other != "data":
        (tmp_path / other).mkdir()
        (tmp_path / other / "notes.txt").write_text("keep")
    assert run("train", data, "--out", out, *SMALL) == 2
    error = capsys.readouterr().err
    assert ("Not a directory" if other == "file" else "it contains something else") in error


@pytest.mark.parametrize(
    ("flags", "needed"),
    [
        (["--interests", 2], True),
        (["--extractor", "prism"], True),
        (["--interests", 2, "--no-single"], False),
        (["--extractor", "gru"], False),
    ],
)
@pytest.mark.slow
def test_a_folder_of_one_interest_is_checked_if_it_will_be_written(
    data, tmp_path, capsys, monkeypatch, flags, needed
):
    def fail(*_):
        raise AssertionError("trained")

    monkeypatch.setattr("prismrec.cli.train.train_and_save", fail)
    (tmp_path / "m-k1").mkdir()
    (tmp_path / "m-k1" / "notes.txt").write_text("keep")
    command = ["train", data, "--out", tmp_path / "m", *flags]
    if needed:
        assert run(*command) == 2
        assert "m-k1 cannot be replaced" in capsys.readouterr().err
    else:
        with pytest.raises(AssertionError, match="trained"):
            run(*command)


@pytest.mark.usefixtures("unused")
def test_a_folder_that_is_no_tuning_is_refused_before_the_data_are_read(data, tmp_path, capsys):
    (tmp_path / "best.toml").write_text("keep")
    assert run("tune", data, "--out", tmp_path) == 2
    assert "it contains something else (best.toml); give another" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["best.toml"]


@pytest.mark.usefixtures("unused")
def test_a_data_set_that_cannot_be_written_is_refused_before_the_log_is_read(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("keep")
    assert run("prepare", WORLD, "--out", tmp_path) == 2
    assert "it contains something else" in capsys.readouterr().err


@pytest.mark.usefixtures("unused")
@pytest.mark.slow
def test_a_log_in_the_folder_of_the_data_set_is_refused_before_it_is_read(data, capsys):
    log = data / "log.csv"
    log.write_text("user,item,time\n")
    assert run("prepare", log, "--out", data) == 2
    assert "it contains something else (log.csv); give another" in capsys.readouterr().err
    log.unlink()
    for inputs in (
        [data / "items.parquet"], [data.parent / "*" / "items.parquet"],
        [data.parent.parent / "**" / "items.parquet"],
        [WORLD, "--items", data / "items.parquet"],
    ):  # fmt: skip
        assert run("prepare", *inputs, "--out", data) == 2
        assert f"items.parquet' is to be read, but it is in '{data}', which" in (
            capsys.readouterr().err
        )


@pytest.mark.slow
def test_the_name_of_a_data_set_may_be_that_of_its_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):  # the second time there is such a folder
        assert run("prepare", WORLD, "--out", WORLD) == 0


@pytest.mark.usefixtures("unused")
@pytest.mark.parametrize("name", ["data", "prism-k1"])
def test_a_demo_that_cannot_be_written_is_refused_before_the_work(tmp_path, capsys, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "notes.txt").write_text("keep")
    assert run("demo", "--data", WORLD, "--out", tmp_path) == 2
    assert f"{name} cannot be replaced" in capsys.readouterr().err


def test_an_artifact_with_other_files_is_refused_before_items_are_added(tmp_path, capsys):
    (tmp_path / "new.csv").write_text("item,title\n")
    (tmp_path / "manifest.json").write_text('"prismrec-artifact"')
    assert run("add", tmp_path, "--items", tmp_path / "new.csv", "--out", tmp_path) == 2
    assert "it contains something else (new.csv); give another" in capsys.readouterr().err


@pytest.mark.usefixtures("unused")
@pytest.mark.parametrize("name", ["a", "a/report", "a/report/plots"])
def test_a_report_that_cannot_be_written_is_refused_before_the_evaluation(
    data, tmp_path, capsys, name
):
    file = tmp_path / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("keep")
    assert run("evaluate", tmp_path / "m", data, "--report", tmp_path / "a" / "report") == 2
    assert "could not be written (Not a directory)" in capsys.readouterr().err
    assert file.read_text() == "keep"


@pytest.mark.usefixtures("unused")
@pytest.mark.parametrize("command", ["prepare", "train", "recommend"])
@pytest.mark.parametrize("out", [".", "..", "./", "/"])
@pytest.mark.slow
def test_an_output_without_a_name_is_refused(data, tmp_path, capsys, monkeypatch, command, out):
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    arguments = {"prepare": [WORLD], "train": [data], "recommend": ["m", "--histories", data]}
    assert run(command, *arguments[command], "--out", out) == 2
    assert "which has no name of its own; write the name of a new" in capsys.readouterr().err
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.parametrize(("command", "flags"), [
    ("prepare", ["--out", ""]), ("train", ["-o", ""]), ("recommend", ["--out="]),
    ("demo", ["--out", ""]), ("tune", ["--out", ""]), ("evaluate", ["--report", ""]),
])  # fmt: skip
def test_an_empty_path_of_an_output_is_refused(tmp_path, capsys, monkeypatch, command, flags):
    monkeypatch.chdir(tmp_path)
    assert run(command, *(["x"] if command != "demo" else []), *flags) == 2
    flag = next(each for each in reversed(flags) if each).rstrip("=")
    assert f"error: {flag} is empty; write the path" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_an_artifact_may_be_the_current_folder(data, tmp_path, capsys, monkeypatch):
    assert run("train", data, "--out", tmp_path / "m", "--interests", 2, *SMALL) == 0
    monkeypatch.chdir(tmp_path / "m")
    assert run("evaluate", ".", data, "-k", 5) == 0
    shown = capsys.readouterr().out
    assert "m-k1" in shown
    (tmp_path / "m" / "below").mkdir()
    for path in (Path(), Path("below/..")):
        assert ServePaths(artifact=path).journal == tmp_path / "m.changes"
        assert ServePaths(artifact=path).exposure_folder == tmp_path / "m.exposures"
    assert ServePaths(artifact=Path("a/b")).journal == Path("a/b.changes")
