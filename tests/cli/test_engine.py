"""Choose the engine of a command: errors that need neither Spark nor Java."""

import pytest

from commands import run
from prismrec.cli import _spark


@pytest.fixture
def histories(tmp_path):
    return ["recommend", tmp_path, "--histories", tmp_path, "--out", tmp_path / "lists"]


def failure(capsys, *arguments):
    """Run a command that fails; return its only line on stderr."""
    assert run(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize("command", ["prepare", "recommend"])
def test_without_pyspark_the_error_has_its_installation(histories, monkeypatch, capsys, command):
    monkeypatch.setattr(_spark, "find_spec", lambda _: None)
    given = histories if command == "recommend" else ["prepare", "log", "--out", histories[1]]
    line = failure(capsys, *given, "--engine", "spark")
    assert line.endswith("needs an optional dependency: pip install 'prismrec[cluster]'.")


def test_without_java_the_error_has_its_installation(histories, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(_spark, "find_spec", lambda _: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    line = failure(capsys, *histories, "--engine", "spark")
    assert "needs Java 17 or later, but there is none" in line
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    line = failure(capsys, *histories, "--engine", "spark")
    assert f"JAVA_HOME, which is {tmp_path}, has none" in line


def test_options_that_spark_does_not_have_are_refused(histories, capsys):
    line = failure(capsys, *histories, "--engine", "spark", "--shard", "1/2")
    assert "--shard is 1/2, but Spark divides the users itself" in line
    line = failure(capsys, "recommend", histories[1], "--history", "a", "--engine", "spark")
    assert "--engine spark needs --histories FILE" in line


def test_weights_are_refused_before_spark_is_started(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(_spark, "find_spec", lambda _: None)  # it cannot be started
    given = ["prepare", "log", "--out", tmp_path, "--engine", "spark"]
    for more in (["--weight-column", "rating"], ["--dislikes", "rating<=2"]):
        assert "which it does not build; use the local engine" in failure(capsys, *given, *more)
