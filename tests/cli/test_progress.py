"""Long work reports its progress; a terminal draws it and a log gets a line in time."""

import io
import re
import time

import pytest

from commands import WORLD, run
from prismrec.cli import _progress as progress
from prismrec.cli._progress import Progress
from prismrec.io import duration, listening, part_of_stage, stage, track
from prismrec.training.loop import Step

pytestmark = pytest.mark.slow
from service.processes import wait_until


@pytest.fixture
def reports():
    """Collect the reports of a test."""
    found = []
    with listening(lambda name, share: found.append((name, round(share, 3)))):
        yield found


class Terminal(io.StringIO):
    """A stream that counts as a terminal."""

    def isatty(self):
        return True


def steps(number, validate_at=()):
    for at in range(1, number + 1):
        yield Step(at, number, {"loss": 1.0}, 100, 0.1, 0.5 if at in validate_at else None)


# ---- stages --------------------------------------------------------------------------------


def test_a_stage_reports_the_share_that_is_done(reports):
    assert list(track("abcd", "reading", 4)) == list("abcd")
    assert reports == [("reading", share) for share in (0.0, 0.25, 0.5, 0.75, 1.0)]


def test_items_count_by_their_size(reports):
    list(track(["a", "bbb"], "reading", 4, size=len))
    assert [share for _, share in reports] == [0.0, 0.25, 1.0]


def test_a_stage_inside_another_moves_the_outer_one_within_its_item(reports):
    for _ in track(range(2), "outer", 2):
        list(track(range(2), "inner", 2))
    assert {name for name, _ in reports} == {"outer"}
    assert [share for _, share in reports] == [0, 0, 0.25, 0.5, 0.5, 0.5, 0.75, 0.999, 1]


def test_parts_of_a_stage_are_reported_as_its_shares(reports):
    with stage("outer"):
        for first, last in ((0, 0.5), (0.5, 1)):
            with part_of_stage(first, last):
                list(track(range(2), "inner", 2))
    assert {name for name, _ in reports} == {"outer"}
    assert [share for _, share in reports] == [0, 0, 0.25, 0.5, 0.5, 0.75, 0.999, 1]


def test_after_a_stage_the_next_one_is_reported_by_its_own_name(reports):
    with stage("first"):
        list(track("ab", "inside", 2))
    list(track("a", "second", 1))
    assert reports[-2:] == [("second", 0.0), ("second", 1.0)]
    assert ("first", 0.5) in reports


@pytest.mark.parametrize("work", [
    lambda: list(track(_failing(), "outer", 2)), lambda: _fail_inside(stage("outer")),
])  # fmt: skip
def test_after_an_error_the_next_stage_is_not_inside_the_failed_one(reports, work):
    with pytest.raises(ZeroDivisionError):
        work()
    reports.clear()
    list(track("a", "next", 1))
    assert reports == [("next", 0.0), ("next", 1.0)]


def _failing():
    yield 1
    raise ZeroDivisionError


def _fail_inside(context):
    with context:
        raise ZeroDivisionError


def test_nothing_is_called_where_nobody_listens(reports):
    with listening(lambda *_: None):
        list(track("ab", "reading", 2))
    assert reports == []


def test_no_items_are_no_error(reports):
    assert list(track([], "reading", 0)) == []
    assert reports == [("reading", 0.0)]


# ---- lines of a log ------------------------------------------------------------------------


@pytest.mark.parametrize(("quiet", "expected"), [(False, True), (True, False)])
def test_a_long_stage_gets_lines_with_the_time_left(monkeypatch, capsys, quiet, expected):
    monkeypatch.setattr(progress, "SILENT", 0.1)
    with Progress("books", quiet=quiet):
        for _ in track(range(8), "building the index", 8):
            time.sleep(0.06)
    lines = capsys.readouterr().err.splitlines()
    left = [
        line for line in lines if re.fullmatch(r"books: building the index \d+ %, 1 s left", line)
    ]
    assert (len(left) >= 2) == expected
    assert ("books: building the index, 1 s" in lines) == expected


def test_a_stage_in_a_library_that_reports_nothing_gets_lines_too(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SILENT", 0.1)
    with Progress("books"), stage("fitting ease"):
        time.sleep(0.4)
    assert "books: fitting ease for 1 s" in capsys.readouterr().err.splitlines()


def test_a_training_has_a_line_per_validation_and_in_between(monkeypatch, capsys):
    monkeypatch.setattr(progress, "SILENT", 0.1)
    with Progress("books") as shown:
        for step in steps(6, validate_at={3}):
            time.sleep(0.06)
            shown.step(step)
    lines = capsys.readouterr().err.splitlines()
    assert any("step 3/6" in line and "valid 0.5000" in line for line in lines)
    between = [line for line in lines if "step 3/6" not in line]
    assert all(re.match(r"books: step \d/6  loss 1.000 ", line) for line in between)
    assert any(line.endswith(" s left") for line in between)


def test_the_speed_of_a_single_step_is_unknown(capsys):
    with Progress("books") as shown:
        for step in steps(1, validate_at={1}):
            shown.step(step)
    assert "step 1/1  loss 1.000  – pairs/s  valid 0.5000" in capsys.readouterr().err


def test_short_work_writes_no_line(capsys):
    with Progress("books"):
        list(track(range(3), "evaluating", 3))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(("seconds", "text"), [
    (0.2, "1 s"), (89.4, "89 s"), (90, "2 min"), (5_390, "90 min"), (7_200, "2.0 h"),
])  # fmt: skip
def test_durations_are_short_texts(seconds, text):
    assert duration(seconds) == text


# ---- a terminal ----------------------------------------------------------------------------


def test_a_terminal_shows_steps_and_stages_and_is_clean_at_the_end(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)

    def drawn():
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())

    with Progress("books") as shown:
        for step in steps(4, validate_at={2}):
            if step.step == 4:
                wait_until(lambda: "valid 0.5000" in drawn())
            shown.step(step)
        for number in track(range(3), "choosing rules", 3):
            if number == 1:
                wait_until(lambda: "33 %" in drawn())
    text = drawn()
    assert "books" in text
    assert re.search(r"\d/4", text)
    assert "valid 0.5000" in text
    assert "choosing rules" in text
    assert "33 %" in text
    assert max(map(len, re.split(r"[\r\n]", text))) <= 80


# ---- commands ------------------------------------------------------------------------------


def test_every_long_stage_of_the_commands_is_reported(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(Progress, "stage", lambda _, name, __: seen.append(name))
    data, artifact = tmp_path / "data", tmp_path / "m"
    larger = WORLD.replace("users=120", "users=300")  # enough for every choice on validation
    assert run("prepare", larger, "--out", data) == 0
    small = ("--dim", 8, "--epochs", 2, "--no-single")
    assert run("train", data, "--out", artifact, *small) == 0
    assert run("train", data, "--out", tmp_path / "n", *small, "--init-clusters", 0) == 0
    assert run("evaluate", artifact, data, "--report", tmp_path / "report") == 0
    assert run("inspect", WORLD) == 0
    wanted = (
        "building the data set", "writing the data set", "checking the events",
        "loading the data", "measuring the data", "comparing initial item vectors",
        "computing initial item vectors", "preparing the training", "evaluating",
        "building the index",
        "choosing how interests are formed", "finding candidates for rules", "choosing rules",
        "fitting ease", "measuring ease", "measuring m", "recall by depth of m",
        "the diversity trade-off of m", "the diagnosis of interests of m",
    )  # fmt: skip
    assert [name for name in wanted if name not in seen] == []
