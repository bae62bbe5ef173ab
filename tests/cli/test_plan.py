"""Test ``prismrec plan``: lines of 80 columns, one JSON object, and errors of one sentence."""

import json

import pytest

from commands import run

SIZES = {"--users": 1_000_000, "--items": 200_000, "--events": 50_000_000}


def plan(*more, **changed):
    """Run the command with ``SIZES``, some of them changed, and more words; return its code."""
    sizes = SIZES | {f"--{name.replace('_', '-')}": value for name, value in changed.items()}
    return run("plan", *(word for option in sizes.items() for word in option), *more)


def test_a_plan_has_every_step_in_lines_of_80_columns(capsys):
    assert plan(queries_per_second=100) == 0
    lines = capsys.readouterr().out.splitlines()
    steps = [line for line in lines if line and not line.startswith(" ")]
    assert steps[:5] == ["prepare", "train", "artifact", "lists of all users", "service"]
    assert max(map(len, lines)) <= 80
    assert any("at 100 per second" in line and line.endswith("cores") for line in lines)
    assert "Times are CPU time of one core" in " ".join(lines)


@pytest.mark.parametrize("factor", [1, 1_000])
def test_a_number_beyond_the_measured_sizes_says_so_in_its_line(capsys, factor):
    assert plan(users=10_000 * factor, items=5_000 * factor, events=100_000 * factor) == 0
    text = capsys.readouterr().out
    numbers = [line for line in text.splitlines() if line.startswith("  ") and line.strip()]
    beyond = [line for line in numbers if "beyond the measured sizes" in line]
    assert len(beyond) > 5 if factor > 1 else not beyond


def test_the_json_has_sizes_machine_and_every_number(capsys):
    assert plan("--json", dim=32, interests=4, index="ivf-flat") == 0
    value = json.loads(capsys.readouterr().out)
    assert value["sizes"] == {
        "users": 1_000_000, "items": 200_000, "events": 50_000_000, "dim": 32, "interests": 4,
    }  # fmt: skip
    assert value["machine"]
    assert value["commit"]
    by_step = {(line["step"], line["what"]): line for line in value["estimates"]}
    prepare = by_step["prepare", "time"]
    assert prepare["unit"] == "CPU-s"
    assert prepare["beyond"] == ["events", "users"]
    assert ("artifact", "disk, index ivf-flat") in by_step


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"users": 0}, "0 as users"),
        ({"items": -1}, "-1 as items"),
        ({"events": 10}, "10 events of 1,000,000 users"),
        ({"events": 10**15}, "as events; use a number from 1 to"),
        ({"index": "pgvector"}, "pgvector"),
        ({"queries_per_second": 0}, "--queries-per-second"),
        ({"users": "many"}, "many"),
    ],
)
def test_bad_numbers_are_one_sentence(capsys, changed, problem):
    assert plan(**changed) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert len(shown.err.splitlines()) == 1
    assert problem in shown.err
