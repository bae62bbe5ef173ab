"""Two commands that write one output, and ``--resume`` without anything to resume."""

import pytest

from commands import WORLD, run
from prismrec.io import only_writer

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
def test_a_training_that_is_refused_leaves_no_folder(data, tmp_path):
    wrong = ["--categories", "--device", "cuda"]
    assert run("train", data, "--out", tmp_path / "m", *SMALL, *wrong) == 2
    assert not list(tmp_path.iterdir())
